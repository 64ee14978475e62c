//! Who is believed to be the server.

use super::anchors::{Anchors, Presented};
use super::inspection::{Inspection, Lifetimes};
use super::x509::Facts;
use super::{TlsFileError, files, pins, system};
use crate::accounts::Trusted;
use crate::api::{AuthoritiesPlace, NamedAuthorities};
use crate::cluster::Pin;
use crate::config::TlsSettings;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::sync::Arc;

/// The verifier that `settings` ask for.
pub(super) fn from_settings(
    settings: &TlsSettings,
    trusted: &Trusted,
    inspection: Option<&Arc<Inspection>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsFileError> {
    let trust = if settings.skip_verify { None } else { Some(Trust::new(settings, trusted, inspection)?) };
    Ok(Arc::new(Verifier { provider, trust, pins: settings.pin_sha256.clone() }))
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
            for certificate in system::certificates(trusted)? {
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
        if let (Some(inspection), Some(facts)) = (&self.inspection, Facts::of(end_entity)) {
            let issuer = self.anchors.ending(algorithms, &presented, inspection.ahead);
            inspection.note(Lifetimes { server: facts.validity, issuer });
        }
        Ok(())
    }
}

/// Trusts the certificates that the configuration names.
fn named(settings: &TlsSettings, trusted: &Trusted, anchors: &mut Anchors) -> Result<(), TlsFileError> {
    let mut authorities = NamedAuthorities {
        places: Vec::new(),
        machine: if settings.names_authorities() { Vec::new() } else { system::places() },
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
        if !self.believes_anybody() {
            pins::usable(end_entity)?;
        }
        pins::check(&self.pins, end_entity)?;
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
        let algorithms = &self.provider.signature_verification_algorithms;
        pins::verify_tls12(algorithms, message, certificate, signature)
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
        pins::verify_tls13(algorithms, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        // Cannot be verified. But a server that has no other key ends the handshake where this is not offered, with an
        // alert that does not say why.
        schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
        schemes
    }
}
