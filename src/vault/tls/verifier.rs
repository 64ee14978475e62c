//! Who is believed to be the server: by a trusted certificate, by its key, and by the proof that it holds the key. And what
//! `check` wants to know of a certificate that is good now: how long it stays so.

use super::anchors::{Anchors, Issuer, Presented, of_server};
use super::error::TlsFileError;
use super::failure::{refused, rejected};
use super::files;
use super::x509::{Facts, Validity, public_key, validity};
use crate::accounts::Trusted;
use crate::api::{AuthoritiesPlace, NamedAuthorities, TlsFailure, Unsupported};
use crate::cluster::Pin;
use crate::config::TlsSettings;
use ring::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use webpki::{EndEntityCert, RawPublicKeyEntity};

/// The verifier that `settings` ask for; and of the authorities that they name, from when until when the first to end is
/// valid.
pub(super) fn from_settings(
    settings: &TlsSettings,
    trusted: &Trusted,
    inspection: Option<&Arc<Inspection>>,
    provider: Arc<CryptoProvider>,
) -> Result<(Arc<dyn ServerCertVerifier>, Option<Validity>), TlsFileError> {
    let trust = if settings.skip_verify { None } else { Some(Trust::new(settings, trusted, inspection)?) };
    let authority = trust.as_ref().and_then(|trust| trust.anchors.first_own_to_end());
    Ok((Arc::new(Verifier { provider, trust, pins: settings.pin_sha256.clone() }), authority))
}

/// Checks that the certificate is to be trusted unless `skip_verify` is set, that the key is one of the pins if there are
/// any, and with either that the server holds the key. With neither whoever answers is believed: a certificate that
/// cannot be used here proves no less than one that anybody can make.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    trust: Option<Trust>,
    pins: Vec<Pin>,
}

/// Certificates signed by a trusted authority, or named themselves in the CA file.
#[derive(Debug)]
struct Trust {
    anchors: Anchors,
    fixed_name: Option<ServerName<'static>>,
    inspection: Option<Arc<Inspection>>,
}

impl Trust {
    fn new(
        settings: &TlsSettings,
        trusted: &Trusted,
        inspection: Option<&Arc<Inspection>>,
    ) -> Result<Self, TlsFileError> {
        let mut anchors = Anchors::default();
        named(settings, trusted, &mut anchors)?;
        if anchors.is_empty() {
            for certificate in files::system_certificates(trusted)? {
                // One that cannot be used trusts nobody; the others do as well without it.
                let _ = anchors.add(&certificate);
            }
            if anchors.is_empty() {
                return Err(TlsFileError::NoSystemRoots(String::new()));
            }
        }
        let fixed_name = settings
            .server_name
            .clone()
            .map(ServerName::try_from)
            .transpose()
            .map_err(|_| TlsFileError::Library("server_name is no name of a host"))?;
        Ok(Self { anchors, fixed_name, inspection: inspection.cloned() })
    }

    fn check(
        &self,
        provider: &CryptoProvider,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        address: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let name = self.fixed_name.as_ref().unwrap_or(address);
        let algorithms = &provider.signature_verification_algorithms;
        let fixed = self.fixed_name.is_some();
        let presented = Presented { end_entity, intermediates, name, fixed, now };
        self.anchors.verify(algorithms, &presented)?;
        if let Some(inspection) = &self.inspection {
            if let Some(server) = validity(end_entity) {
                let issuer = self.anchors.ending(algorithms, &presented, inspection.ahead);
                inspection.note(Lifetimes { server, issuer });
            }
        }
        Ok(())
    }
}

/// Trusts the certificates that the configuration names.
fn named(settings: &TlsSettings, trusted: &Trusted, anchors: &mut Anchors) -> Result<(), TlsFileError> {
    let mut authorities = NamedAuthorities {
        places: Vec::new(),
        machine: if settings.names_authorities() { Vec::new() } else { files::system_places() },
        configured: *settings != TlsSettings::default(),
        pinned: !settings.pin_sha256.is_empty(),
    };
    let credential = settings.ca_credential.as_ref().map(|credential| &credential.path);
    let mut places = Vec::new();
    for (key, path) in [("ca_file", settings.ca_file.as_ref()), ("ca_credential", credential)] {
        if let Some(path) = path {
            places.push((key, path, vec![files::certificates(path, trusted)?]));
        }
    }
    if let Some(path) = &settings.ca_dir {
        places.push(("ca_dir", path, files::directory(path, trusted)?));
    }
    for (key, path, files) in places {
        let mut names = Vec::new();
        for file in files {
            for (line, certificate) in file.found {
                names.push(anchors.add_named(certificate).map_err(|cause| TlsFileError::BadCertificate {
                    path: file.path.clone(),
                    line,
                    cause,
                })?);
            }
        }
        authorities.places.push(AuthoritiesPlace { key, path: path.clone(), names });
    }
    anchors.authorities = Arc::new(authorities);
    Ok(())
}

impl Verifier {
    fn believes_anybody(&self) -> bool {
        self.trust.is_none() && self.pins.is_empty()
    }

    /// Whether the key of a certificate signed a message of TLS 1.2.
    fn proves(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let key = key(certificate)?;
        let key = RawPublicKeyEntity::try_from(&key).map_err(rejected)?;
        // Its scheme does not say which curve it is of (RFC 8446, section 4.2.3), so that each is tried.
        let (_, candidates) = algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == signature.scheme)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        let verified = |algorithm| key.verify_signature(algorithm, message, signature.signature()).is_ok();
        if candidates.iter().any(|algorithm| verified(*algorithm)) {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(refused(TlsFailure::KeyNotProven))
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        address: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(trust) = &self.trust {
            trust.check(&self.provider, end_entity, intermediates, address, now)?;
        }
        check_pins(&self.pins, end_entity).map_err(|error| unusable(end_entity).unwrap_or(error))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.believes_anybody() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        self.proves(message, certificate, signature).map_err(|error| unusable(certificate).unwrap_or(error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.believes_anybody() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key(certificate)?, signature, algorithms)
            .map_err(|error| unusable(certificate).unwrap_or_else(|| unproven(error)))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        // Cannot be verified. But a server that has no other key ends the handshake where this is not offered, with an
        // alert that does not say why.
        schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
        schemes
    }
}

/// Refuses a certificate whose key is none of `pins`; no pins allow every key. That the server holds the key shows in
/// the signature of the handshake alone: a certificate is public.
fn check_pins(pins: &[Pin], certificate: &CertificateDer<'_>) -> Result<(), Error> {
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

/// What is said of a certificate whose key cannot prove anything here, in place of what came of that.
fn unusable(certificate: &CertificateDer<'_>) -> Option<Error> {
    let key = Facts::of(certificate)?.unsupported_key?;
    Some(refused(of_server(Unsupported::Key(key))))
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

/// How long the trust in a server lasts.
#[derive(Debug, Clone)]
pub(crate) struct Lifetimes {
    /// Of its own certificate.
    pub(crate) server: Validity,
    /// The issuer that ends soon, where no other takes its place.
    pub(crate) issuer: Option<Issuer>,
}

/// Notes the lifetimes of the last certificate that was verified.
#[derive(Debug)]
pub(crate) struct Inspection {
    /// An issuer that ends sooner is told.
    pub(super) ahead: Duration,
    seen: Mutex<Option<Lifetimes>>,
}

impl Inspection {
    pub(in crate::vault) fn new(ahead: Duration) -> Self {
        Self { ahead, seen: Mutex::default() }
    }

    pub(super) fn note(&self, lifetimes: Lifetimes) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(lifetimes);
    }

    /// What was seen since the last call.
    pub(crate) fn take(&self) -> Option<Lifetimes> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
