//! TLS 1.2 and 1.3 on rustls with ring: whom we trust and who we are. The only place that knows the library.

mod error;
mod files;
mod verifier;

pub use error::TlsFileError;
pub(super) use files::Stamps;

use crate::config::TlsSettings;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;

/// Builds the client's side of TLS from the files that `settings` name, as they are now. Certificates are judged
/// as if it were `ahead` later.
pub(super) fn client_config(settings: &TlsSettings, ahead: Duration) -> Result<ClientConfig, TlsFileError> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsFileError::Library)?
        .dangerous()
        .with_custom_certificate_verifier(verifier::from_settings(settings, ahead, provider)?);
    let mut config = match (&settings.client_cert, &settings.client_key) {
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(files::certificates(cert)?, files::private_key(key)?)
            .map_err(|cause| TlsFileError::Mismatch { cert: cert.clone(), key: key.clone(), cause })?,
        _ => builder.with_no_client_auth(),
    };
    // A resumed session skips the certificate check: a revoked CA would live on in the session cache.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The client's side of a TLS that is never spoken: every address is http. Saves reading the system's roots.
pub(super) fn unused() -> Result<ClientConfig, TlsFileError> {
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsFileError::Library)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}
