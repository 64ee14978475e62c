//! Why a certificate, key or CA that the configuration names cannot be used. Nothing that such a file holds is in it, and
//! no word of the libraries, which repeat lines of a private key.

use super::pem::{Fault, Flaw};
use crate::explain::Explain;
use crate::external::quote::{credential_name, sentence, shell};
use crate::files::{FileRefusal, Slow};
use crate::systemd::credentials::RUNNING;
use crate::systemd::credentials_directory;
use std::path::{Path, PathBuf};

/// Why a TLS file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFileError {
    /// It cannot be read.
    #[error("cannot read {what} {}: {cause}", sentence(path))]
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
    #[error("cannot use {what} {}{}: {flaw}", sentence(path), in_line(*.line))]
    Malformed {
        /// What it was to be.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// In which line, from 1.
        line: Option<usize>,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// A directory has no certificate in PEM form.
    #[error("no file in {} holds a certificate in PEM form", sentence(.0))]
    EmptyDirectory(PathBuf),
    /// A certificate in it is not X.509.
    #[error("cannot use the certificate in {}{}: {cause}", sentence(path), in_line(Some(*.line)))]
    BadCertificate {
        /// Where.
        path: PathBuf,
        /// In which line it begins, from 1.
        line: usize,
        /// Why not.
        cause: &'static str,
    },
    /// Certificate and key do not belong together.
    #[error(
        "client_cert {} and client_key {} cannot be used together: {cause}",
        sentence(cert),
        sentence(key)
    )]
    Mismatch {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why not.
        cause: &'static str,
    },
    /// The machine trusts nobody.
    #[error("this machine's certificate store is empty{0}")]
    NoSystemRoots(String),
    /// The TLS library refused its own settings.
    #[error("the TLS library cannot be set up: {0}")]
    Library(&'static str),
}

fn in_line(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

impl TlsFileError {
    /// A flaw in the file that was to be `what`.
    pub(super) fn malformed(what: &'static str, path: PathBuf, Fault { line, flaw }: Fault) -> Self {
        Self::Malformed { what, path, line, flaw }
    }
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
            Self::Malformed { flaw, .. } => flaw.kind(),
            Self::EmptyDirectory(_) => "tls-file-empty",
            Self::BadCertificate { .. } => "tls-file-bad-certificate",
            Self::Mismatch { .. } => "tls-key-mismatch",
            Self::NoSystemRoots(_) => "no-system-roots",
            Self::Library(_) => "tls-setup",
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { path, cause: FileRefusal::Missing, .. }
                if is_credential(path) =>
            {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                format!(
                    "Give it to the service: systemctl edit vault-unseal, [Service], \
                     LoadCredential={}:/etc/vault/tls/vault-ca.crt",
                    credential_name(&name).unwrap_or_else(|_| "NAME".to_owned())
                )
            }
            Self::Unreadable { path, cause: FileRefusal::Missing, .. } => {
                format!("Check the path in `tls`, and who may read it: `ls -l {}`.", shell(path))
            }
            Self::Unreadable { what, path, cause: FileRefusal::Denied { directory: None, .. } }
                if *what != PRIVATE_KEY =>
            {
                format!("A certificate is no secret: chmod o+r {}", shell(path))
            }
            Self::Unreadable { path, cause, .. } => cause.advice(path),
            // The stand-in of a unit, as of systemd/examples/ca.conf.
            Self::Malformed { path, flaw: Flaw::Empty, .. } if is_credential(path) => format!(
                "The file behind this credential is missing or empty. To see which file LoadCredential={}: names: \
                 systemctl cat vault-unseal. Once it is in place: systemctl restart vault-unseal",
                path.file_name().unwrap_or_default().to_string_lossy()
            ),
            Self::Slow(slow) => return slow.advice(),
            Self::Malformed { what, path, flaw, .. } => flaw.advice(path, *what == PRIVATE_KEY),
            Self::EmptyDirectory(_) => "Check `ca_dir` in `tls`.".to_owned(),
            Self::BadCertificate { path, .. } => {
                format!("Inspect it: `openssl x509 -in {} -text`.", shell(path))
            }
            Self::Mismatch { .. } => {
                "The key must be the one that the certificate was issued for (RSA from 2048 bits, P-256, P-384 or Ed25519), \
                 and the certificate of version 3."
                    .to_owned()
            }
            Self::NoSystemRoots(_) => {
                "Add `ca_file = \"…\"` to `tls`, or `apt install ca-certificates`.".to_owned()
            }
            Self::Library(_) => "This is a defect of this program: please report it.".to_owned(),
        })
    }
}

/// Whether systemd was to put it there.
fn is_credential(path: &Path) -> bool {
    path.starts_with(RUNNING) || credentials_directory().is_some_and(|directory| path.starts_with(directory))
}

/// What the file of `client_key` is called.
pub(super) const PRIVATE_KEY: &str = "private key";
