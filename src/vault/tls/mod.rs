//! TLS 1.2 and 1.3 on rustls with ring: whom we trust and who we are. The only place that knows the library.

mod anchors;
mod error;
mod failure;
mod files;
mod pem;
mod renewed;
mod verifier;
mod x509;

pub use error::TlsFileError;
pub(super) use failure::{after_handshake, handshake};
pub use files::{certificate_chain, private_key};
pub(super) use renewed::Renewed;
pub(crate) use verifier::{Inspection, Lifetimes};
pub(crate) use x509::is_self_issued;
pub(super) use x509::{Validity, validity};

/// What tests/fuzz gives any bytes.
#[cfg(feature = "fuzzing")]
pub mod fuzzing {
    use super::error::{PRIVATE_KEY, PemFault, TlsFileError};
    use super::{pem, x509};
    use std::path::Path;

    /// The certificates of a PEM file: the lines that they begin in, and DER.
    pub fn certificates(path: &Path, text: &[u8]) -> Result<Vec<(usize, Vec<u8>)>, TlsFileError> {
        let found = pem::certificates(text).map_err(|fault| malformed("certificate file", path, fault))?;
        Ok(found.into_iter().map(|(line, der)| (line, der.to_vec())).collect())
    }

    /// The private key of a PEM file, in DER.
    pub fn private_key(path: &Path, text: &[u8]) -> Result<Vec<u8>, TlsFileError> {
        let key = pem::private_key(text).map_err(|fault| malformed(PRIVATE_KEY, path, fault))?;
        Ok(key.secret_der().to_vec())
    }

    fn malformed(what: &'static str, path: &Path, fault: PemFault) -> TlsFileError {
        TlsFileError::malformed(what, path.to_owned(), fault)
    }

    /// What is read of a certificate in DER beside what webpki reads: its first and its last moment, and its key.
    pub fn certificate(der: &[u8]) -> Option<(String, String, Vec<u8>)> {
        let facts = x509::Facts::of(der)?;
        let key = x509::public_key(der)?.to_vec();
        Some((facts.validity.begin(), facts.validity.end(), key))
    }
}
