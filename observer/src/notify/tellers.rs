//! The service: a task for each target, which compares each look with what the target was told.

use super::desk::{BackOff, Desk};
use super::keeper::Keeper;
use super::looks::{self, Look};
use super::memory::Memory;
use super::metrics::NotifyMetrics;
use super::settings::{Notify, NotifySettings};
use super::target::Undelivered;
use super::well::Pings;
use super::{check, check_target, host, named};
use crate::cli::NotifyArguments;
use crate::service::Looking;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use vault_unseal::cli::{Exit, fail};
use vault_unseal::explain::Explanation;
use vault_unseal::external::error;
use vault_unseal::files::{READ_LIMIT, Slow};
use vault_unseal::report::in_one_line;
use vault_unseal::systemd;

/// How long a message under way may take when the service is to end.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// What is wrong lasts for so long before a ping says so, unless the configuration does.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Between two writes of metrics: as often as they are collected.
const ACCOUNTS: Duration = Duration::from_secs(10);

type Looks = watch::Receiver<Option<Arc<Look>>>;

/// What all tasks share.
struct Shared {
    keeper: Arc<Keeper>,
    metrics: NotifyMetrics,
}

/// Tells until it is stopped.
pub(super) fn run(runtime: &Runtime, options: &NotifyArguments, settings: NotifySettings) -> Exit {
    if let Err(error) = check(&settings) {
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
    let shared =
        Arc::new(Shared { keeper: Keeper::begin(Memory::of_service())?, metrics: NotifyMetrics::default() });
    let looks = looks::begin(options.observe_socket.clone())?;
    let pause = systemd::watchdog_interval().map_or(Duration::from_secs(3600), |interval| interval / 2);
    let mut watchdog = tokio::time::interval(pause);
    let mut accounts = tokio::time::interval(ACCOUNTS);
    let mut shown = None;
    systemd::ready(&status(&settings));
    tracing::info!("tells {settings}");
    loop {
        let (stop, stopped) = watch::channel(false);
        let names = || settings.targets.iter().map(|notify| notify.name.as_str());
        shared.keeper.retain(names());
        shared.metrics.begin(names());
        let mut tasks = begin(&settings, &looks, &shared, &stopped);
        // The configuration that follows, once there is one, or that it is to end; and until when tasks may take their time.
        let mut next = None;
        let mut limit = None;
        loop {
            tokio::select! {
                _ = terminate.recv() => { next = None; limit = Some(Instant::now() + LAST_WORDS); }
                _ = interrupt.recv() => { next = None; limit = Some(Instant::now() + LAST_WORDS); }
                _ = hang_up.recv(), if limit.is_none() => {
                    systemd::reloading();
                    match reread(options.config.clone()).await {
                        Ok(renewed) => {
                            next = Some(renewed);
                            limit = Some(Instant::now() + super::target::LIMIT);
                        }
                        // `systemctl reload` has succeeded whatever comes of it: who looks at the service sees it.
                        Err(why) => {
                            let why = in_one_line(&why);
                            tracing::error!("the old configuration stays: {why}");
                            systemd::ready(&format!(
                                "{}; reload refused, the old configuration stays: {why}",
                                status(&settings)
                            ));
                        }
                    }
                }
                _ = accounts.tick() => {
                    let (shared, looked) = (Arc::clone(&shared), looks.borrow().as_ref().map(|look| look.seen.at));
                    tokio::task::spawn_blocking(move || shared.metrics.write(looked));
                }
                // A thread that no longer looks has nothing more told: then systemd starts all anew.
                _ = watchdog.tick() => {
                    let last = looks.borrow().as_ref().map(|look| look.now);
                    if last != shown {
                        systemd::watchdog();
                        shown = last;
                    }
                }
                // A message that is under way is told to its end: it would be told twice.
                ended = tasks.join_next(), if limit.is_some() => if ended.is_none() { break },
                () = late(limit) => break,
            }
            if limit.is_some() {
                let _ = stop.send(true);
            }
        }
        drop(tasks);
        let Some(renewed) = next else {
            systemd::stopping("stopping");
            let keeper = Arc::clone(&shared.keeper);
            let _ = tokio::task::spawn_blocking(move || keeper.finish(LAST_WORDS)).await;
            return Ok(());
        };
        systemd::ready(&status(&renewed));
        tracing::info!("tells {renewed} from now on");
        settings = renewed;
    }
}

/// Waits until then, if there is a then.
async fn late(limit: Option<Instant>) {
    match limit {
        Some(limit) => tokio::time::sleep_until(limit).await,
        None => std::future::pending().await,
    }
}

fn status(settings: &NotifySettings) -> String {
    format!("tells {settings}")
}

/// The configuration anew, or what is wrong with it.
async fn reread(path: PathBuf) -> Result<NotifySettings, Explanation> {
    let reading = tokio::task::spawn_blocking(move || read(&path));
    let read = tokio::time::timeout(READ_LIMIT, reading).await;
    read.map_or_else(
        |_| Err(Explanation::of(Slow)),
        |read| read.unwrap_or_else(|_| Err(Explanation::of(Slow))),
    )
}

fn read(path: &Path) -> Result<NotifySettings, Explanation> {
    let settings = NotifySettings::read(path).map_err(Explanation::of)?;
    check(&settings)?;
    Ok(settings)
}

fn begin(
    settings: &NotifySettings,
    looks: &Looks,
    shared: &Arc<Shared>,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for notify in &settings.targets {
        if let Err(missing) = check_target(notify, Looking::ByHand(None)) {
            tracing::warn!("{}", in_one_line(&missing));
        }
        let (notify, looks) = (Arc::clone(notify), looks.clone());
        let (mut stopped, shared) = (stopped.clone(), Arc::clone(shared));
        if notify.target.ping().is_some() {
            tasks.spawn(async move { pinger(&notify, looks, &mut stopped, &shared).await });
        } else {
            tasks.spawn(async move { teller(&notify, looks, &mut stopped, &shared).await });
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

async fn teller(notify: &Notify, mut looks: Looks, stopped: &mut watch::Receiver<bool>, shared: &Shared) {
    let host = host();
    let mut desk = Desk::with(shared.keeper.of(&notify.name));
    let mut complaint = Complaint::default();
    while let Some(look) = next(&mut looks, stopped).await {
        if let Some(message) = desk.compose(look.now, &look.seen, &look.tracker, &notify.rules) {
            match notify.target.tell(&message, &host).await {
                Ok(()) => {
                    desk.sent(&message, &look.seen);
                    shared.metrics.tried(&notify.name, true);
                    complaint.over(notify);
                    tracing::info!("told {}: {}", notify.name, message.title(&host));
                }
                Err(undelivered) => {
                    desk.failed(time(&looks, &look), &message, undelivered.retry_after, fastrand::f64());
                    shared.metrics.tried(&notify.name, false);
                    complaint.of(notify, &undelivered);
                }
            }
        }
        shared.keeper.keep(&notify.name, &desk.ledger);
    }
}

async fn pinger(notify: &Notify, mut looks: Looks, stopped: &mut watch::Receiver<bool>, shared: &Shared) {
    let Some(ping) = notify.target.ping() else { return };
    let (mut pings, mut back_off, mut complaint) =
        (Pings::default(), BackOff::default(), Complaint::default());
    let (after, mut tried) = (notify.rules.after.unwrap_or(PATIENCE), None);
    while let Some(look) = next(&mut looks, stopped).await {
        let well = look.well.for_all(&notify.rules);
        let Some(says_well) = pings.due(look.now, well.is_ok(), ping.every(), after) else { continue };
        // What is so now is not kept waiting by what could not be told before.
        if tried == Some(says_well) && !back_off.is_over(look.now) {
            continue;
        }
        tried = Some(says_well);
        match ping.tell(well.as_ref().copied().map_err(String::as_str)).await {
            Ok(()) => {
                pings.told(look.now, says_well);
                back_off.succeeded();
                shared.metrics.tried(&notify.name, true);
                complaint.over(notify);
            }
            Err(undelivered) => {
                back_off.failed(time(&looks, &look), undelivered.retry_after, fastrand::f64());
                back_off.within(time(&looks, &look), ping.every());
                shared.metrics.tried(&notify.name, false);
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
