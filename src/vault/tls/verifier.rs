//! Who is believed to be the server.

use super::{TlsFileError, files, pins, system};
use crate::accounts::Trusted;
use crate::config::{Pin, TlsSettings};
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
    trusted: &Trusted,
    ahead: Duration,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsFileError> {
    let trust =
        if settings.skip_verify { None } else { Some(Trust::new(settings, trusted, ahead, &provider)?) };
    Ok(Arc::new(Verifier { provider, trust, pins: settings.pin_sha256.clone() }))
}

/// Checks that the server holds the key of its certificate, unless `skip_verify` is set that the certificate is to be
/// trusted, and if there are pins that the key is one of them.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    trust: Option<Trust>,
    pins: Vec<Pin>,
}

/// Certificates signed by a trusted authority, or named themselves in the CA file.
#[derive(Debug)]
struct Trust {
    chain: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
    fixed_name: Option<ServerName<'static>>,
    ahead: Duration,
}

impl Trust {
    fn new(
        settings: &TlsSettings,
        trusted: &Trusted,
        ahead: Duration,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsFileError> {
        let mut roots = RootCertStore::empty();
        let named = named(settings, trusted, &mut roots)?;
        if named.is_empty() {
            let (_, _) = roots.add_parsable_certificates(system::certificates(trusted)?);
            if roots.is_empty() {
                return Err(TlsFileError::NoSystemRoots(String::new()));
            }
        }
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| TlsFileError::Library(Error::General(error.to_string())))?;
        let fixed_name = settings
            .server_name
            .clone()
            .map(ServerName::try_from)
            .transpose()
            .map_err(|error| TlsFileError::Library(Error::General(error.to_string())))?;
        Ok(Self { chain, named, fixed_name, ahead })
    }

    fn check(
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
}

/// The certificates that the configuration names, added to `roots`.
fn named(
    settings: &TlsSettings,
    trusted: &Trusted,
    roots: &mut RootCertStore,
) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let mut named = Vec::new();
    let mut trust = |path: &Path, certificates: Vec<CertificateDer<'static>>| {
        for certificate in certificates {
            roots
                .add(certificate.clone())
                .map_err(|cause| TlsFileError::BadCertificate { path: path.to_owned(), cause })?;
            named.push(certificate);
        }
        Ok::<(), TlsFileError>(())
    };
    if let Some(path) = &settings.ca_file {
        trust(path, files::certificates(path, trusted)?)?;
    }
    if let Some(path) = &settings.ca_dir {
        for (path, certificates) in files::directory(path, trusted)? {
            trust(&path, certificates)?;
        }
    }
    Ok(named)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        address: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(trust) = &self.trust {
            trust.check(end_entity, intermediates, address, ocsp, now)?;
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
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
