//! The PEM files of certificates and keys, and the authorities that this machine trusts: those that `SSL_CERT_FILE` and
//! `SSL_CERT_DIR` name, as for OpenSSL (`SSL_CTX_load_verify_locations(3ssl)`), or else the system's store.

use super::error::{PRIVATE_KEY, TlsFileError};
use super::pem;
use crate::accounts::{Trusted, User};
use crate::external::quote::sentence;
use crate::files::{self, Content, FileRefusal, LARGEST};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::env;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const CERTIFICATE: &str = "certificate file";

/// The certificates of one PEM file in its order, each with the line that it begins in.
pub(super) struct Certificates {
    pub(super) path: PathBuf,
    pub(super) found: Vec<(usize, CertificateDer<'static>)>,
}

impl Certificates {
    /// The certificates alone: a chain.
    pub(super) fn chain(self) -> Vec<CertificateDer<'static>> {
        self.found.into_iter().map(|(_, certificate)| certificate).collect()
    }
}

/// Every certificate of a PEM file.
pub(super) fn certificates(path: &Path, trusted: &Trusted) -> Result<Certificates, TlsFileError> {
    let text = read(CERTIFICATE, path, Content::Authority, trusted)?;
    let found = pem::certificates(&text)
        .map_err(|fault| TlsFileError::malformed(CERTIFICATE, path.to_owned(), fault))?;
    Ok(Certificates { path: path.to_owned(), found })
}

/// Every certificate of a PEM file that is one; what else is in it is passed over.
fn parsable(path: &Path, trusted: &Trusted) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let text = read(CERTIFICATE, path, Content::Authority, trusted)?;
    Ok(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect())
}

/// Every certificate of every file in a directory. One that cannot be used refuses them all: whom to trust is not to
/// depend on which of them can be read.
pub(super) fn directory(path: &Path, trusted: &Trusted) -> Result<Vec<Certificates>, TlsFileError> {
    let mut found = Vec::new();
    for file in listing(path, trusted)? {
        match certificates(&file, trusted) {
            Err(TlsFileError::Unreadable { cause: FileRefusal::Directory, .. }) => {}
            certificates => found.push(certificates?),
        }
    }
    if found.is_empty() { Err(TlsFileError::EmptyDirectory(path.to_owned())) } else { Ok(found) }
}

/// The certificates of a PEM file in its order: what a server shows.
pub fn certificate_chain(
    path: &Path,
    trusted: &Trusted,
) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    Ok(certificates(path, trusted)?.chain())
}

/// The first private key of a PEM file: PKCS#8, PKCS#1 or SEC 1.
pub fn private_key(path: &Path, trusted: &Trusted) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    let text = read(PRIVATE_KEY, path, Content::PrivateKey, trusted)?;
    pem::private_key(&text).map_err(|fault| TlsFileError::malformed(PRIVATE_KEY, path.to_owned(), fault))
}

fn read(
    what: &'static str,
    path: &Path,
    content: Content,
    trusted: &Trusted,
) -> Result<Zeroizing<Vec<u8>>, TlsFileError> {
    files::read(path, content, trusted, LARGEST).map_err(|cause| TlsFileError::Unreadable {
        what,
        path: path.to_owned(),
        cause,
    })
}

pub(super) fn listing(path: &Path, trusted: &Trusted) -> Result<Vec<PathBuf>, TlsFileError> {
    let unreadable = |cause| TlsFileError::Unreadable {
        what: "directory of CA certificates",
        path: path.to_owned(),
        cause,
    };
    files::entries(path, Content::Authority, trusted).map_err(|cause| match cause {
        FileRefusal::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
            let user = User::of(trusted.this_process());
            unreadable(FileRefusal::Denied { user, directory: Some(path.to_owned()) })
        }
        cause => unreadable(cause),
    })
}

/// Where the store is one file: Debian's update-ca-certificates(8), Fedora's and openSUSE's update-ca-trust(8), Alpine.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Where it is a directory.
const DIRECTORY: &str = "/etc/ssl/certs";

/// The files and directories of the machine's authorities.
pub(super) fn system_places() -> Vec<PathBuf> {
    let (file, directories) = from_environment();
    if file.is_some() || !directories.is_empty() {
        return file.into_iter().chain(directories).collect();
    }
    vec![bundle().unwrap_or_else(|| PathBuf::from(DIRECTORY))]
}

/// Every certificate of the machine's authorities. Files that somebody else can write are refused. What is no certificate is passed over: the
/// store is not made for this program, and has more than it needs.
pub(super) fn system_certificates(trusted: &Trusted) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let mut found = Vec::new();
    for place in system_places() {
        let files = match listing(&place, trusted) {
            Err(TlsFileError::Unreadable { cause: FileRefusal::NotADirectory, .. }) => vec![place],
            Err(TlsFileError::Unreadable { cause: FileRefusal::Missing, .. }) => {
                return Err(TlsFileError::NoSystemRoots(format!(": there is no {}", sentence(&place))));
            }
            listed => listed?.into_iter().filter(|file| is_rehashed(file)).collect(),
        };
        for file in files {
            found.extend(parsable(&file, trusted)?);
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
