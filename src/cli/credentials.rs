//! The files behind the credentials that systemd hands to the service: whoever can read or write them has what the
//! service trusts. DaemonStatus, and never fatal: the servers matter more.

use crate::accounts::Trusted;
use crate::config::{Settings, TlsSettings};
use crate::explain::Explain;
use crate::external::quote;
use crate::files::{Content, FileRefusal, SourceVerdict, judge_source};
use crate::shares::Source;
use crate::systemd::credentials_directory;
use crate::systemd::units::{CredentialOrigin, Unit};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the service has directories of its own for (`PrivateTmp=`).
const REPLACED: [&str; 2] = ["/tmp", "/var/tmp"];

/// A credential whose source is not as it must be, or cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum CredentialProblem {
    /// Somebody else can read or write it.
    #[error("credential \"{name}\" comes from {}: {cause}", quote::sentence(path))]
    Refused { name: String, path: PathBuf, cause: FileRefusal },
    /// It cannot be told from here.
    #[error(
        "whether others can get at {}, where credential \"{name}\" comes from, cannot be seen by the service",
        quote::sentence(path)
    )]
    Unseen { name: String, path: PathBuf },
    /// The unit does not say which file it is.
    #[error(
        "credential \"{name}\" comes from {}: only systemd knows what the % stands for, and whether others can get at the \
         file is not looked at",
        quote::sentence(path)
    )]
    Specifier { name: String, path: PathBuf },
    /// Nothing says which file it is.
    #[error(
        "which file credential \"{name}\" comes from cannot be seen: there is no unit {}",
        quote::sentence(Path::new(unit))
    )]
    NoUnit { name: String, unit: String },
}

impl CredentialProblem {
    /// Whether somebody else can get at it.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// Whether nothing but the file's mode lets others read it, and nobody else can write it.
    pub(super) fn is_readable_by_mode(&self) -> bool {
        matches!(self, Self::Refused { cause: FileRefusal::Mode { mode, .. }, .. } if mode & 0o022 == 0)
    }
}

impl Explain for CredentialProblem {
    fn kind(&self) -> &'static str {
        match self {
            Self::Refused { cause, .. } => cause.kind(),
            Self::Unseen { .. } | Self::Specifier { .. } | Self::NoUnit { .. } => "credential-source-unseen",
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Refused { path, cause, .. } => cause.advice(path),
            Self::Unseen { .. } => "sudo vault-unseal check".to_owned(),
            Self::Specifier { .. } => "Write the path in full in LoadCredential=.".to_owned(),
            Self::NoUnit { .. } => {
                "See that nobody but root can change or, if it is secret, read that file.".to_owned()
            }
        })
    }
}

/// Judges what this process was given by the unit that it runs in. Blocks on the file system.
pub(super) fn of_this_process(settings: &Settings) -> Vec<CredentialProblem> {
    let Some(directory) = credentials_directory() else { return Vec::new() };
    // systemd names it after the unit.
    let unit = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match Unit::load(Path::new("/"), &unit) {
        Some(unit) => judge(settings, &unit, &directory, &View { root: Path::new("/"), inside: true }),
        None => uses(settings, &directory, &[])
            .into_keys()
            .map(|name| CredentialProblem::NoUnit { name, unit: unit.clone() })
            .collect(),
    }
}

/// From where a machine is looked at.
pub(super) struct View<'a> {
    /// Its root directory.
    pub(super) root: &'a Path,
    /// From inside the service, whose sandbox shows other directories in some places.
    pub(super) inside: bool,
}

/// Judges the sources of all credentials that the settings use and the unit loads from files. `directory` is where the
/// service finds its credentials.
pub(super) fn judge(
    settings: &Settings,
    unit: &Unit,
    directory: &Path,
    view: &View<'_>,
) -> Vec<CredentialProblem> {
    let mut problems = Vec::new();
    for (name, content) in uses(settings, directory, &unit.loaded_credentials()) {
        match unit.credential(&name).or_else(|| unit.credential_in_directory(&name)) {
            Some(origin @ CredentialOrigin::File { encrypted, .. }) => {
                // Nobody but this machine can read what is encrypted.
                let content = if encrypted { Content::Authority } else { content };
                problems.extend(problem(name, origin.places(), content, &settings.trusted, view));
            }
            Some(CredentialOrigin::Specifier(path)) => {
                problems.push(CredentialProblem::Specifier { name, path });
            }
            Some(CredentialOrigin::Unit) | None => {}
        }
    }
    problems
}

fn problem(
    name: String,
    places: Vec<PathBuf>,
    content: Content,
    trusted: &Trusted,
    view: &View<'_>,
) -> Option<CredentialProblem> {
    for path in places {
        let at = view.root.join(path.strip_prefix("/").unwrap_or(&path));
        return match judge_source(&at, content, trusted) {
            SourceVerdict::Missing if view.inside && REPLACED.iter().any(|own| path.starts_with(own)) => {
                Some(CredentialProblem::Unseen { name, path })
            }
            SourceVerdict::Missing => continue,
            SourceVerdict::Good => None,
            SourceVerdict::Unseen(_) => Some(CredentialProblem::Unseen { name, path }),
            SourceVerdict::Refused(cause) => Some(CredentialProblem::Refused { name, path, cause }),
            SourceVerdict::RefusedEntry(entry, cause) => {
                let entry = entry.strip_prefix(view.root).unwrap_or(&entry);
                Some(CredentialProblem::Refused { name, path: Path::new("/").join(entry), cause })
            }
        };
    }
    // That it is missing is told by whoever needs it.
    None
}

/// The names of the credentials that are used, and what they hold; what is used twice is judged by the stricter rule.
/// `loaded` are all that the unit loads.
fn uses(settings: &Settings, directory: &Path, loaded: &[String]) -> BTreeMap<String, Content> {
    let mut uses = BTreeMap::new();
    let mut add = |path: &Path, content| {
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            uses.entry(name.to_owned()).or_insert(content);
        }
    };
    for cluster in &settings.clusters {
        match &cluster.shares {
            Some(Source::Credential(name)) => add(Path::new(name), Content::Shares),
            Some(Source::Tpm2 { path, .. }) => add(path, Content::Shares),
            Some(Source::File(_)) | None => {}
        }
    }
    let given = |path: &&PathBuf| path.parent() == Some(directory);
    let every_tls = || settings.clusters.iter().map(|cluster| &cluster.tls);
    for tls in every_tls() {
        tls.client_key.iter().filter(given).for_each(|path| add(path, Content::PrivateKey));
    }
    for TlsSettings { ca_file, ca_dir, ca_credential, client_cert, .. } in every_tls() {
        if let Some(credential) = ca_credential {
            add(Path::new(&credential.name), Content::Authority);
        }
        [ca_file, client_cert]
            .into_iter()
            .flatten()
            .filter(given)
            .for_each(|path| add(path, Content::Authority));
        // systemd makes no directories there: every file is an authority then.
        if ca_dir.as_ref().is_some_and(|path| path.starts_with(directory)) {
            for name in loaded {
                add(Path::new(name), Content::Authority);
            }
        }
    }
    uses
}
