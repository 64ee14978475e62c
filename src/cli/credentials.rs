//! The files behind the credentials that systemd hands to the service: whoever can read or write them has what the
//! service trusts. Told, and never fatal: the servers matter more.

use crate::accounts::Trusted;
use crate::cluster::ShareSource;
use crate::config::{Settings, TlsSettings};
use crate::explain::Explanation;
use crate::external::quote;
use crate::files::{Content, FileRefusal, SourceVerdict, below, judge_source};
use crate::systemd::credentials_directory;
use crate::systemd::units::{CredentialOrigin, Unit};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the service has directories of its own for (`PrivateTmp=`).
const REPLACED: [&str; 2] = ["/tmp", "/var/tmp"];

/// A credential whose source is not as it must be, or cannot be looked at.
pub(super) struct CredentialProblem {
    /// What is so.
    pub(super) what: Explanation,
    /// Why somebody else can read or write it; `None` where that cannot be told.
    pub(super) refusal: Option<FileRefusal>,
}

impl CredentialProblem {
    /// Somebody else can read or write it.
    fn refused(name: &str, path: &Path, refusal: FileRefusal) -> Self {
        let message = format!("credential \"{name}\" comes from {}: {refusal}", quote::sentence(path));
        let (kind, advice) = refusal.explained(path);
        Self { what: Explanation::new(kind, message, advice), refusal: Some(refusal) }
    }

    /// It cannot be told from here.
    fn unseen(message: String, advice: &str) -> Self {
        Self { what: Explanation::new("credential-source-unseen", message, advice), refusal: None }
    }

    /// The sandbox of the service hides it, or who looks is not root.
    fn hidden(name: &str, path: &Path) -> Self {
        let file = quote::sentence(path);
        let message = format!(
            "whether others can get at {file}, where credential \"{name}\" comes from, cannot be seen by the service"
        );
        Self::unseen(message, "sudo vault-unseal check")
    }

    /// Whether nothing but the file's mode lets others read it, and nobody else can write it.
    pub(super) fn is_readable_by_mode(&self) -> bool {
        matches!(self.refusal, Some(FileRefusal::Mode { mode, .. }) if mode & 0o022 == 0)
    }
}

/// Judges what this process was given by the unit that it runs in. Blocks on the file system.
pub(super) fn of_this_process(settings: &Settings) -> Vec<CredentialProblem> {
    let Some(directory) = credentials_directory() else { return Vec::new() };
    // systemd names it after the unit.
    let unit = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match Unit::load(Path::new("/"), &unit) {
        Some(unit) => judge(settings, &unit, &directory, &MachineView { root: Path::new("/"), inside: true }),
        None => uses(settings, &directory, &[])
            .into_keys()
            .map(|name| {
                let unit = quote::sentence(Path::new(&unit));
                CredentialProblem::unseen(
                    format!(
                        "which file credential \"{name}\" comes from cannot be seen: there is no unit {unit}"
                    ),
                    "See that nobody but root can change or, if it is secret, read that file.",
                )
            })
            .collect(),
    }
}

/// From where a machine is looked at.
pub(super) struct MachineView<'a> {
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
    view: &MachineView<'_>,
) -> Vec<CredentialProblem> {
    let mut problems = Vec::new();
    for (name, content) in uses(settings, directory, &unit.loaded_credentials()) {
        match unit.credential(&name).or_else(|| unit.credential_in_directory(&name)) {
            Some(origin @ CredentialOrigin::File { encrypted, .. }) => {
                // Nobody but this machine can read what is encrypted.
                let content = if encrypted { Content::Authority } else { content };
                problems.extend(problem(&name, origin.places(), content, &settings.trusted, view));
            }
            Some(CredentialOrigin::Specifier(path)) => {
                let file = quote::sentence(&path);
                let message = format!(
                    "credential \"{name}\" comes from {file}: only systemd knows what the % stands for, and whether others \
                     can get at the file is not looked at"
                );
                problems
                    .push(CredentialProblem::unseen(message, "Write the path in full in LoadCredential=."));
            }
            Some(CredentialOrigin::Unit) | None => {}
        }
    }
    problems
}

fn problem(
    name: &str,
    places: Vec<PathBuf>,
    content: Content,
    trusted: &Trusted,
    view: &MachineView<'_>,
) -> Option<CredentialProblem> {
    for path in places {
        let at = below(view.root, &path);
        return match judge_source(&at, content, trusted) {
            SourceVerdict::Missing if view.inside && REPLACED.iter().any(|own| path.starts_with(own)) => {
                Some(CredentialProblem::hidden(name, &path))
            }
            SourceVerdict::Missing => continue,
            SourceVerdict::Good => None,
            SourceVerdict::Unseen(_) => Some(CredentialProblem::hidden(name, &path)),
            SourceVerdict::Refused(cause) => Some(CredentialProblem::refused(name, &path, cause)),
            SourceVerdict::RefusedEntry(entry, cause) => {
                let entry = entry.strip_prefix(view.root).unwrap_or(&entry);
                Some(CredentialProblem::refused(name, &Path::new("/").join(entry), cause))
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
            Some(ShareSource::Credential(name)) => add(Path::new(name), Content::Shares),
            Some(ShareSource::Tpm2 { path, .. }) => add(path, Content::Shares),
            Some(ShareSource::File(_) | ShareSource::Socket(_)) | None => {}
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
