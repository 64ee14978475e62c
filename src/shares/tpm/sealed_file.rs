//! Where a sealed file is read from: its own path, or the copy that systemd made of it for the service.
//!
//! The service runs as a user of its own, who cannot read a file of root's with mode 0600. `LoadCredential=` hands it
//! over under the file's name, and then the copy counts.

use crate::external::quote;
use crate::shares::credential;
use std::fmt;
use std::path::{Path, PathBuf};

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
        Self::with_credentials(path, credential::directory())
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
