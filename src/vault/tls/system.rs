//! The authorities that this machine trusts: those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, as for OpenSSL
//! (`SSL_CTX_load_verify_locations(3ssl)`), or else the system's store.

use super::{TlsFileError, files};
use crate::accounts::Trusted;
use crate::external::quote::sentence;
use crate::files::FileRefusal;
use rustls::pki_types::CertificateDer;
use std::env;
use std::path::{Path, PathBuf};

/// Where the store is one file: Debian's update-ca-certificates(8), Fedora's and openSUSE's update-ca-trust(8), Alpine.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Where it is a directory.
const DIRECTORY: &str = "/etc/ssl/certs";

/// The files and directories that are read.
pub(super) fn places() -> Vec<PathBuf> {
    let (file, directories) = from_environment();
    if file.is_some() || !directories.is_empty() {
        return file.into_iter().chain(directories).collect();
    }
    vec![bundle().unwrap_or_else(|| PathBuf::from(DIRECTORY))]
}

/// Every certificate in them. Files that somebody else can write are refused. What is no certificate is passed over: the
/// store is not made for this program, and has more than it needs.
pub(super) fn certificates(trusted: &Trusted) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let mut found = Vec::new();
    for place in places() {
        let files = match files::listing(&place, trusted) {
            Err(TlsFileError::Unreadable { cause: FileRefusal::NotADirectory, .. }) => vec![place],
            Err(TlsFileError::Unreadable { cause: FileRefusal::Missing, .. }) => {
                return Err(TlsFileError::NoSystemRoots(format!(": there is no {}", sentence(&place))));
            }
            listed => listed?.into_iter().filter(|file| is_rehashed(file)).collect(),
        };
        for file in files {
            found.extend(files::parsable(&file, trusted)?);
        }
    }
    Ok(found)
}

fn from_environment() -> (Option<PathBuf>, Vec<PathBuf>) {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    let directories = set("SSL_CERT_DIR").map(|list| env::split_paths(&list).collect());
    (set("SSL_CERT_FILE").map(PathBuf::from), directories.unwrap_or_default())
}

fn bundle() -> Option<PathBuf> {
    BUNDLES.map(Path::new).into_iter().find(|path| path.exists()).map(Path::to_owned)
}

/// `1f2e3d4c.0`.
fn is_rehashed(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let digits = |text: &str, digit: fn(char) -> bool| !text.is_empty() && text.chars().all(digit);
    name.split_once('.').is_some_and(|(hash, number)| {
        hash.len() == 8 && digits(hash, |c| c.is_ascii_hexdigit()) && digits(number, |c| c.is_ascii_digit())
    })
}
