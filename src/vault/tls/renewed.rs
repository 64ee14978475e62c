//! The TLS configuration of one cluster, renewed when its files are.

use super::{Inspection, Stamps, TlsFileError, client_config};
use crate::config::TlsSettings;
use crate::explain::Explain;
use rustls::ClientConfig;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the TLS files are looked at while all is well.
const LOOK_AT_FILES: Duration = Duration::from_secs(10);
/// How often they are looked at while connections fail.
const LOOK_AT_FILES_IN_TROUBLE: Duration = Duration::from_secs(1);

/// What new connections to the nodes of one cluster use.
#[derive(Debug)]
pub(in crate::vault) struct Renewed {
    settings: TlsSettings,
    inspection: Option<Arc<Inspection>>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ClientConfig>,
    stamps: Stamps,
    /// Files that could not be used: said once, not at every look.
    refused: Option<Stamps>,
    looked: Instant,
    failing: bool,
}

impl Renewed {
    /// Reads the TLS files. `inspection` is told of every certificate that is verified.
    pub(in crate::vault) fn new(
        settings: &TlsSettings,
        inspection: Option<Arc<Inspection>>,
    ) -> Result<Self, TlsFileError> {
        let stamps = Stamps::take(settings);
        let config = Arc::new(client_config(settings, inspection.as_ref())?);
        let current = Current { config, stamps, refused: None, looked: Instant::now(), failing: false };
        Ok(Self { settings: settings.clone(), inspection, current: Mutex::new(current) })
    }

    /// The configuration to use now: a new one when the TLS files changed and can be read.
    ///
    /// A renewal in progress (half a file, a key without its certificate) keeps the old one until it is done.
    pub(in crate::vault) fn config(&self) -> Arc<ClientConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = if current.failing { LOOK_AT_FILES_IN_TROUBLE } else { LOOK_AT_FILES };
        if current.looked.elapsed() >= pause {
            current.looked = Instant::now();
            let stamps = Stamps::take(&self.settings);
            if stamps != current.stamps {
                match client_config(&self.settings, self.inspection.as_ref()) {
                    Ok(config) => {
                        current.config = Arc::new(config);
                        current.stamps = stamps;
                        current.refused = None;
                        tracing::info!("certificates changed on disk: new connections use them");
                    }
                    Err(error) => {
                        if current.refused.as_ref() != Some(&stamps) {
                            let advice = error.advice().unwrap_or_default();
                            tracing::warn!(
                                "certificates changed on disk, but {error}; the old ones stay. {advice}"
                            );
                        }
                        current.refused = Some(stamps);
                    }
                }
            }
        }
        Arc::clone(&current.config)
    }

    /// Whether connections fail: then renewed files are noticed sooner.
    pub(in crate::vault) fn report(&self, failing: bool) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).failing = failing;
    }
}
