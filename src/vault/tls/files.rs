//! The PEM files of certificates and keys, and noticing that they were renewed.

use super::{TlsFileError, system};
use crate::accounts::Trusted;
use crate::config::TlsSettings;
use crate::files::{self, Content, FileRefusal, FileVersion, LARGEST};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Every certificate of a PEM file, in its order.
pub(super) fn certificates(
    path: &Path,
    trusted: &Trusted,
) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let text = read("certificate file", path, Content::Authority, trusted)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|cause| empty(path, &cause))?;
    if certificates.is_empty() {
        return Err(TlsFileError::Empty {
            what: "certificate",
            path: path.to_owned(),
            detail: String::new(),
        });
    }
    Ok(certificates)
}

/// Every certificate of a PEM file that is one; what else is in it is passed over.
pub(super) fn parsable(path: &Path, trusted: &Trusted) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let text = read("certificate file", path, Content::Authority, trusted)?;
    Ok(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect())
}

/// Every certificate of every file in a directory, with the file. One that cannot be used refuses them all: whom to
/// trust is not to depend on which of them can be read.
pub(super) fn directory(
    path: &Path,
    trusted: &Trusted,
) -> Result<Vec<(PathBuf, Vec<CertificateDer<'static>>)>, TlsFileError> {
    let mut found = Vec::new();
    for file in listing(path, trusted)? {
        match certificates(&file, trusted) {
            Err(TlsFileError::Unreadable { cause: FileRefusal::Directory, .. }) => {}
            certificates => found.push((file, certificates?)),
        }
    }
    if found.is_empty() {
        return Err(TlsFileError::Empty {
            what: "certificate",
            path: path.to_owned(),
            detail: String::new(),
        });
    }
    Ok(found)
}

/// The first private key of a PEM file: PKCS#8, PKCS#1 or SEC 1.
pub(super) fn private_key(path: &Path, trusted: &Trusted) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    let text = read("private key", path, Content::PrivateKey, trusted)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|cause| TlsFileError::Empty {
        what: "private key",
        path: path.to_owned(),
        detail: format!(" ({cause})"),
    })
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

fn empty(path: &Path, cause: &rustls::pki_types::pem::Error) -> TlsFileError {
    TlsFileError::Empty { what: "certificate", path: path.to_owned(), detail: format!(" ({cause})") }
}

pub(super) fn listing(path: &Path, trusted: &Trusted) -> Result<Vec<PathBuf>, TlsFileError> {
    files::entries(path, Content::Authority, trusted).map_err(|cause| TlsFileError::Unreadable {
        what: "directory of CA certificates",
        path: path.to_owned(),
        cause,
    })
}

/// What every file that a configuration names looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Versions(Vec<(PathBuf, Option<FileVersion>)>);

impl Versions {
    /// As they are now. Blocks on the file system.
    pub(super) fn take(settings: &TlsSettings, trusted: &Trusted) -> Self {
        let mut files: Vec<PathBuf> = [&settings.ca_file, &settings.client_cert, &settings.client_key]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        if let Some(directory) = &settings.ca_dir {
            files.push(directory.clone());
            files.extend(listing(directory, trusted).unwrap_or_default());
        }
        if settings.ca_file.is_none() && settings.ca_dir.is_none() && !settings.skip_verify {
            files.extend(system::places());
        }
        let version = |file: PathBuf| (FileVersion::of_target(&file), file);
        Self(files.into_iter().map(version).map(|(version, file)| (file, version)).collect())
    }
}
