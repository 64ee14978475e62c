//! Keys that servers may have, whoever signed their certificates.

use super::failure::{refused, rejected};
use crate::config::Pin;
use crate::vault::unreachable::TlsFailure;
use ring::digest;
use rustls::Error;
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// Refuses a certificate whose key is none of `pins`; no pins allow every key. That the server holds the key shows in
/// the signature of the handshake, which is checked in any case.
pub(super) fn check(pins: &[Pin], certificate: &CertificateDer<'_>) -> Result<(), Error> {
    if pins.is_empty() {
        return Ok(());
    }
    let parsed = EndEntityCert::try_from(certificate).map_err(rejected)?;
    let found = hash(&parsed.subject_public_key_info())?;
    if pins.contains(&found) {
        return Ok(());
    }
    let certificate_pinned = pins.contains(&hash(certificate)?);
    Err(refused(TlsFailure::PinMismatch { found, certificate_pinned }))
}

fn hash(bytes: &[u8]) -> Result<Pin, Error> {
    let hash = digest::digest(&digest::SHA256, bytes);
    let hash: [u8; digest::SHA256_OUTPUT_LEN] =
        hash.as_ref().try_into().map_err(|_| Error::General("a hash of another length".to_owned()))?;
    Ok(Pin::from(hash))
}
