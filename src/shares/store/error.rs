//! Why shares could not be put where they should be stored, or not be had from there.

use super::credential::SystemdCredsError;
use crate::explain::Explain;
use crate::external::{error, quote};
use crate::files::FileRefusal;
use crate::shares::error::ShareError;
use crate::shares::tpm::error::TpmError;
use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

/// Why shares were not stored, in which file; whatever was there before is there still. Never carries a byte of a share.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory is not there and cannot be made.
    #[error("cannot make the directory {}: {}", quote::sentence(.0), error::io(.1))]
    NoDirectory(PathBuf, io::Error),
    /// Others could exchange a file there.
    #[error("{} is no place for shares: {}", quote::sentence(.0), .1)]
    Directory(PathBuf, FileRefusal),
    /// Not the name of a file, or that of a directory.
    #[error("cannot write shares to {}: it is a directory", quote::sentence(.0))]
    NotAFile(PathBuf),
    /// A device, a fifo or a socket is there.
    #[error("cannot write shares to {}: it is a fifo, a socket or a device, not a regular file", quote::sentence(.0))]
    NotRegular(PathBuf),
    /// There is a file already.
    #[error("{} is there already, and may hold the only copy of its shares", quote::sentence(path))]
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// The operating system failed at something: a verb.
    #[error("cannot {} {}: {}", .1, quote::sentence(.0), error::io(.2))]
    Io(PathBuf, &'static str, io::Error),
    /// The credential could not be made, or not be opened again.
    #[error("cannot store shares in {}: {}", quote::sentence(.0), .1)]
    Credential(PathBuf, SystemdCredsError),
    /// A credential that is stored there does not open.
    #[error("cannot read the shares in {}: {}", quote::sentence(.0), .1)]
    CredentialUnopened(PathBuf, SystemdCredsError),
    /// The TPM could not seal.
    #[error("cannot seal shares for {} to the TPM: {}", quote::sentence(.0), .1)]
    Tpm(PathBuf, TpmError),
    /// What was sealed cannot be opened again.
    #[error("what was sealed for {} does not open again: {}", quote::sentence(.0), .1)]
    Unopened(PathBuf, Box<ShareError>),
    /// The shares that are stored there cannot be had any more.
    #[error(transparent)]
    Closed(Box<ShareError>),
    /// What was opened again is not what went in.
    #[error("what was written for {} and opened again is not what went in", quote::sentence(.0))]
    Differs(PathBuf),
}

/// What to do where only root can write.
pub(crate) const AS_ROOT: &str =
    "Give the same command as root, with sudo, or name a file of your own with --output.";

impl From<ShareError> for StoreError {
    fn from(error: ShareError) -> Self {
        Self::Closed(Box::new(error))
    }
}

impl StoreError {
    /// The user may not write there.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::NoDirectory(_, error) | Self::Io(_, _, error)
            if error.kind() == io::ErrorKind::PermissionDenied)
    }
}

impl Explain for StoreError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let explained = |(kind, advice): (_, String)| (kind, Some(advice.into()));
        let (kind, advice) = match self {
            Self::NoDirectory(..) if self.is_denied() => ("home-directory-missing", AS_ROOT),
            Self::NoDirectory(directory, _) => {
                let advice = format!("Make it: sudo install -d -m 755 {}", quote::shell(directory));
                return ("home-directory-missing", Some(advice.into()));
            }
            Self::Directory(_, cause @ FileRefusal::DirectoryMode { sticky: true, .. }) => (
                cause.kind(),
                "Name a file in a directory of its owner's with --output; /etc/vault-unseal is meant for it.",
            ),
            Self::Directory(path, cause) => return explained((cause.kind(), cause.advice(path))),
            Self::NotAFile(_) => ("home-is-directory", "Name a file in it with --output."),
            Self::NotRegular(_) => {
                ("home-not-regular", "Nothing was changed. Name another file with --output.")
            }
            Self::Occupied { .. } => (
                "home-occupied",
                "If its shares are kept elsewhere too, --force replaces it once the new file was opened and \
                 compared. Or name another with --output.",
            ),
            Self::Io(..) if self.is_denied() => ("home-io", AS_ROOT),
            Self::Io(path, _, error) => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    let directory = quote::shell(path.parent().unwrap_or(path));
                    return ("home-io", Some(format!("Make room: df {directory}").into()));
                }
                _ => ("home-io", "See what the kernel says: journalctl -k"),
            },
            Self::Credential(_, cause) | Self::CredentialUnopened(_, cause) => {
                return explained(cause.explained());
            }
            Self::Tpm(path, cause) => return explained((cause.kind(), cause.advice(Some(path)))),
            Self::Unopened(_, cause) | Self::Closed(cause) => return cause.kind_and_advice(),
            Self::Differs(_) => (
                "home-differs",
                "Nothing was changed. The disk or the TPM does not keep what it is given: see journalctl -k",
            ),
        };
        (kind, Some(advice.into()))
    }
}
