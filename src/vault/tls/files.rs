//! The PEM files of certificates and keys, and noticing that they were renewed.

use super::error::{PRIVATE_KEY, TlsFileError};
use super::pem;
use crate::accounts::{Trusted, User};
use crate::files::{self, Content, FileRefusal, LARGEST};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
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
pub(super) fn parsable(path: &Path, trusted: &Trusted) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
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

/// The first private key of a PEM file: PKCS#8, PKCS#1 or SEC 1.
pub(super) fn private_key(path: &Path, trusted: &Trusted) -> Result<PrivateKeyDer<'static>, TlsFileError> {
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
        FileRefusal::Io { error } if error.kind() == ErrorKind::PermissionDenied => {
            let user = User::of(trusted.this_process());
            unreadable(FileRefusal::Denied { user, directory: Some(path.to_owned()) })
        }
        cause => unreadable(cause),
    })
}
