//! Keys that servers may have, whoever signed their certificates.

use crate::config::Pin;
use ring::digest;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, OtherError};
use std::sync::Arc;

/// A server has a key that is not among the pinned ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key {found} is not pinned")]
pub(in crate::vault) struct AnotherKey {
    /// The pin of the key it has.
    pub(in crate::vault) found: Pin,
    /// One of the pins is the hash of its whole certificate: a slip of whoever computed it.
    pub(in crate::vault) certificate_pinned: bool,
}

/// Refuses a certificate whose key is none of `pins`; no pins allow every key. That the server holds the key shows in
/// the signature of the handshake, which is checked in any case.
pub(super) fn check(pins: &[Pin], certificate: &CertificateDer<'_>) -> Result<(), Error> {
    if pins.is_empty() {
        return Ok(());
    }
    let found = hash(&ParsedCertificate::try_from(certificate)?.subject_public_key_info())?;
    if pins.contains(&found) {
        return Ok(());
    }
    let certificate_pinned = pins.contains(&hash(certificate)?);
    let error = OtherError(Arc::new(AnotherKey { found, certificate_pinned }));
    Err(Error::InvalidCertificate(CertificateError::Other(error)))
}

fn hash(bytes: &[u8]) -> Result<Pin, Error> {
    let hash = digest::digest(&digest::SHA256, bytes);
    let hash: [u8; digest::SHA256_OUTPUT_LEN] =
        hash.as_ref().try_into().map_err(|_| Error::General("a hash of another length".to_owned()))?;
    Ok(Pin::from(hash))
}
