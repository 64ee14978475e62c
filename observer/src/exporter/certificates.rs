//! The certificate that the exporter shows, read again when its files change.

use super::settings::TlsFiles;
use rustls::ServerConfig;
use rustls::crypto::ring;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use vault_unseal::accounts::Trusted;
use vault_unseal::explain::Explanation;
use vault_unseal::external::quote::sentence;
use vault_unseal::files::FileVersion;
use vault_unseal::report::in_one_line;
use vault_unseal::vault::{certificate_chain, private_key};

/// How often the files are looked at, when somebody connects.
const LOOK: Duration = Duration::from_secs(10);
/// How long a connection waits for a look that it began.
const WAIT_FOR_LOOK: Duration = Duration::from_secs(1);

/// What connections are accepted with.
pub(super) struct Certificates {
    files: TlsFiles,
    look: Duration,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    /// What the files look like that were read last, whether they can be used or not.
    versions: Versions,
    looked: Instant,
    looking: bool,
}

type Versions = [Option<FileVersion>; 2];

impl Certificates {
    /// Reads the files, and blocks on the file system.
    pub(super) fn read(files: TlsFiles) -> Result<Self, Explanation> {
        let versions = versions(&files);
        let config = server_config(&files)?;
        let current = Current { config, versions, looked: Instant::now(), looking: false };
        Ok(Self { files, look: LOOK, current: Mutex::new(current) })
    }

    /// What to accept a connection with now.
    pub(super) async fn acceptor(self: &Arc<Self>) -> TlsAcceptor {
        if self.is_due() {
            let this = Arc::clone(self);
            let _ = timeout(WAIT_FOR_LOOK, spawn_blocking(move || this.look())).await;
        }
        TlsAcceptor::from(Arc::clone(&self.current().config))
    }

    fn is_due(&self) -> bool {
        let mut current = self.current();
        let due = !current.looking && current.looked.elapsed() >= self.look;
        current.looking |= due;
        due
    }

    /// New ones that can be used are used from now on. What is half written, or another's key, is not: the old ones stay.
    fn look(&self) {
        let versions = versions(&self.files);
        let changed = versions != self.current().versions;
        let read = changed.then(|| server_config(&self.files));
        let mut current = self.current();
        (current.looked, current.looking, current.versions) = (Instant::now(), false, versions);
        match read {
            None => {}
            Some(Ok(config)) => {
                current.config = config;
                tracing::info!("the certificate changed on disk: new connections are shown the new one");
            }
            Some(Err(refusal)) => {
                tracing::warn!(
                    "the certificate changed on disk, and the old one stays: {}",
                    in_one_line(&refusal)
                );
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn versions(files: &TlsFiles) -> Versions {
    [&files.certificate, &files.key].map(|file| FileVersion::of_target(file))
}

/// TLS with the files as they are now. The key must be readable by nobody else, and the certificate written by nobody else.
pub(super) fn server_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, Explanation> {
    let trusted = Trusted::without_servers();
    let certificate = certificate_chain(&files.certificate, &trusted).map_err(Explanation::of)?;
    let key = private_key(&files.key, &trusted).map_err(Explanation::of)?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| {
            Explanation::without_advice("tls-setup", "the TLS library has no version that is safe")
        })?;
    let mut config = builder.with_no_client_auth().with_single_cert(certificate, key).map_err(|_| {
        let (certificate, key) = (sentence(&files.certificate), sentence(&files.key));
        let message = format!("certificate_file {certificate} and key_file {key} cannot be used together");
        let advice = "The key must be the one that the certificate was issued for: RSA from 2048 bits, P-256, P-384 or \
                      Ed25519.";
        Explanation::new("tls-key-mismatch", message, advice)
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn write(files: &TlsFiles) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&files.certificate, made.cert.pem()).unwrap();
        fs::write(&files.key, made.key_pair.serialize_pem()).unwrap();
        fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn files(directory: &Path) -> TlsFiles {
        TlsFiles { certificate: directory.join("exporter.pem"), key: directory.join("exporter.key") }
    }

    #[test]
    fn changed_files_are_used_when_they_fit_together() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        write(&files);
        let certificates = Certificates::read(files.clone()).unwrap();
        let first = Arc::clone(&certificates.current().config);
        certificates.look();
        assert!(Arc::ptr_eq(&first, &certificates.current().config), "nothing changed");

        let key = fs::read(&files.key).unwrap();
        write(&files);
        fs::write(&files.key, key).unwrap();
        certificates.look();
        assert!(Arc::ptr_eq(&first, &certificates.current().config), "half of the new one");

        write(&files);
        certificates.look();
        assert!(!Arc::ptr_eq(&first, &certificates.current().config), "all of the new one");
    }

    #[test]
    fn key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        write(&files);
        fs::set_permissions(&files.key, fs::Permissions::from_mode(0o644)).unwrap();
        let refusal = server_config(&files).unwrap_err();
        assert!(refusal.to_string().contains("exporter.key"), "{refusal}");
        assert!(refusal.advice.unwrap().contains("chmod"));
    }
}
