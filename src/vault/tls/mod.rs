//! TLS 1.2 and 1.3 on rustls with ring: whom we trust and who we are. The only place that knows the library.

mod anchors;
mod error;
mod failure;
mod files;
mod inspection;
mod names;
mod pem;
mod pins;
mod remedy;
mod renewed;
mod system;
mod verifier;
mod x509;

pub use error::TlsFileError;
pub(super) use failure::handshake;
pub(crate) use inspection::{Inspection, Lifetimes};
pub(super) use renewed::Renewed;

use crate::accounts::Trusted;
use crate::config::TlsSettings;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use std::sync::Arc;

/// Whether the first certificate of a PEM file is its own issuer, so that it stays the one to trust until its key is changed.
pub(crate) fn is_self_issued(pem: &[u8]) -> bool {
    let certificates = pem::certificates(pem).ok();
    let first = certificates.as_ref().and_then(|certificates| certificates.first());
    first.and_then(|(_, certificate)| x509::is_self_issued(certificate)).unwrap_or(false)
}

/// Builds the client's side of TLS from the files that `settings` name, as they are now.
fn client_config(
    settings: &TlsSettings,
    trusted: &Trusted,
    inspection: Option<&Arc<Inspection>>,
) -> Result<ClientConfig, TlsFileError> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsFileError::Library("no TLS version is left"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier::from_settings(settings, trusted, inspection, provider)?);
    let mut config = match (&settings.client_cert, &settings.client_key) {
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(
                files::certificates(cert, trusted)?.chain(),
                files::private_key(key, trusted)?,
            )
            .map_err(|error| TlsFileError::Mismatch {
                cert: cert.clone(),
                key: key.clone(),
                cause: failure::mismatch(&error),
            })?,
        _ => builder.with_no_client_auth(),
    };
    // A resumed session skips the certificate check: a revoked CA would live on in the session cache.
    config.resumption = Resumption::disabled();
    Ok(config)
}
