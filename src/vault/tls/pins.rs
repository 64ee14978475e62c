//! Keys that servers may have, whoever signed their certificates, and the proof that a server holds its key.

use super::anchors::of_server;
use super::failure::{refused, rejected};
use super::x509::{Facts, public_key};
use crate::api::{TlsFailure, Unsupported};
use crate::cluster::Pin;
use ring::digest;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved};
use webpki::{EndEntityCert, RawPublicKeyEntity};

/// Refuses a certificate whose key is none of `pins`; no pins allow every key. That the server holds the key shows in
/// the signature of the handshake alone: a certificate is public.
pub(super) fn check(pins: &[Pin], certificate: &CertificateDer<'_>) -> Result<(), Error> {
    if pins.is_empty() {
        return Ok(());
    }
    let found = hash(&key(certificate)?)?;
    if pins.contains(&found) {
        return Ok(());
    }
    let certificate_pinned = pins.contains(&hash(certificate)?);
    Err(refused(TlsFailure::PinMismatch { found, certificate_pinned }))
}

/// Refuses a certificate whose key cannot prove anything here.
pub(super) fn usable(certificate: &CertificateDer<'_>) -> Result<(), Error> {
    match Facts::of(certificate).ok_or_else(|| rejected(webpki::Error::BadDer))?.unsupported_key {
        Some(key) => Err(refused(of_server(Unsupported::Key(key)))),
        None => Ok(()),
    }
}

/// The key of a certificate, of version 1 too.
fn key<'a>(certificate: &'a CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'a>, Error> {
    match EndEntityCert::try_from(certificate) {
        Ok(parsed) => Ok(parsed.subject_public_key_info()),
        Err(webpki::Error::UnsupportedCertVersion) => {
            public_key(certificate).ok_or_else(|| rejected(webpki::Error::BadDer))
        }
        Err(error) => Err(rejected(error)),
    }
}

/// Checks the signature of a handshake of TLS 1.3 with the certificate's key.
pub(super) fn verify_tls13(
    algorithms: &WebPkiSupportedAlgorithms,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    verify_tls13_signature_with_raw_key(message, &key(certificate)?, signed, algorithms).map_err(unproven)
}

/// Checks the signature of a handshake of TLS 1.2 with the certificate's key. Its scheme does not say which curve it is
/// of (RFC 8446, section 4.2.3), so that each is tried.
pub(super) fn verify_tls12(
    algorithms: &WebPkiSupportedAlgorithms,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let key = key(certificate)?;
    let key = RawPublicKeyEntity::try_from(&key).map_err(rejected)?;
    let (_, candidates) = algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == signed.scheme)
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let verified = |algorithm| key.verify_signature(algorithm, message, signed.signature()).is_ok();
    if candidates.iter().any(|algorithm| verified(*algorithm)) {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(refused(TlsFailure::KeyNotProven))
    }
}

fn unproven(error: Error) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::Other(_)) | Error::PeerMisbehaved(_) => error,
        _ => refused(TlsFailure::KeyNotProven),
    }
}

fn hash(bytes: &[u8]) -> Result<Pin, Error> {
    let hash = digest::digest(&digest::SHA256, bytes);
    let hash: [u8; digest::SHA256_OUTPUT_LEN] =
        hash.as_ref().try_into().map_err(|_| Error::General("a hash of another length".to_owned()))?;
    Ok(Pin::from(hash))
}
