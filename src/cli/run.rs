//! `vault-unseal run`: the daemon.

use super::start::{self, fail, load, protect_memory, say};
use super::startup_checks::{self, NamedFiles, notice, notices};
use super::status_line::StatusLine;
use super::{ConfigArguments, Exit};
use crate::config::{self, LoadedConfig, Purpose, Settings};
use crate::control::{self, ReloadRequest};
use crate::explain::{Explanation, Remark};
use crate::external::error;
use crate::external::quote::sentence;
use crate::files::{self, Slow};
use crate::observe;
use crate::process::{self, Shortage};
use crate::report::in_one_line;
use crate::report::message::Message;
use crate::report::state::counted;
use crate::systemd;
use crate::systemd::journal::{self, Log};
use crate::systemd::service::{ServiceProblem, shadow};
use crate::watch::{ClusterContexts, Grid, HoldStore, Watch};
use crate::{shares, vault};
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Interval, interval, timeout, timeout_at};

/// How long the end waits for a look at unit files.
const SHADOW_LIMIT: Duration = Duration::from_secs(1);
/// How long the end waits for holds that are being written.
const HOLDS_LIMIT: Duration = Duration::from_secs(1);

/// Watches and unseals until stopped.
pub(super) fn run(arguments: &ConfigArguments) -> Result<Exit, Exit> {
    let protection = protect_memory()?;
    process::suffice_for_daemon().map_err(|error| fail(&error, Exit::Failed))?;
    let loaded = load(arguments, Purpose::Unseal)?;
    let log = journal::start(loaded.settings.log_level);
    // Proved now, so that a broken source is reported at boot and not at the next outage.
    let settings = loaded.settings.clone();
    let read =
        files::within(files::READ_LIMIT, move || NamedFiles::read(&settings, &ClusterContexts::default()));
    let NamedFiles { notices: of_shares, clusters, held } = match read {
        Some(Ok(read)) => read,
        Some(Err(error)) => return Err(fail(&error, Exit::Config)),
        None => return Err(fail(&Slow, Exit::Failed)),
    };
    let shortage = process::allow_descriptors_for(loaded.settings.nodes()).err();
    let lines = log.lines().clone();
    let runtime = start::runtime_with(|builder| builder.on_thread_park(lines.at_rest()))?;
    let grid = Grid::begin();
    let directory = systemd::runtime_directory();
    let unfit = directory.as_deref().and_then(|path| systemd::open_runtime_directory(path).err());
    let directory = directory.filter(|_| unfit.is_none());
    let taken = directory.as_deref().and_then(control::AnotherDaemon::of);
    let mut holds = holds(directory.as_deref());
    if taken.is_some() {
        holds = holds.unkept();
    }
    if shortage.is_some() {
        holds = holds.without_spare();
    }
    let gathering = lines.gather();
    let exit = runtime.block_on(Daemon::new(arguments, Watch::new(holds, grid), log, shortage.clone()).live(
        &loaded.settings,
        (clusters, held),
        directory.as_deref().filter(|_| taken.is_none()),
        || {
            started(&loaded, &of_shares, &protection);
            if directory.is_none() && unfit.is_none() {
                tracing::info!(
                    message_id = Message::Notice.id(),
                    "no control socket: hold, resume and reload cannot reach this daemon, which systemd gave no \
                     RUNTIME_DIRECTORY"
                );
            }
            notices(shortage.as_slice());
            notices(unfit.as_slice());
            notices(taken.as_slice());
        },
    ));
    drop(gathering);
    // A thread that waits for a dead name server must not hold up the end.
    runtime.shutdown_background();
    Ok(exit)
}

fn started(loaded: &LoadedConfig, of_shares: &[shares::Notice], protection: &process::Protection) {
    tracing::info!(
        message_id = Message::Started.id(),
        "{} watches {}",
        vault::name_and_version(),
        extent(loaded)
    );
    notices(&loaded.notices);
    notices(of_shares);
    if let Some(reason) = &protection.swappable {
        tracing::info!(
            message_id = Message::Notice.id(),
            "memory cannot be locked ({reason}): with swap, shares could be written to disk"
        );
    }
}

/// The holds of an earlier run. Ones that cannot be read are gone: the servers matter more. Later ones take their
/// place.
fn holds(directory: Option<&Path>) -> HoldStore {
    let Some(directory) = directory else { return HoldStore::default() };
    HoldStore::in_directory(directory).unwrap_or_else(|cause| {
        let place = sentence(&directory.join("holds.json"));
        tracing::warn!(
            message_id = Message::Notice.id(),
            "cannot read the holds in {place}: {cause}; nothing is held"
        );
        HoldStore::none_in(directory)
    })
}

struct Daemon<'a> {
    arguments: &'a ConfigArguments,
    watch: Watch,
    log: Log,
    /// Too few file descriptors, as was said.
    shortage: Option<Shortage>,
    /// A reload under way.
    reload: Option<Reload>,
    /// Those who asked for another meanwhile, and wait for its verdict.
    reload_again: Option<Vec<ReloadRequest>>,
    /// What takes longer than a start is looked at.
    checks: JoinSet<()>,
}

/// Files that are read off the loop.
struct Reload {
    files: JoinHandle<Result<(LoadedConfig, NamedFiles), Explanation>>,
    deadline: Instant,
    /// Who waits for the verdict.
    asked: Vec<ReloadRequest>,
}

impl<'a> Daemon<'a> {
    fn new(arguments: &'a ConfigArguments, watch: Watch, log: Log, shortage: Option<Shortage>) -> Self {
        let (reload, reload_again, checks) = (None, None, JoinSet::new());
        Self { arguments, watch, log, shortage, reload, reload_again, checks }
    }

    /// Opens the observation socket. That nobody can observe keeps no server sealed.
    fn let_observe(&self, directory: &Path) {
        let places = process::places_for_observers(self.watch.nodes());
        if places == 0 {
            tracing::warn!(
                message_id = Message::Notice.id(),
                "no file descriptors are left for observers: nobody can observe this daemon"
            );
            return;
        }
        match observe::listen(directory, Arc::clone(self.watch.registry().telemetry()), places) {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                message_id = Message::Notice.id(),
                "only root can observe this daemon: there is no directory {}-observe that it may write to; \
                 `systemd-sysusers` and `systemd-tmpfiles --create` make it, then restart the daemon",
                sentence(directory)
            ),
            Err((socket, error)) => {
                let (socket, error) = (sentence(&socket), error::io(&error));
                tracing::warn!(
                    message_id = Message::Notice.id(),
                    "cannot listen at {socket}: {error}; nobody can observe this daemon"
                );
            }
        }
    }

    async fn live(
        mut self,
        settings: &Settings,
        (clusters, held): (ClusterContexts, Vec<(String, Option<usize>)>),
        directory: Option<&Path>,
        started: impl FnOnce(),
    ) -> Exit {
        let [mut terminate, mut interrupt, mut hangup] = match signals() {
            Ok(signals) => signals,
            Err(error) => {
                say(format_args!("error: cannot listen to signals: {}", error::io(&error)));
                return Exit::Failed;
            }
        };
        self.take_turns();
        // Its nodes are asked, and speak, before all of a thousand have their tasks.
        started();
        self.watch.apply(clusters).await;
        NamedFiles::tell_held(&held, self.watch.registry());
        let (ask, mut asked) = mpsc::unbounded_channel();
        if let Some(directory) = directory {
            let registry = Arc::clone(self.watch.registry());
            let listening = control::listen(directory, registry, ask.clone(), self.shortage.as_ref());
            if let Err(error) = listening {
                let (socket, error) = (sentence(&control::socket(directory)), error::io(&error));
                tracing::warn!(
                    message_id = Message::Notice.id(),
                    "cannot listen at {socket}: {error}; `hold` and `resume` do not work"
                );
            }
            self.let_observe(directory);
        }
        systemd::ready(&self.watch.registry().summary());
        self.checks = startup_checks::begin(settings, self.watch.registry());
        let mut watchdog = systemd::watchdog_interval().map(interval);
        let registry = Arc::clone(self.watch.registry());
        let mut line = StatusLine::new();
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => self.reload(Vec::new()),
                Some(asked) = asked.recv() => self.reload(vec![asked]),
                read = outcome(&mut self.reload) => self.reloaded(read).await,
                found = self.watch.discover() => {
                    // As many as there may be then: each connects as soon as it has its task.
                    let _ = process::allow_descriptors_for(self.watch.nodes() + found.nodes());
                    self.watch.learn(found).await;
                    self.suffice();
                }
                () = line.due(&registry) => systemd::status(&registry.summary()),
                () = tick(&mut watchdog) => {
                    if registry.is_alive(Instant::now()) {
                        systemd::watchdog();
                    } else {
                        tracing::error!("a node's task is overdue: the watchdog is not fed");
                    }
                }
            }
        }
        // What was booked just now; a disk that hangs is not waited for.
        let _ = timeout(HOLDS_LIMIT, self.watch.keep_holds()).await;
        // The last that is said before another program takes over: nothing of ours runs then.
        if let Some(shadow) = shadow_of_this_process() {
            notice(&shadow);
        }
        systemd::stopping("stopping");
        tracing::info!(message_id = Message::Stopping.id(), "stopping; the servers stay as they are");
        Exit::Done
    }

    /// Nodes that were found take file descriptors too.
    fn suffice(&mut self) {
        let shortage = process::allow_descriptors_for(self.watch.nodes()).err();
        if let Some(shortage) = shortage.as_ref().filter(|_| self.shortage.is_none()) {
            notice(shortage);
        }
        self.shortage = shortage;
        self.take_turns();
    }

    /// Has nodes take turns while there are too few descriptors for all.
    fn take_turns(&self) {
        self.watch.take_turns(self.shortage.as_ref().map(Shortage::turns));
    }

    /// Begins to read the configuration again, and what it names, off the loop. What is read while it is asked for once
    /// more may be too old: then it is read again.
    fn reload(&mut self, asked: Vec<ReloadRequest>) {
        if self.reload.is_some() {
            self.reload_again.get_or_insert_default().extend(asked);
            return;
        }
        systemd::reloading();
        let (origin, overrides) = (self.arguments.origin(), self.arguments.overrides());
        let earlier = self.watch.clusters();
        let files = tokio::task::spawn_blocking(move || {
            let environment = config::Environment::of_process();
            let loaded = config::load(&origin, &environment, &overrides, Purpose::Unseal);
            let loaded = loaded.map_err(Explanation::of)?;
            let files = NamedFiles::read(&loaded.settings, &earlier)?;
            Ok((loaded, files))
        });
        self.reload = Some(Reload { files, deadline: Instant::now() + files::READ_LIMIT, asked });
    }

    /// Uses what was read. A bad configuration changes nothing.
    async fn reloaded(&mut self, read: Result<(LoadedConfig, NamedFiles), Explanation>) {
        let asked = self.reload.take().map(|reload| reload.asked).unwrap_or_default();
        let registry = Arc::clone(self.watch.registry());
        let refused = match read {
            Ok((loaded, files)) => {
                self.replace(&loaded, files).await;
                tracing::info!(
                    message_id = Message::Reloaded.id(),
                    "configuration reloaded: {}",
                    extent(&loaded)
                );
                None
            }
            Err(error) => {
                tracing::error!(
                    message_id = Message::ReloadRefused.id(),
                    "the new configuration is not used, the old one stays: {}",
                    in_one_line(&error)
                );
                Some(Remark::of(&error))
            }
        };
        registry.set_reload_refused(refused.clone());
        // Before the answers: systemd reads it before it sees ExecReload= end, and no reload seems to go on.
        systemd::ready(&registry.summary());
        for asker in asked {
            // Whoever left does not want to know.
            let _ = asker.send(refused.clone().map_or(Ok(()), Err));
        }
        if let Some(asked) = self.reload_again.take() {
            self.reload(asked);
        }
    }

    async fn replace(&mut self, loaded: &LoadedConfig, files: NamedFiles) {
        // New nodes connect while others still get their tasks.
        let nodes = loaded.settings.nodes().max(self.watch.nodes());
        self.shortage = process::allow_descriptors_for(nodes).err();
        self.take_turns();
        self.watch.apply(files.clusters).await;
        NamedFiles::tell_held(&files.held, self.watch.registry());
        // With those that were found by names, which may be many more than the configured ones.
        let shortage = process::allow_descriptors_for(self.watch.nodes()).err();
        self.log.set_level(loaded.settings.log_level);
        notices(&loaded.notices);
        notices(&files.notices);
        notices(shortage.as_slice());
        self.shortage = shortage;
        self.take_turns();
        self.checks = startup_checks::begin(&loaded.settings, self.watch.registry());
    }
}

/// What came of a reload, at its deadline at the latest; without one, never returns.
async fn outcome(reload: &mut Option<Reload>) -> Result<(LoadedConfig, NamedFiles), Explanation> {
    match reload {
        Some(Reload { files, deadline, .. }) => match timeout_at((*deadline).into(), files).await {
            Ok(Ok(read)) => read,
            _ => Err(Explanation::of(&Slow)),
        },
        None => pending().await,
    }
}

/// The unit that will be started in place of this service's own, if this process is that service.
fn shadow_of_this_process() -> Option<ServiceProblem> {
    journal::reads_our_stderr().then(|| files::within(SHADOW_LIMIT, || shadow(Path::new("/"))))??
}

/// `3 nodes of 1 cluster, configured in /etc/vault-unseal/config.toml`; names that stand for nodes count as such.
fn extent(loaded: &LoadedConfig) -> String {
    let clusters = &loaded.settings.clusters;
    let nodes = loaded.settings.nodes();
    let names = clusters.iter().map(|cluster| cluster.discoveries.len()).sum();
    let watched = match (nodes, names) {
        (_, 0) => counted(nodes, "node"),
        (0, _) => counted(names, "name"),
        _ => format!("{} and {}", counted(nodes, "node"), counted(names, "name")),
    };
    let files: Vec<_> = loaded.sources.iter().map(|path| sentence(path)).collect();
    let from = if files.is_empty() { "the environment and flags".to_owned() } else { files.join(", ") };
    format!("{watched} of {}, configured in {from}", counted(clusters.len(), "cluster"))
}

/// SIGTERM, SIGINT and SIGHUP.
fn signals() -> std::io::Result<[Signal; 3]> {
    Ok([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?])
}

async fn tick(watchdog: &mut Option<Interval>) {
    match watchdog {
        Some(interval) => {
            interval.tick().await;
        }
        None => pending().await,
    }
}
