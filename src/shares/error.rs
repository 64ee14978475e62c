//! Why a share source was refused.

use super::credential::{CredentialRefusal, SealedFile};
use super::format::ContentRefusal;
use super::socket::SocketRefusal;
use super::source::ShareSource;
use super::tpm::error::TpmError;
use crate::explain::Explain;
use crate::external::quote;
use crate::files::FileRefusal;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Why shares could not be read. Never carries a byte of a share.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// The file is not there, or not protected as a file with shares must be. Nothing was read from it.
    #[error("cannot read shares from {}: {}", quote::sentence(.0), .1)]
    File(PathBuf, FileRefusal),
    /// The credential of this name, as it was configured, cannot be had.
    #[error("cannot read shares from credential {0:?}: {1}")]
    Credential(String, CredentialRefusal),
    /// The credential that is read in place of a sealed file cannot be had.
    #[error("cannot read shares from credential {name:?} in place of {}: {cause}", quote::sentence(path))]
    Copy {
        /// The credential's name, which is the file's.
        name: String,
        /// The sealed file as it was configured.
        path: PathBuf,
        /// What is wrong.
        cause: CredentialRefusal,
    },
    /// There is no sealed file, or the credential in its place is the empty one that a unit gives where there is none.
    #[error("cannot read shares from {}: {}", .0, if .0.is_copy() {
        "it is empty, and there was no such file when the service started"
    } else {
        "there is no such file"
    })]
    NotSealed(SealedFile),
    /// The TPM does not give them, or the file is nothing for it.
    #[error("cannot open the shares in {0} with the TPM: {1}")]
    Tpm(SealedFile, TpmError),
    /// The credential of this name, as it was configured, has nothing in it; the file that the unit names.
    #[error(
        "cannot use the shares in credential {:?}{}: it is empty", .0,
        .1.as_deref().map(|path| format!(", from {}", quote::sentence(path))).unwrap_or_default()
    )]
    EmptyCredential(String, Option<PathBuf>),
    /// The service behind this socket does not give them.
    #[error("cannot read shares from the socket {}: {}", quote::sentence(.0), .1)]
    Socket(PathBuf, SocketRefusal),
    /// The source was read, but what it holds cannot be used.
    #[error("cannot use the shares in {0}: {1}")]
    Content(ShareSource, ContentRefusal),
}

impl ShareError {
    /// Of the file at this path, for `map_err`.
    pub(super) fn of_file(path: &Path) -> impl Fn(FileRefusal) -> Self + '_ {
        |cause| Self::File(path.to_owned(), cause)
    }
}

impl Explain for ShareError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::File(path, cause) => cause.explained(path),
            Self::Credential(name, cause) | Self::Copy { name, cause, .. } => cause.explained(name),
            Self::EmptyCredential(_, made_from) => {
                let (file, place) = match made_from {
                    Some(path) => ("", format!("into {}", quote::shell(path))),
                    None => (
                        ", from the file that `systemctl cat vault-unseal` names in LoadCredential=",
                        "there".to_owned(),
                    ),
                };
                let advice = format!(
                    "It is made when the service starts{file}: put the shares {place}, then restart the service."
                );
                ("empty", advice)
            }
            Self::NotSealed(file) => {
                let restart = if file.is_copy() { ", then restart the service" } else { "" };
                let path = quote::shell(file.path());
                let advice =
                    format!("Seal the shares: vault-unseal enroll FILE --tpm2 --output {path}{restart}");
                ("sealed-file-missing", advice)
            }
            Self::Tpm(file, cause) => cause.explained(Some(file.path())),
            Self::Socket(path, cause) => cause.explained(path),
            Self::Content(origin, cause) => cause.explained(origin),
        };
        (kind, Some(advice.into()))
    }
}
