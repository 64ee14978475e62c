//! The daemon's metrics, over TCP or in a file.

mod answer;
mod certificates;
mod exposition;
mod places;
mod server;
mod settings;
mod source;
mod textfile;

pub use settings::{ExporterSettings, TlsFiles};

use crate::cli::{self, ExporterArguments, exporter_config_is_default};
use crate::document::DocumentError;
use certificates::Certificates;
use server::Shared;
use source::Source;
use std::future::pending;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Interval, interval};
use tracing::level_filters::LevelFilter;
use vault_unseal::cli::{Exit, fail};
use vault_unseal::explain::Explanation;
use vault_unseal::external::error;
use vault_unseal::systemd::{self, journal};

/// The name under which the journal files what the exporter says.
const IDENTIFIER: &str = "vault-unseal-exporter";
/// Two kinds of metrics, and the files of TLS.
const MOST_THREADS: usize = 4;

/// `vault-unseal-observer exporter`.
pub fn run(options: &ExporterArguments) -> Exit {
    if let Some(file) = &options.textfile {
        return textfile::run(file, options);
    }
    journal::start_as(IDENTIFIER, LevelFilter::INFO);
    let (settings, certificates) = match read(&options.config) {
        Ok(read) => read,
        Err(error) => return fail(&error, Exit::Config),
    };
    let runtime = match cli::runtime(MOST_THREADS) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let source = Source::of(options.observe_socket.clone(), options.notifier_metrics.clone());
    let shared = Shared { source, certificates, places: Arc::default() };
    let ended = runtime.block_on(live(&settings, Arc::new(shared)));
    // A thread that waits for the daemon must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(()) => Exit::Done,
        Err(error) => fail(&error, Exit::Failed),
    }
}

/// The configuration, and the files that it names.
fn read(path: &Path) -> Result<(ExporterSettings, Option<Arc<Certificates>>), Explanation> {
    let settings = match ExporterSettings::read(path) {
        Err(DocumentError::Missing(_)) if exporter_config_is_default(path) => ExporterSettings::default(),
        read => read.map_err(Explanation::of)?,
    };
    let certificates = settings.tls.clone().map(Certificates::read).transpose()?;
    Ok((settings, certificates.map(Arc::new)))
}

/// Serves until SIGTERM.
async fn live(settings: &ExporterSettings, shared: Arc<Shared>) -> Result<(), Explanation> {
    let told = |cause| {
        Explanation::without_advice("signals", format!("cannot be told to end: {}", error::io(&cause)))
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(told)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(told)?;
    let mut serving = JoinSet::new();
    let mut places = Vec::new();
    for address in &settings.listen {
        let listener = server::bind(*address).await.map_err(|cause| unheard(*address, &cause))?;
        places.push(listener.local_addr().unwrap_or(*address));
        serving.spawn(server::serve(listener, Arc::clone(&shared)));
    }
    let bound = ExporterSettings { listen: places, ..settings.clone() };
    tracing::info!("serves {bound}");
    systemd::ready(&format!("serves {bound}"));
    let mut watchdog = systemd::watchdog_interval().map(interval);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = tick(&mut watchdog) => systemd::watchdog(),
        }
    }
    systemd::stopping("ends");
    Ok(())
}

async fn tick(watchdog: &mut Option<Interval>) {
    match watchdog {
        Some(interval) => drop(interval.tick().await),
        None => pending().await,
    }
}

fn unheard(address: SocketAddr, cause: &std::io::Error) -> Explanation {
    let advice = match cause.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("See who listens there: ss --listening --tcp --processes 'sport = {}'", address.port())
        }
        std::io::ErrorKind::AddrNotAvailable => {
            "This machine has no such address, or not yet: `ip address` shows those that it has.".to_owned()
        }
        std::io::ErrorKind::PermissionDenied => "Take a port from 1024 on.".to_owned(),
        _ => "Check `listen` in exporter.toml.".to_owned(),
    };
    Explanation::new("exporter-listen", format!("cannot listen at {address}: {}", error::io(cause)), advice)
}
