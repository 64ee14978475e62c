//! The TLS configuration of one cluster, renewed when its files are.

use super::error::TlsFileError;
use super::verifier::{self, Inspection};
use super::x509::Validity;
use super::{failure, files};
use crate::accounts::Trusted;
use crate::config::TlsSettings;
use crate::explain::Explain;
use crate::files::FileVersion;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How often the TLS files are looked at while all is well.
const LOOK_AT_FILES: Duration = Duration::from_secs(10);
/// How often they are looked at while connections fail.
const LOOK_AT_FILES_IN_TROUBLE: Duration = Duration::from_secs(1);
/// How long after a look began connections wait for it: files of this machine take less. One that takes longer is for later
/// connections.
const WAIT_FOR_LOOK: Duration = Duration::from_millis(100);

/// What new connections to the nodes of one cluster use.
#[derive(Debug)]
pub(in crate::vault) struct Renewed {
    settings: TlsSettings,
    trusted: Arc<Trusted>,
    inspection: Option<Arc<Inspection>>,
    current: Mutex<Current>,
    /// Since when a look is under way: however long it takes, there is no second one.
    looking: watch::Sender<Option<Instant>>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ClientConfig>,
    /// From when until when the first of the named authorities to end is valid.
    authority: Option<Validity>,
    versions: Versions,
    /// Files that could not be used: said once, not at every look.
    refused: Option<Versions>,
    looked: Instant,
    failing: bool,
}

impl Renewed {
    /// Reads the TLS files, and blocks on the file system. `inspection` is told of every
    /// certificate that is verified.
    pub(in crate::vault) fn new(
        settings: &TlsSettings,
        trusted: &Arc<Trusted>,
        inspection: Option<Arc<Inspection>>,
    ) -> Result<Self, TlsFileError> {
        let versions = Versions::take(settings, trusted);
        let (config, authority) = client_config(settings, trusted, inspection.as_ref())?;
        let config = Arc::new(config);
        let looked = Instant::now();
        let current = Current { config, authority, versions, refused: None, looked, failing: false };
        let (settings, trusted) = (settings.clone(), Arc::clone(trusted));
        let looking = watch::Sender::new(None);
        Ok(Self { settings, trusted, inspection, current: Mutex::new(current), looking })
    }

    /// The configuration to use now: a new one when the TLS files changed and can be used.
    ///
    /// A renewal in progress (half a file, a key without its certificate) keeps the old one until it is done; files that
    /// somebody else can write, and ones that cannot be read, for as long as they are so.
    pub(in crate::vault) async fn config(self: &Arc<Self>) -> Arc<ClientConfig> {
        self.look_if_due();
        let began = *self.looking.borrow();
        if let Some(left) = began.and_then(|began| WAIT_FOR_LOOK.checked_sub(began.elapsed())) {
            let _ = timeout(left, self.looking.subscribe().wait_for(Option::is_none)).await;
        }
        Arc::clone(&self.current().config)
    }

    /// Begins a look at the files, off the loop, unless there was one or is one. Called while a port is closed, it is over when
    /// the port opens, most likely, and keeps no connection waiting.
    pub(in crate::vault) fn look_if_due(self: &Arc<Self>) {
        let (looked, failing) = {
            let current = self.current();
            (current.looked, current.failing)
        };
        let pause = if failing { LOOK_AT_FILES_IN_TROUBLE } else { LOOK_AT_FILES };
        if self.looking.borrow().is_some() || looked.elapsed() < pause {
            return;
        }
        self.looking.send_replace(Some(Instant::now()));
        let this = Arc::clone(self);
        spawn_blocking(move || {
            this.look();
            this.looking.send_replace(None);
        });
    }

    fn look(&self) {
        let versions = Versions::take(&self.settings, &self.trusted);
        let changed = versions != self.current().versions;
        // Not under the lock: the loop takes it too.
        let renewed = changed.then(|| client_config(&self.settings, &self.trusted, self.inspection.as_ref()));
        let mut current = self.current();
        current.looked = Instant::now();
        match renewed {
            // Back to the files that are in use.
            None => current.refused = None,
            Some(Ok((config, authority))) => {
                current.config = Arc::new(config);
                current.authority = authority;
                current.versions = versions;
                current.refused = None;
                tracing::info!("certificates changed on disk: new connections use them");
            }
            Some(Err(refusal)) => {
                if current.refused.as_ref() != Some(&versions) {
                    let advice = refusal.advice().unwrap_or_default();
                    tracing::warn!(
                        "certificates changed on disk, but {refusal}; the old ones stay. {advice}"
                    );
                }
                current.refused = Some(versions);
            }
        }
    }

    /// Whether connections fail: then renewed files are noticed sooner.
    pub(in crate::vault) fn report(&self, failing: bool) {
        self.current().failing = failing;
    }

    /// Of the authorities that the configuration names, from when until when the first to end is valid, in seconds since 1970.
    pub(in crate::vault) fn authority(&self) -> Option<(u64, u64)> {
        self.current().authority.map(Validity::seconds)
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Builds the client's side of TLS from the files that `settings` name, as they are now; and tells from when until
/// when the first of the authorities to end is valid.
fn client_config(
    settings: &TlsSettings,
    trusted: &Trusted,
    inspection: Option<&Arc<Inspection>>,
) -> Result<(ClientConfig, Option<Validity>), TlsFileError> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let (verifier, authority) =
        verifier::from_settings(settings, trusted, inspection, Arc::clone(&provider))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsFileError::Library("no TLS version is left"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match (&settings.client_cert, &settings.client_key) {
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(
                files::certificates(cert, trusted)?.chain(),
                files::private_key(key, trusted)?,
            )
            .map_err(|error| TlsFileError::Mismatch {
                cert: cert.clone(),
                key: key.clone(),
                cause: failure::key_mismatch(&error),
            })?,
        _ => builder.with_no_client_auth(),
    };
    // A resumed session skips the certificate check: a revoked CA would live on in the session cache.
    config.resumption = Resumption::disabled();
    Ok((config, authority))
}

/// What every file that a configuration names looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Versions(Vec<(PathBuf, Option<FileVersion>)>);

impl Versions {
    /// As they are now. Blocks on the file system.
    fn take(settings: &TlsSettings, trusted: &Trusted) -> Self {
        let mut files: Vec<PathBuf> = [&settings.ca_file, &settings.client_cert, &settings.client_key]
            .into_iter()
            .flatten()
            .cloned()
            .chain(settings.ca_credential.iter().map(|credential| credential.path.clone()))
            .collect();
        if let Some(directory) = &settings.ca_dir {
            files.push(directory.clone());
            files.extend(files::listing(directory, trusted).unwrap_or_default());
        }
        if !settings.names_authorities() && !settings.skip_verify {
            files.extend(files::system_places());
        }
        let version = |file: PathBuf| (FileVersion::of_target(&file), file);
        Self(files.into_iter().map(version).map(|(version, file)| (file, version)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::dial::{Endpoint, Reach};
    use crate::vault::peer::PeerRule;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    #[tokio::test]
    async fn files_are_looked_at_while_a_port_is_closed_and_not_when_it_opens() {
        let settings = TlsSettings { skip_verify: true, ..TlsSettings::default() };
        let tls = Arc::new(Renewed::new(&settings, &Arc::default(), None).unwrap());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let node = format!("https://{address}").parse::<crate::cluster::NodeAddress>().unwrap();
        let endpoint = Endpoint::new(&node.into(), None, Some(Arc::clone(&tls)), PeerRule::for_tests());
        let mut reach = Reach::at(address);
        let long_ago = Instant::now().checked_sub(LOOK_AT_FILES).unwrap();
        tls.current().looked = long_ago;
        let looks = || tls.looking.borrow().is_some();
        assert!(endpoint.probe(&mut reach).await, "it is open");
        assert!(!looks() && tls.current().looked == long_ago, "a connection that is there waits for nothing");
        drop(listener);
        assert!(!endpoint.probe(&mut Reach::at(address)).await, "it is closed");
        while looks() {
            tokio::task::yield_now().await;
        }
        let looked = tls.current().looked;
        assert!(looked > long_ago);
        tls.config().await;
        assert!(!looks() && tls.current().looked == looked, "nor does the one that comes next");
    }

    #[tokio::test]
    async fn a_look_that_has_just_begun_is_waited_for_and_one_that_hangs_is_not() {
        let settings = TlsSettings { skip_verify: true, ..TlsSettings::default() };
        let tls = Arc::new(Renewed::new(&settings, &Arc::default(), None).unwrap());
        tls.looking.send_replace(Some(Instant::now() + Duration::from_secs(60)));
        let mut config = pin!(tls.config());
        let mut context = Context::from_waker(Waker::noop());
        assert!(config.as_mut().poll(&mut context).is_pending());
        tls.looking.send_replace(None);
        config.await;
        tls.looking.send_replace(Instant::now().checked_sub(WAIT_FOR_LOOK));
        assert!(pin!(tls.config()).poll(&mut context).is_ready());
    }
}
