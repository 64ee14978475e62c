//! Who is believed to be the server.

use super::{TlsFileError, files};
use crate::config::TlsSettings;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The verifier that `settings` ask for.
pub(super) fn from_settings(
    settings: &TlsSettings,
    ahead: Duration,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsFileError> {
    if settings.skip_verify {
        return Ok(Arc::new(AnyCertificate(provider)));
    }
    let mut roots = RootCertStore::empty();
    let mut named = Vec::new();
    let mut trust = |path: &Path, certificates: Vec<CertificateDer<'static>>| {
        for certificate in certificates {
            roots
                .add(certificate.clone())
                .map_err(|cause| TlsFileError::BadCertificate { path: path.to_owned(), cause })?;
            named.push(certificate);
        }
        Ok(())
    };
    if let Some(path) = &settings.ca_file {
        trust(path, files::certificates(path)?)?;
    }
    if let Some(path) = &settings.ca_dir {
        trust(path, files::directory(path)?)?;
    }
    if named.is_empty() {
        let system = rustls_native_certs::load_native_certs();
        let (_, _) = roots.add_parsable_certificates(system.certs);
        if roots.is_empty() {
            let detail = system.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
            return Err(TlsFileError::NoSystemRoots(detail));
        }
    }
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| TlsFileError::Library(Error::General(error.to_string())))?;
    let fixed_name = match settings.server_name.as_deref().map(|name| ServerName::try_from(name.to_owned())) {
        None => None,
        Some(Ok(name)) => Some(name),
        Some(Err(error)) => return Err(TlsFileError::Library(Error::General(error.to_string()))),
    };
    Ok(Arc::new(Trusted { chain, named, fixed_name, ahead }))
}

/// Certificates signed by a trusted authority, or named themselves in the CA file.
#[derive(Debug)]
struct Trusted {
    chain: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
    fixed_name: Option<ServerName<'static>>,
    ahead: Duration,
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        address: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = self.fixed_name.as_ref().unwrap_or(address);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()).saturating_add(self.ahead));
        let verdict = self.chain.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        match verdict {
            // `openssl req -x509` makes self-signed server certificates that call themselves a CA, and Vault's
            // own packages use it. Being named in the CA file is as good as a signature by a CA in it. The
            // validity period was checked before this error arose.
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
                    && self.named.iter().any(|known| known.as_ref() == end_entity.as_ref()) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// `skip_verify`: any certificate, as long as its holder has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
