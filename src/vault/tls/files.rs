//! The PEM files of certificates and keys, and noticing that they were renewed.

use super::error::{PRIVATE_KEY, TlsFileError};
use super::pem;
use crate::config::TlsSettings;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::os::unix::fs::MetadataExt;
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
pub(super) fn certificates(path: &Path) -> Result<Certificates, TlsFileError> {
    let text = read(CERTIFICATE, path)?;
    let found = pem::certificates(&text)
        .map_err(|fault| TlsFileError::malformed(CERTIFICATE, path.to_owned(), fault))?;
    Ok(Certificates { path: path.to_owned(), found })
}

/// Every certificate of every file in a directory. Files that hold none are passed over, as OpenSSL does; one that says
/// it does and is flawed is an error.
pub(super) fn directory(path: &Path) -> Result<Vec<Certificates>, TlsFileError> {
    let mut files = Vec::new();
    for path in listing(path)? {
        let Ok(text) = read(CERTIFICATE, &path) else { continue };
        match pem::certificates(&text) {
            Ok(found) => files.push(Certificates { path, found }),
            Err(fault) if fault.flaw.is_of_certificates(&text) => {
                return Err(TlsFileError::malformed(CERTIFICATE, path, fault));
            }
            Err(_) => {}
        }
    }
    if files.is_empty() { Err(TlsFileError::EmptyDirectory(path.to_owned())) } else { Ok(files) }
}

/// The first private key of a PEM file: PKCS#8, PKCS#1 or SEC 1.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    let text = read(PRIVATE_KEY, path)?;
    pem::private_key(&text).map_err(|fault| TlsFileError::malformed(PRIVATE_KEY, path.to_owned(), fault))
}

fn read(what: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsFileError> {
    fs::read(path).map(Zeroizing::new).map_err(|cause| TlsFileError::Unreadable {
        what,
        path: path.to_owned(),
        cause,
    })
}

fn listing(path: &Path) -> Result<Vec<PathBuf>, TlsFileError> {
    let unreadable = |cause| TlsFileError::Unreadable {
        what: "directory of CA certificates",
        path: path.to_owned(),
        cause,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// Identity, size and time of change of every file that a configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamps(Vec<(PathBuf, Option<[i64; 5]>)>);

impl Stamps {
    /// The stamps as they are now.
    pub(super) fn take(settings: &TlsSettings) -> Self {
        let mut files: Vec<PathBuf> = [&settings.ca_file, &settings.client_cert, &settings.client_key]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        if let Some(directory) = &settings.ca_dir {
            files.push(directory.clone());
            files.extend(listing(directory).unwrap_or_default());
        }
        if settings.ca_file.is_none() && settings.ca_dir.is_none() && !settings.skip_verify {
            // The system's own authorities, where Debian's update-ca-certificates(8) puts them.
            let bundle = std::env::var_os("SSL_CERT_FILE");
            files.push(
                bundle.map_or_else(|| PathBuf::from("/etc/ssl/certs/ca-certificates.crt"), PathBuf::from),
            );
        }
        Self(files.into_iter().map(|file| (stamp(&file), file)).map(|(stamp, file)| (file, stamp)).collect())
    }
}

fn stamp(path: &Path) -> Option<[i64; 5]> {
    let data = fs::metadata(path).ok()?;
    Some([
        i64::try_from(data.ino()).unwrap_or(-1),
        i64::try_from(data.size()).unwrap_or(-1),
        data.mtime(),
        data.mtime_nsec(),
        data.ctime_nsec(),
    ])
}
