//! The service: a task for each target, which compares each look with what the target was told.

use super::desk::{BackOff, Desk};
use super::ledger::Ledger;
use super::looks::{self, Look};
use super::memory::Memory;
use super::metrics::NotifyMetrics;
use super::settings::{Notify, NotifySettings};
use super::target::Undelivered;
use super::well::Pings;
use super::{check, host, named};
use crate::cli::NotifyArguments;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use vault_unseal::cli::{Exit, fail};
use vault_unseal::explain::Explanation;
use vault_unseal::external::error;
use vault_unseal::report::in_one_line;
use vault_unseal::systemd;

/// How long a message under way may take when the service is to end.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// What is wrong lasts for so long before a ping says so, unless the configuration does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two writes of metrics: as often as they are collected.
const ACCOUNTS: Duration = Duration::from_secs(10);

type Looks = watch::Receiver<Option<Arc<Look>>>;

/// What each target was told, and where it is kept.
struct Keeper {
    memory: Memory,
    told: Mutex<BTreeMap<String, Ledger>>,
    /// It could not be kept last, which was said.
    failing: Mutex<bool>,
    metrics: NotifyMetrics,
}

impl Keeper {
    fn of(&self, name: &str) -> Ledger {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default()
    }

    /// Keeps what a target was told, if that is news.
    async fn keep(self: &Arc<Self>, name: &str, ledger: &Ledger) {
        let all = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.get(name) == Some(ledger) {
                return;
            }
            told.insert(name.to_owned(), ledger.clone());
            told.clone()
        };
        let memory = self.memory.clone();
        let written = tokio::task::spawn_blocking(move || memory.write(all)).await;
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match written {
            Ok(Err(error)) if !*failing => {
                tracing::warn!("{}", in_one_line(&error));
                *failing = true;
            }
            Ok(Ok(())) => *failing = false,
            _ => {}
        }
    }
}

/// Tells until it is stopped.
pub(super) fn run(runtime: &Runtime, options: &NotifyArguments, settings: NotifySettings) -> Exit {
    if let Err(error) = check(&settings, false) {
        return fail(&error, Exit::Config);
    }
    runtime.block_on(async {
        match serve(options, settings).await {
            Ok(()) => Exit::Done,
            Err(cause) => {
                let what = format!("the notifier cannot run: {}", error::io(&cause));
                fail(&Explanation::without_advice("notify", what), Exit::Failed)
            }
        }
    })
}

async fn serve(options: &NotifyArguments, mut settings: NotifySettings) -> std::io::Result<()> {
    let (mut terminate, mut interrupt, mut hang_up) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
    let memory = Memory::of_service();
    let (told, forgotten) = memory.read();
    if let Some(why) = forgotten {
        tracing::warn!("{}", in_one_line(&why));
    }
    let keeper = Arc::new(Keeper {
        memory,
        told: Mutex::new(told),
        failing: Mutex::default(),
        metrics: NotifyMetrics::default(),
    });
    let looks = looks::begin(options.observe_socket.clone())?;
    let pause = systemd::watchdog_interval().map_or(Duration::from_secs(3600), |interval| interval / 2);
    let mut watchdog = tokio::time::interval(pause);
    let mut accounts = tokio::time::interval(ACCOUNTS);
    let mut shown = None;
    systemd::ready(&status(&settings));
    tracing::info!("tells {settings}");
    loop {
        let (stop, stopped) = watch::channel(false);
        keeper.metrics.begin(settings.targets.iter().map(|notify| notify.name.as_str()));
        let mut tasks = begin(&settings, &looks, &keeper, &stopped);
        let renewed = loop {
            tokio::select! {
                _ = terminate.recv() => break None,
                _ = interrupt.recv() => break None,
                _ = hang_up.recv() => {
                    systemd::reloading();
                    let read = reread(options.config.clone()).await;
                    systemd::ready(&status(read.as_ref().unwrap_or(&settings)));
                    if let Some(renewed) = read {
                        break Some(renewed);
                    }
                }
                _ = accounts.tick() => {
                    let (keeper, looked) = (Arc::clone(&keeper), looks.borrow().as_ref().map(|look| look.seen.at));
                    tokio::task::spawn_blocking(move || keeper.metrics.write(looked));
                }
                // A thread that no longer looks has nothing more told: then systemd starts all anew.
                _ = watchdog.tick() => {
                    let last = looks.borrow().as_ref().map(|look| look.now);
                    if last != shown {
                        systemd::watchdog();
                        shown = last;
                    }
                }
            }
        };
        // A message that is under way is told to its end: it would be told twice.
        let _ = stop.send(true);
        let ended = async { while tasks.join_next().await.is_some() {} };
        let limit = if renewed.is_some() { super::target::LIMIT } else { LAST_WORDS };
        let _ = tokio::time::timeout(limit, ended).await;
        let Some(renewed) = renewed else {
            systemd::stopping("stopping");
            return Ok(());
        };
        tracing::info!("tells {renewed} from now on");
        settings = renewed;
    }
}

fn status(settings: &NotifySettings) -> String {
    format!("tells {settings}")
}

/// The configuration anew, if it is good; else it says what is wrong.
async fn reread(path: PathBuf) -> Option<NotifySettings> {
    let read = tokio::task::spawn_blocking(move || read(&path)).await.ok()?;
    read.map_err(|refusal| {
        tracing::error!("the old configuration stays: {}", in_one_line(&refusal));
    })
    .ok()
}

fn read(path: &Path) -> Result<NotifySettings, Explanation> {
    let settings = NotifySettings::read(path).map_err(Explanation::of)?;
    check(&settings, false)?;
    Ok(settings)
}

fn begin(
    settings: &NotifySettings,
    looks: &Looks,
    keeper: &Arc<Keeper>,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for notify in &settings.targets {
        let (notify, looks) = (Arc::clone(notify), looks.clone());
        let (mut stopped, keeper) = (stopped.clone(), Arc::clone(keeper));
        if notify.target.ping().is_some() {
            tasks.spawn(async move { pinger(&notify, looks, &mut stopped, &keeper).await });
        } else {
            tasks.spawn(async move { teller(&notify, looks, &mut stopped, &keeper).await });
        }
    }
    tasks
}

/// The next look; `None` when the service, or this configuration, is at its end.
async fn next(looks: &mut Looks, stopped: &mut watch::Receiver<bool>) -> Option<Arc<Look>> {
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return None,
            changed = looks.changed() => changed.ok()?,
        }
        let look = looks.borrow_and_update().clone();
        if look.is_some() {
            return look;
        }
    }
}

async fn teller(
    notify: &Notify,
    mut looks: Looks,
    stopped: &mut watch::Receiver<bool>,
    keeper: &Arc<Keeper>,
) {
    let host = host();
    let mut desk = Desk::with(keeper.of(&notify.name));
    let mut complaint = Complaint::default();
    while let Some(look) = next(&mut looks, stopped).await {
        if let Some(message) = desk.compose(look.now, &look.seen, &look.tracker, &notify.rules) {
            match notify.target.tell(&message, &host).await {
                Ok(()) => {
                    desk.sent(&message, &look.seen);
                    keeper.metrics.tried(&notify.name, true);
                    complaint.over(notify);
                    tracing::info!("told {}: {}", notify.name, message.title(&host));
                }
                Err(undelivered) => {
                    desk.failed(time(&looks, &look), &message, undelivered.retry_after, fastrand::f64());
                    keeper.metrics.tried(&notify.name, false);
                    complaint.of(notify, &undelivered);
                }
            }
        }
        keeper.keep(&notify.name, &desk.ledger).await;
    }
}

async fn pinger(notify: &Notify, mut looks: Looks, stopped: &mut watch::Receiver<bool>, keeper: &Keeper) {
    let Some(ping) = notify.target.ping() else { return };
    let (mut pings, mut back_off, mut complaint) =
        (Pings::default(), BackOff::default(), Complaint::default());
    let after = notify.rules.after.unwrap_or(PATIENCE);
    while let Some(look) = next(&mut looks, stopped).await {
        let well = look.well.for_all(&notify.rules);
        let Some(says_well) = pings.due(look.now, well.is_ok(), ping.every(), after) else { continue };
        if !back_off.is_over(look.now) {
            continue;
        }
        match ping.tell(well.as_ref().copied().map_err(String::as_str)).await {
            Ok(()) => {
                pings.told(look.now, says_well);
                back_off.succeeded();
                keeper.metrics.tried(&notify.name, true);
                complaint.over(notify);
            }
            Err(undelivered) => {
                back_off.failed(time(&looks, &look), undelivered.retry_after, fastrand::f64());
                keeper.metrics.tried(&notify.name, false);
                complaint.of(notify, &undelivered);
            }
        }
    }
}

/// The time now: telling may have taken a while.
fn time(looks: &Looks, look: &Look) -> Duration {
    looks.borrow().as_ref().map_or(look.now, |last| last.now)
}

/// What was said in the log of a target that cannot be told: once, and again when it is another reason.
#[derive(Default)]
struct Complaint {
    kind: Option<&'static str>,
    tries: u64,
}

impl Complaint {
    fn of(&mut self, notify: &Notify, undelivered: &Undelivered) {
        self.tries += 1;
        if self.kind.replace(undelivered.why.kind) != Some(undelivered.why.kind) {
            tracing::warn!("cannot tell {}", in_one_line(&named(&notify.name, &undelivered.why)));
        }
    }

    fn over(&mut self, notify: &Notify) {
        if self.kind.take().is_some() {
            tracing::info!("{} can be told again, after {} tries", notify.name, self.tries);
        }
        self.tries = 0;
    }
}
