//! Why shares could not be put where they should rest.

use super::credential::CredentialTrouble;
use crate::explain::Explain;
use crate::external::{error, quote};
use crate::files::FileRefusal;
use crate::shares::error::ShareError;
use crate::shares::tpm::TpmRefusal;
use std::io;
use std::path::PathBuf;

/// Why shares were not stored; whatever was there before is there still. Never carries a byte of a share.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// The directory is not there and cannot be made.
    #[error("cannot make the directory {}: {}", quote::sentence(directory), error::io(error))]
    NoDirectory {
        /// The directory.
        directory: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// Others could exchange a file there.
    #[error("{} is no place for shares: {cause}", quote::sentence(path))]
    Directory {
        /// The file.
        path: PathBuf,
        /// What is wrong with its directory.
        cause: FileRefusal,
    },
    /// Not the name of a file, or that of a directory.
    #[error("cannot write shares to {}: it is a directory", quote::sentence(path))]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A device, a fifo or a socket is there.
    #[error(
        "cannot write shares to {}: it is a fifo, a socket or a device, not a regular file",
        quote::sentence(path)
    )]
    NotRegular {
        /// The path.
        path: PathBuf,
    },
    /// There is a file already.
    #[error("{} is there already, and may hold the only copy of its shares", quote::sentence(path))]
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// The operating system failed.
    #[error("cannot {doing} {}: {}", quote::sentence(path), error::io(error))]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, a verb.
        doing: &'static str,
        /// What it said.
        error: io::Error,
    },
    /// The credential could not be made, or not be opened again.
    #[error("cannot store shares in {}: {cause}", quote::sentence(path))]
    Credential {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: CredentialTrouble,
    },
    /// A credential that rests there does not open.
    #[error("cannot read the shares in {}: {cause}", quote::sentence(path))]
    CredentialUnopened {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: CredentialTrouble,
    },
    /// The TPM could not seal.
    #[error("cannot seal shares for {} to the TPM: {cause}", quote::sentence(path))]
    Tpm {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: TpmRefusal,
    },
    /// What was sealed cannot be opened again.
    #[error("what was sealed for {} does not open again: {cause}", quote::sentence(path))]
    Unopened {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: Box<ShareError>,
    },
    /// The shares that rest there cannot be had any more.
    #[error("{cause}")]
    Closed {
        /// Why.
        cause: Box<ShareError>,
    },
    /// What was opened again is not what went in.
    #[error("what was written for {} and opened again is not what went in", quote::sentence(path))]
    Differs {
        /// The file.
        path: PathBuf,
    },
}

/// What to do where only root can write.
pub(crate) const AS_ROOT: &str =
    "Give the same command as root, with sudo, or name a file of your own with --output.";

impl HomeError {
    /// The user may not write there.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::NoDirectory { error, .. } | Self::Io { error, .. }
            if error.kind() == io::ErrorKind::PermissionDenied)
    }
}

impl Explain for HomeError {
    fn kind(&self) -> &'static str {
        match self {
            Self::NoDirectory { .. } => "home-directory-missing",
            Self::Directory { cause, .. } => cause.kind(),
            Self::NotAFile { .. } => "home-is-directory",
            Self::NotRegular { .. } => "home-not-regular",
            Self::Occupied { .. } => "home-occupied",
            Self::Io { .. } => "home-io",
            Self::Credential { cause, .. } | Self::CredentialUnopened { cause, .. } => cause.kind(),
            Self::Tpm { cause, .. } => cause.kind(),
            Self::Unopened { cause, .. } | Self::Closed { cause } => cause.kind(),
            Self::Differs { .. } => "home-differs",
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            error if error.is_denied() => AS_ROOT.to_owned(),
            Self::NoDirectory { directory, .. } => {
                format!("Make it: sudo install -d -m 755 {}", quote::shell(directory))
            }
            Self::Directory { cause: FileRefusal::DirectoryMode { sticky: true, .. }, .. } => {
                "Name a file in a directory of its owner's with --output; /etc/vault-unseal is meant for it."
                    .to_owned()
            }
            Self::Directory { path, cause } => cause.advice(path),
            Self::NotAFile { .. } => "Name a file in it with --output.".to_owned(),
            Self::NotRegular { .. } => "Nothing was changed. Name another file with --output.".to_owned(),
            Self::Occupied { .. } => {
                "If its shares are kept elsewhere too, --force replaces it once the new file was opened and \
                 compared. Or name another with --output."
                    .to_owned()
            }
            Self::Io { path, error, .. } => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    format!("Make room: df {}", quote::shell(path.parent().unwrap_or(path)))
                }
                _ => "See what the kernel says: journalctl -k".to_owned(),
            },
            Self::Credential { cause, .. } | Self::CredentialUnopened { cause, .. } => cause.advice(),
            Self::Tpm { cause, path } => cause.advice(Some(path)),
            Self::Unopened { cause, .. } | Self::Closed { cause } => return cause.advice(),
            Self::Differs { .. } => {
                "Nothing was changed. The disk or the TPM does not keep what it is given: see journalctl -k"
                    .to_owned()
            }
        })
    }
}
