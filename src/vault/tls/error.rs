//! Why a certificate, key or CA that the configuration names cannot be used.

use crate::explain::Explain;
use crate::files::{FileRefusal, Slow};
use std::path::PathBuf;

/// Why a TLS file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFileError {
    /// It cannot be read.
    #[error("cannot read {what} {}: {cause}", .path.display())]
    Unreadable {
        /// What it was to be.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        cause: FileRefusal,
    },
    /// Its file system does not answer.
    #[error(transparent)]
    Slow(#[from] Slow),
    /// It is not PEM, or holds nothing of the wanted kind.
    #[error("{} holds no {what} in PEM form{detail}", .path.display())]
    Empty {
        /// What was wanted.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The parser's word, if it had one.
        detail: String,
    },
    /// A certificate in it is not X.509.
    #[error("a certificate in {} cannot be used: {cause}", .path.display())]
    BadCertificate {
        /// Where.
        path: PathBuf,
        /// Why not.
        cause: rustls::Error,
    },
    /// Certificate and key do not belong together.
    #[error("client_cert {} and client_key {} cannot be used together: {cause}", .cert.display(), .key.display())]
    Mismatch {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// The library's word.
        cause: rustls::Error,
    },
    /// The machine trusts nobody.
    #[error("this machine's certificate store is empty{0}")]
    NoSystemRoots(String),
    /// The TLS library refused its own settings.
    #[error("the TLS library cannot be set up: {0}")]
    Library(rustls::Error),
}

impl Explain for TlsFileError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable { cause, .. } => match cause {
                FileRefusal::Missing
                | FileRefusal::Denied { .. }
                | FileRefusal::Directory
                | FileRefusal::NotADirectory
                | FileRefusal::Symlink
                | FileRefusal::Io { .. } => "tls-file-unreadable",
                cause => cause.kind(),
            },
            Self::Slow(slow) => slow.kind(),
            Self::Empty { .. } => "tls-file-empty",
            Self::BadCertificate { .. } => "tls-file-bad-certificate",
            Self::Mismatch { .. } => "tls-key-mismatch",
            Self::NoSystemRoots(_) => "no-system-roots",
            Self::Library(_) => "tls-setup",
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { path, cause: FileRefusal::Missing, .. } => {
                format!("Check the path in `tls`, and who may read it: `ls -l {}`.", path.display())
            }
            Self::Unreadable { path, cause, .. } => cause.advice(path),
            Self::Slow(slow) => return slow.advice(),
            Self::Empty { path, .. } => {
                format!(
                    "It must begin with -----BEGIN …-----; `openssl x509 -in {} -noout` shows more.",
                    path.display()
                )
            }
            Self::BadCertificate { path, .. } => {
                format!("Inspect it: `openssl x509 -in {} -text`.", path.display())
            }
            Self::Mismatch { .. } => {
                "The key must be the one that the certificate was issued for.".to_owned()
            }
            Self::NoSystemRoots(_) => {
                "Set `tls = { ca_file = \"…\" }`, or `apt install ca-certificates`.".to_owned()
            }
            Self::Library(_) => "This is a defect of this program: please report it.".to_owned(),
        })
    }
}
