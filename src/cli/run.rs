//! `vault-unseal run`: the daemon.

use super::prove::{self, notice};
use super::say::say;
use super::start::{fail, load, runtime};
use super::{ConfigArguments, Exit};
use crate::config::{Loaded, Purpose, Settings};
use crate::descriptors::{self, Shortage};
use crate::explain::Explain;
use crate::report::error::in_one_line;
use crate::report::message::Message;
use crate::systemd::journal::{self, Log};
use crate::systemd::notify;
use crate::watch::{Holds, Watch};
use crate::{config, control, protect, runtime_directory, shares, vault};
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{Interval, interval};

/// Watches and unseals until stopped.
pub(super) fn run(arguments: &ConfigArguments) -> Exit {
    let protection = match protect::this_process() {
        Ok(protection) => protection,
        Err(error) => {
            say(format_args!("error: the kernel does not let this process protect its memory: {error}"));
            return Exit::Failed;
        }
    };
    let loaded = match load(arguments, Purpose::Unseal) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let log = journal::start(loaded.settings.log_level);
    // Proved now, so that a broken source is reported at boot and not at the next outage.
    let oddities = match prove::sources(&loaded.settings) {
        Ok(oddities) => oddities,
        Err(error) => return fail(&error, Exit::Config),
    };
    let shortage = descriptors::suffice_for(loaded.settings.nodes()).err();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let (directory, unfit) = match runtime_directory::of_process() {
        Some(path) => match runtime_directory::open(&path) {
            Ok(_) => (Some(path), None),
            Err(error) => (None, Some(error)),
        },
        None => (None, None),
    };
    let taken = directory.as_deref().and_then(control::Taken::of);
    let mut holds = holds(directory.as_deref());
    if taken.is_some() {
        holds = holds.unkept();
    }
    let exit =
        runtime.block_on(
            Daemon { arguments, watch: Watch::new(holds), log, proof: None, shortage: shortage.clone() }
                .live(&loaded.settings, directory.as_deref().filter(|_| taken.is_none()), || {
                    started(&loaded, &oddities, &protection);
                    if let Some(shortage) = &shortage {
                        notice(shortage);
                    }
                    if let Some(unfit) = &unfit {
                        notice(unfit);
                    }
                    if let Some(taken) = &taken {
                        notice(taken);
                    }
                }),
        );
    // A thread that waits for a dead name server must not hold up the end.
    runtime.shutdown_background();
    exit
}

fn started(loaded: &Loaded, oddities: &[shares::Notice], protection: &protect::Protection) {
    tracing::info!(
        message_id = Message::Started.id(),
        "{} watches {}",
        vault::name_and_version(),
        extent(loaded)
    );
    loaded.notices.iter().for_each(|oddity| notice(oddity));
    for oddity in oddities {
        notice(oddity);
    }
    if let Some(reason) = &protection.swappable {
        tracing::info!(
            message_id = Message::Notice.id(),
            "memory cannot be locked ({reason}): with swap, shares could be written to disk"
        );
    }
}

/// The holds of an earlier run. Ones that cannot be read are gone: the servers matter more. Later ones take their
/// place.
fn holds(directory: Option<&Path>) -> Holds {
    let Some(directory) = directory else { return Holds::default() };
    Holds::in_directory(directory).unwrap_or_else(|error| {
        tracing::warn!("cannot read the holds in {}: {error}; nothing is held", directory.display());
        Holds::none_in(directory)
    })
}

struct Daemon<'a> {
    arguments: &'a ConfigArguments,
    watch: Watch,
    log: Log,
    /// What still has to be proved with the TPM.
    proof: Option<JoinHandle<()>>,
    /// Too few file descriptors, as was said.
    shortage: Option<Shortage>,
}

/// What the signals ask for.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Daemon<'_> {
    async fn live(mut self, settings: &Settings, directory: Option<&Path>, started: impl FnOnce()) -> Exit {
        let mut signals = match signals() {
            Ok(signals) => signals,
            Err(error) => {
                say(format_args!("error: cannot listen to signals: {error}"));
                return Exit::Failed;
            }
        };
        if let Err(error) = self.watch.apply(settings) {
            return fail(&error, Exit::Config);
        }
        started();
        if let Some(directory) = directory {
            if let Err(error) = control::listen(directory, Arc::clone(self.watch.board())) {
                let socket = control::socket(directory);
                tracing::warn!(
                    "cannot listen at {}: {error}; `hold` and `resume` do not work",
                    socket.display()
                );
            }
        }
        notify::ready(&self.watch.board().summary());
        self.prove(settings);
        let mut watchdog = notify::watchdog_interval().map(interval);
        let board = Arc::clone(self.watch.board());
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                _ = signals.hangup.recv() => self.reload(),
                () = self.watch.discover() => self.suffice(),
                () = board.changed() => notify::status(&board.summary()),
                () = tick(&mut watchdog) => {
                    if board.is_alive(Instant::now()) {
                        notify::watchdog();
                    } else {
                        tracing::error!("a node's task is overdue: the watchdog is not fed");
                    }
                }
            }
        }
        notify::stopping("stopping");
        tracing::info!(message_id = Message::Stopping.id(), "stopping; the servers stay as they are");
        Exit::Done
    }

    /// Nodes that were found take file descriptors too.
    fn suffice(&mut self) {
        let shortage = descriptors::suffice_for(self.watch.nodes()).err();
        if let Some(shortage) = shortage.as_ref().filter(|_| self.shortage.is_none()) {
            notice(shortage);
        }
        self.shortage = shortage;
    }

    /// Begins to prove with the TPM what can be proved only with it.
    fn prove(&mut self, settings: &Settings) {
        if let Some(earlier) = self.proof.take() {
            earlier.abort();
        }
        self.proof = prove::with_the_tpm(settings);
    }

    /// Reads the configuration again. A bad one changes nothing.
    fn reload(&mut self) {
        notify::reloading();
        match self.try_reload() {
            Ok(loaded) => {
                tracing::info!(
                    message_id = Message::Reloaded.id(),
                    "configuration reloaded: {}",
                    extent(&loaded)
                );
            }
            Err(error) => tracing::error!(
                message_id = Message::ReloadRefused.id(),
                "the new configuration is not used, the old one stays: {}",
                in_one_line(error.as_ref())
            ),
        }
        notify::ready(&self.watch.board().summary());
    }

    fn try_reload(&mut self) -> Result<Loaded, Box<dyn Explain>> {
        let environment = config::Environment::of_process();
        let loaded = config::load(
            &self.arguments.origin(),
            &environment,
            &self.arguments.overrides(),
            Purpose::Unseal,
        )
        .map_err(boxed)?;
        let oddities = prove::sources(&loaded.settings).map_err(boxed)?;
        let shortage = descriptors::suffice_for(loaded.settings.nodes()).err();
        self.watch.apply(&loaded.settings).map_err(boxed)?;
        self.log.set_level(loaded.settings.log_level);
        loaded.notices.iter().for_each(|oddity| notice(oddity));
        for oddity in oddities {
            notice(&oddity);
        }
        if let Some(shortage) = &shortage {
            notice(shortage);
        }
        self.shortage = shortage;
        self.prove(&loaded.settings);
        Ok(loaded)
    }
}

fn boxed(error: impl Explain + 'static) -> Box<dyn Explain> {
    Box::new(error)
}

/// `3 nodes of 1 cluster, configured in /etc/vault-unseal/config.toml`; names that stand for nodes count as such.
fn extent(loaded: &Loaded) -> String {
    let plural =
        |count: usize, word: &str| if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") };
    let clusters = &loaded.settings.clusters;
    let nodes = loaded.settings.nodes();
    let names = clusters.iter().map(|cluster| cluster.discoveries.len()).sum();
    let watched = match (nodes, names) {
        (_, 0) => plural(nodes, "node"),
        (0, _) => plural(names, "name"),
        _ => format!("{} and {}", plural(nodes, "node"), plural(names, "name")),
    };
    let files: Vec<_> = loaded.sources.iter().map(|path| path.display().to_string()).collect();
    let from = if files.is_empty() { "the environment and flags".to_owned() } else { files.join(", ") };
    format!("{watched} of {}, configured in {from}", plural(clusters.len(), "cluster"))
}

fn signals() -> std::io::Result<Signals> {
    Ok(Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        hangup: signal(SignalKind::hangup())?,
    })
}

async fn tick(watchdog: &mut Option<Interval>) {
    match watchdog {
        Some(interval) => {
            interval.tick().await;
        }
        None => pending().await,
    }
}
