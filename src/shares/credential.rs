//! Shares in a systemd credential: systemd.exec(5), `LoadCredential=` and its relatives.
//!
//! The directory is made by systemd for this process alone, so owner and mode are its business: the files may
//! belong to root and be readable through an access control list.
//!
//! A file that a TPM sealed is read from its own path, or from the copy that systemd made of it for the service, which
//! runs as a user of its own, who cannot read a file of root's with mode 0600. `LoadCredential=` hands it over under
//! the file's name, and then the copy counts.

use super::share::LIMIT;
use crate::external::quote;
use crate::files::{self, FileRefusal};
use crate::ordered;
use crate::systemd::units::{CredentialOrigin, Unit};
use rustix::fs::{AtFlags, CWD, FileType, statat};
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub(super) use crate::systemd::credentials_directory as directory;

/// How many names an error lists.
const MOST_NAMES: usize = 10;

/// Why a credential was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialRefusal {
    /// Not started by systemd with credentials.
    #[error("$CREDENTIALS_DIRECTORY is not set: this process was given no credentials")]
    NoDirectory,
    /// The name would leave the directory.
    #[error("a credential's name is a plain file name of at most 255 bytes")]
    Name,
    /// Nothing of that name; the names that are there, sorted.
    #[error("there is no such credential; {}", there(.0))]
    Missing(Vec<String>),
    /// A directory (`LoadCredential=` of a directory makes names with `_`), or something stranger.
    #[error("it is not a regular file")]
    NotRegular,
    /// It is too large, or cannot be read for another reason.
    #[error(transparent)]
    File(FileRefusal),
}

impl CredentialRefusal {
    /// A stable word for each refusal, and what to do about it; `name` is the credential.
    pub(super) fn explained(&self, name: &str) -> (&'static str, String) {
        let give = || {
            format!(
                "For the service, give it to the unit: systemctl edit vault-unseal, [Service], \
                 LoadCredential={name}:/etc/vault-unseal/{name}.json\nBy hand, name the file: --shares-file FILE; with several \
                 clusters: shares = {{ file = \"FILE\" }}",
                name = quote::credential_name(name).unwrap_or_else(|_| "NAME".to_owned())
            )
        };
        let look = || {
            let name = quote::shell_word(name);
            format!("See what it is made from: systemctl cat vault-unseal | grep -F {name}")
        };
        match self {
            Self::NoDirectory => ("credentials-directory-unset", give()),
            Self::Missing(_) => ("credential-missing", give()),
            Self::Name => (
                "credential-name",
                "Take a name without / such as \"shares\", in the unit and in the configuration.".to_owned(),
            ),
            Self::NotRegular => ("credential-not-regular", look()),
            Self::File(FileRefusal::Oversized(_)) => ("oversized", look()),
            Self::File(_) => ("credential-io", look()),
        }
    }
}

/// The file that a credential of this process is made from, where its unit names one.
pub(super) fn made_from(name: &str) -> Option<PathBuf> {
    match origin(name)? {
        CredentialOrigin::File { path, .. } => Some(path),
        CredentialOrigin::Specifier(_) | CredentialOrigin::Unit => None,
    }
}

/// The same, unless only systemd can open it.
pub(super) fn plain_source(name: &str) -> Option<PathBuf> {
    match origin(name)? {
        CredentialOrigin::File { path, encrypted: false, .. } => Some(path),
        _ => None,
    }
}

/// What this process's unit says of a credential. systemd calls the directory after the unit.
fn origin(name: &str) -> Option<CredentialOrigin> {
    Unit::load(Path::new("/"), directory()?.file_name()?.to_str()?)?.credential(name)
}

/// Reads the credential `name` in `directory`.
pub(super) fn read(directory: Option<&Path>, name: &str) -> Result<Zeroizing<Vec<u8>>, CredentialRefusal> {
    if !is_plain(name) {
        return Err(CredentialRefusal::Name);
    }
    let directory = directory.ok_or(CredentialRefusal::NoDirectory)?;
    let path = directory.join(name);
    // systemd makes no links there.
    if statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    {
        return Err(CredentialRefusal::NotRegular);
    }
    files::read_unjudged(&path, LIMIT).map_err(|cause| match cause {
        FileRefusal::Missing => CredentialRefusal::Missing(names(directory)),
        FileRefusal::NotRegular | FileRefusal::Directory => CredentialRefusal::NotRegular,
        cause => CredentialRefusal::File(cause),
    })
}

/// What systemd takes as a name (`credential_name_valid`), as far as it matters here.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && name != "." && name != ".." && !name.contains(['/', '\0'])
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    ordered::set(names).into_iter().collect()
}

fn there(present: &[String]) -> String {
    if present.is_empty() {
        return "there are none".to_owned();
    }
    let shown: Vec<String> = present.iter().take(MOST_NAMES).map(|name| format!("{name:?}")).collect();
    let more = if present.len() > MOST_NAMES { ", ..." } else { "" };
    format!("there are {}{more}", shown.join(", "))
}

/// A sealed file, as this process reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFile {
    /// The file as it was configured.
    path: PathBuf,
    /// The directory with the credential that is read in its place.
    credentials: Option<PathBuf>,
}

impl SealedFile {
    /// The file itself, whatever credentials there are.
    pub fn itself(path: &Path) -> Self {
        Self { path: path.to_owned(), credentials: None }
    }

    /// The credential of the file's name if this process was given one, else the file itself.
    pub fn configured(path: &Path) -> Self {
        Self::with_credentials(path, directory())
    }

    pub(super) fn with_credentials(path: &Path, directory: Option<PathBuf>) -> Self {
        let file = Self { path: path.to_owned(), credentials: directory };
        // Whatever is there was meant to be it, and what is wrong with it is then told.
        let given =
            file.copy().is_some_and(|(directory, name)| directory.join(name).symlink_metadata().is_ok());
        Self { credentials: file.credentials.filter(|_| given), path: file.path }
    }

    /// The file as it was configured.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a credential is read in its place.
    pub fn is_copy(&self) -> bool {
        self.copy().is_some()
    }

    /// The directory and the name of the credential that is read in its place.
    pub(super) fn copy(&self) -> Option<(&Path, &str)> {
        Some((self.credentials.as_deref()?, self.path.file_name()?.to_str()?))
    }

    /// What is opened for it.
    pub fn location(&self) -> PathBuf {
        self.copy().map_or_else(|| self.path.clone(), |(directory, name)| directory.join(name))
    }
}

/// As sentences name it: `/etc/vault-unseal/shares.tpm2`, or the credential and what it stands for.
impl fmt::Display for SealedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = quote::sentence(&self.path);
        match self.copy() {
            Some((_, name)) => write!(f, "credential {name:?} in place of {path}"),
            None => f.write_str(&path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;
    use crate::shares::error::ShareError;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn refusal(directory: Option<&Path>, name: &str) -> ShareError {
        let cause = read(directory, name).expect_err(name);
        ShareError::Credential(name.to_owned(), cause)
    }

    #[test]
    fn what_systemd_hands_over_is_read_whatever_its_mode() {
        let directory = crate::testing::directory();
        let path = directory.path().join("shares");
        fs::write(&path, "share").unwrap();
        // With an access control list for the service's user, the mask shows as group bits.
        for mode in [0o400, 0o440, 0o444, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(Some(directory.path()), "shares").unwrap().as_slice(), b"share");
        }
    }

    #[test]
    fn a_missing_credential_is_told_beside_those_that_are_there() {
        let directory = crate::testing::directory();
        let error = refusal(Some(directory.path()), "shares");
        assert_eq!(error.kind(), "credential-missing");
        assert!(error.to_string().ends_with("there is no such credential; there are none"), "{error}");
        for name in ["share", "ca"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let error = refusal(Some(directory.path()), "shares");
        assert_eq!(
            error.to_string(),
            "cannot read shares from credential \"shares\": there is no such credential; \
             there are \"ca\", \"share\""
        );
        assert!(error.advice().unwrap().contains("LoadCredential=shares:"), "{error}");
        for number in 0..20 {
            fs::write(directory.path().join(format!("many{number}")), "").unwrap();
        }
        assert!(refusal(Some(directory.path()), "shares").to_string().ends_with(", ..."));
    }

    #[test]
    fn every_other_refusal_has_its_word() {
        let directory = crate::testing::directory();
        fs::write(directory.path().join("large"), vec![b'#'; LIMIT + 1]).unwrap();
        fs::create_dir(directory.path().join("directory")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join("link")).unwrap();
        let here = Some(directory.path());
        for (directory, name, kind) in [
            (None, "shares", "credentials-directory-unset"),
            (here, "", "credential-name"),
            (here, "..", "credential-name"),
            (here, "../shares", "credential-name"),
            (here, "/etc/passwd", "credential-name"),
            (None, "a/b", "credential-name"),
            (here, "large", "oversized"),
            (here, "directory", "credential-not-regular"),
            (here, "link", "credential-not-regular"),
        ] {
            let error = refusal(directory, name);
            assert_eq!(error.kind(), kind, "{name}");
            assert!(error.advice().is_some(), "{name}");
        }
    }
}
