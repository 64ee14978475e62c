//! The PEM files of certificates and keys, and noticing that they were renewed.

use super::TlsFileError;
use crate::config::TlsSettings;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Every certificate of a PEM file, in its order.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let text = read("certificate file", path)?;
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

/// Every certificate of every file in a directory; files that are not PEM are passed over, as OpenSSL does.
pub(super) fn directory(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let mut found = Vec::new();
    for file in listing(path)? {
        if let Ok(certificates) = certificates(&file) {
            found.extend(certificates);
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
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    let text = read("private key", path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|cause| TlsFileError::Empty {
        what: "private key",
        path: path.to_owned(),
        detail: format!(" ({cause})"),
    })
}

fn read(what: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsFileError> {
    fs::read(path).map(Zeroizing::new).map_err(|cause| TlsFileError::Unreadable {
        what,
        path: path.to_owned(),
        cause,
    })
}

fn empty(path: &Path, cause: &rustls::pki_types::pem::Error) -> TlsFileError {
    TlsFileError::Empty { what: "certificate", path: path.to_owned(), detail: format!(" ({cause})") }
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
