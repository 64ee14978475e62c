//! The task of one node.

use super::announce::Announcer;
use super::booked::BookedHold;
use super::connection::{ReconnectCheck, ReconnectProbes};
use super::desired::NodeSpec;
use super::grid::{Alarm, Grid};
use super::holds::HoldStore;
use super::identity::{Identity, SharedMemberships};
use super::key::NodeKey;
use super::publisher::Publisher;
use super::registry::{Order, StatusRegistry};
use super::rush::Rush;
use super::source::{Outcome, ShareLoader, SharedSource};
use super::turns::{Turn, Turns};
use crate::api::Unreachable;
use crate::cluster::Scheme;
use crate::explain::Explain;
use crate::shares::ShareSet;
use crate::unseal::{Action, Event, NodeMachine, Objection, Observation, ShareCandidates, State, Step};
use std::borrow::Cow;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How much later than promised a turn may come before the watchdog is right to doubt the loop.
const GRACE: Duration = Duration::from_secs(10);

/// A node's task: what it is told over channels, and what all tasks share.
pub(super) struct NodeTask {
    pub(super) key: NodeKey,
    pub(super) spec: watch::Receiver<Arc<NodeSpec>>,
    pub(super) orders: watch::Receiver<Option<Order>>,
    pub(super) registry: Arc<StatusRegistry>,
    pub(super) probes: Arc<ReconnectProbes>,
    pub(super) holds: Arc<HoldStore>,
    pub(super) memberships: Arc<SharedMemberships>,
    pub(super) turns: Arc<Turns>,
    pub(super) rush: Arc<Rush>,
    pub(super) grid: Grid,
    /// How many were begun to be watched before.
    pub(super) earlier: u64,
}

/// Keeps one node unsealed until it is aborted.
pub(super) async fn watch(mut task: NodeTask) {
    let began = Instant::now();
    let mut current = Arc::clone(&task.spec.borrow_and_update());
    let mut machine = NodeMachine::new(current.cluster.pace.clone(), fastrand::u64(..));
    machine.set_on_operator_seal(current.cluster.on_operator_seal);
    let mut booked = BookedHold::restore(task.key.clone(), Arc::clone(&task.holds), &mut machine);
    let mut identity = Identity::new(Arc::clone(&task.memberships), task.key.clone(), current.rank);
    let mut announcer = Announcer::new(task.key.clone(), task.registry.recorder(&task.key));
    let publisher = Publisher::new(Arc::clone(&task.registry), task.key.clone());
    let mut executor = ActionExecutor::default();
    let mut reconnect = ReconnectCheck::default();
    let mut alarm = Alarm::of(task.grid, task.earlier);
    let mut step = machine.start();
    let mut unsealing = None;
    loop {
        unsealing = if step.is_urgent() { unsealing.or_else(|| Some(task.rush.begins())) } else { None };
        let limit = longest(&current, step.action);
        // Who comes back is heard of in its turn, where there are turns.
        let closed = step.refused_since.filter(|_| current.cluster.pace.presence && !task.turns.are_taken());
        step.wait = task.probes.until_asked(step.wait, began, closed);
        publisher.publish(machine.state(), identity.sure(), Instant::now() + step.wait + limit + GRACE);
        let source = current.source().filter(|_| step.watch_share_source).cloned();
        let unsealed = machine.state().is_some_and(State::is_unsealed);
        let at_rest = unsealed.then_some(current.cluster.pace.poll_interval);
        let due = alarm.set(step.wait, at_rest);
        let seen = tokio::select! {
            biased;
            changed = task.spec.changed() => {
                if changed.is_err() {
                    return;
                }
                let earlier = std::mem::replace(&mut current, Arc::clone(&task.spec.borrow_and_update()));
                identity.follow(current.rank);
                reconnect.begin_anew();
                if unsealed && current.is_as_good_as(&earlier) {
                    // Its next look is soon enough: a thousand at once would hold up whoever needs one.
                    step.wait = due.saturating_duration_since(Instant::now());
                    continue;
                }
                machine.set_pace(current.cluster.pace.clone());
                machine.set_on_operator_seal(current.cluster.on_operator_seal);
                current.source().into_iter().for_each(|source| source.begin_anew());
                Observation::Woken
            }
            order = next(&mut task.orders) => order,
            () = change_of(source.as_deref(), &executor.loader) => Observation::Woken,
            () = left(&current) => Observation::Left,
            () = task.probes.returned(&current, began, closed) => Observation::Returned,
            news = reconnect.news(&current, unsealed, &task.turns) => {
                announcer.reconnect(&news);
                // Of the connection that is kept it says nothing.
                continue;
            }
            () = alarm.rings() => {
                let turn = task.turns.next(|| publisher.waits()).await;
                // Whoever ordered a hold while this waited sees no share submitted after it.
                if task.orders.has_changed().unwrap_or(true) || task.spec.has_changed().unwrap_or(true) {
                    step.wait = Duration::ZERO;
                    continue;
                }
                let ends = Instant::now() + limit + GRACE;
                if turn.is_some() {
                    publisher.publish(machine.state(), identity.sure(), ends);
                }
                alarm.set_ahead();
                let asked = Instant::now();
                let (action, overdue_after) = (step.action, step.overdue_after);
                let request = executor.execute_in(turn, &current, step);
                let seen = answer(request, overdue_after, &mut alarm, || {
                    machine.overdue();
                    announcer.announce(machine.state(), publisher.last_confirmed());
                    publisher.publish(machine.state(), identity.sure(), ends);
                })
                .await;
                let shares = executor.shares().map(ShareSet::count);
                let poll = current.cluster.pace.poll_interval;
                announcer.executed(action, &seen, asked.elapsed(), &current.server, shares, poll);
                seen
            }
        };
        take_note(&task, &mut machine, &mut identity, &publisher, &current, &seen);
        step = machine.observe(began.elapsed(), seen);
        // An order that is still to be followed is booked already, with who gave it.
        if !task.orders.has_changed().unwrap_or(false) {
            booked.follow(&machine, || began.elapsed()).await;
        }
        announcer.corrupt(&executor.corrupt);
        let events = machine.take_events();
        identity.conclude(&events);
        announcer.tell(&events, executor.shares());
        if events.contains(&Event::Unsealed) {
            // What it has become is shown a moment later, and those that are sealed are unsealed the sooner.
            unsealing = None;
            step.wait = step.wait.max(task.rush.lasts(current.cluster.pace.poll_interval));
        }
        // Before the state is announced: who reads there that shares are no longer needed may rely on it.
        if !step.keep_shares {
            executor.held = None;
        }
        if !step.load_pending {
            executor.loader.forget().await;
        }
        announcer.announce(machine.state(), publisher.last_confirmed());
        announcer.outsider(identity.sure());
    }
}

/// Tells the others of the node what was seen of it, and the machine what they make of it.
fn take_note(
    task: &NodeTask,
    machine: &mut NodeMachine,
    identity: &mut Identity,
    publisher: &Publisher,
    spec: &NodeSpec,
    seen: &Observation,
) {
    report_answer(publisher, spec, seen);
    let by_us = matches!(seen, Observation::Health(_, epoch) if machine.unsealed_by_us(*epoch));
    identity.note(seen, by_us);
    machine.set_outsider(identity.judge().map(ToString::to_string));
    // Only then is it of use, and every node is gone through for it.
    if matches!(seen, Observation::SealStatus(status, _) if !status.initialized) {
        machine.set_objection(objection(&task.registry, &task.key, spec));
    }
}

/// What is known of its cluster that speaks against initialising the node.
fn objection(registry: &StatusRegistry, key: &NodeKey, spec: &NodeSpec) -> Objection {
    if registry.peer_is_initialised(key) {
        Objection::PeerInitialised
    } else if spec.source().is_some() {
        Objection::SharesHeld
    } else {
        Objection::Nothing
    }
}

/// Has others know that the node answered, or that it did not.
fn report_answer(publisher: &Publisher, spec: &NodeSpec, seen: &Observation) {
    match seen {
        Observation::Health(..) | Observation::SealStatus(..) | Observation::Answer(_) => {
            publisher.answered();
        }
        Observation::Unreachable(_) => spec.report_unreachable(),
        _ => {}
    }
}

/// Waits for the answer to a request. When it is late, that is said, once, and the answer awaited all the same. `alarm` is
/// set for that where it rings too early: a timer beside it would wake the loop once more a request.
async fn answer(
    request: impl Future<Output = Observation>,
    late_after: Option<Duration>,
    alarm: &mut Alarm,
    say: impl FnOnce(),
) -> Observation {
    let mut request = pin!(request);
    let Some(late_after) = late_after else { return request.await };
    let asked = Instant::now();
    loop {
        tokio::select! {
            biased;
            seen = &mut request => return seen,
            () = alarm.rings() => {}
        }
        let left = late_after.saturating_sub(asked.elapsed());
        if left.is_zero() {
            break;
        }
        alarm.set(left, None);
    }
    say();
    request.await
}

/// The next order, as the machine is told it.
async fn next(orders: &mut watch::Receiver<Option<Order>>) -> Observation {
    while orders.changed().await.is_ok() {
        match *orders.borrow_and_update() {
            Some(Order::Hold) => return Observation::Hold,
            Some(Order::Resume) => return Observation::Resume,
            None => {}
        }
    }
    pending().await
}

/// The connection to the server ended, and that is to be heeded.
async fn left(spec: &NodeSpec) {
    // In any case somebody has to look after it: a socket that the server closed would stay half open.
    spec.server.left().await;
    if !spec.cluster.pace.presence {
        pending::<()>().await;
    }
}

async fn change_of(source: Option<&SharedSource>, loader: &ShareLoader) {
    match source {
        Some(source) => loader.changed(source).await,
        None => pending().await,
    }
}

/// How long an action may take at the most.
fn longest(spec: &NodeSpec, action: Action) -> Duration {
    match action {
        Action::Submit { completes: true, .. } => spec.cluster.pace.unseal_timeout,
        Action::LoadShares(_) => spec.source().map_or(spec.cluster.pace.request_timeout, |source| {
            source.source().limit(spec.cluster.pace.request_timeout)
        }),
        _ => spec.cluster.pace.request_timeout,
    }
}

/// Carries out the actions of the core.
#[derive(Default)]
struct ActionExecutor {
    loader: ShareLoader,
    /// The shares of the attempt under way, and no longer. Wiped when no node has them any more.
    held: Option<Arc<Outcome>>,
    /// Positions of shares in it that do not belong to the others.
    corrupt: Vec<usize>,
}

impl ActionExecutor {
    /// Carries out an action in the node's turn, where there are turns: its connection ends with that.
    async fn execute_in(&mut self, turn: Option<Turn>, spec: &NodeSpec, step: Step) -> Observation {
        let seen = self.execute(spec, step).await;
        if turn.is_some() {
            spec.server.part().await;
        }
        seen
    }

    async fn execute(&mut self, spec: &NodeSpec, step: Step) -> Observation {
        let limit = longest(spec, step.action);
        if let Some(source) = spec.source().filter(|_| step.load_ahead) {
            self.loader.read_ahead(source);
        }
        match step.action {
            Action::AskHealth => {
                seen(spec.server.health(), |health| Observation::Health(health, spec.server.epoch())).await
            }
            Action::ReadSealStatus => {
                seen(spec.server.seal_status(), |status| Observation::SealStatus(status, spec.server.epoch()))
                    .await
            }
            Action::LoadShares(scheme) => self.load(spec, scheme, limit).await,
            Action::Submit { share, .. } => match self.shares().and_then(|held| held.get(share)) {
                Some(share) => {
                    seen(spec.server.submit(share.unseal_request(), limit), Observation::Answer).await
                }
                None => Observation::Woken,
            },
            Action::Reset => seen(spec.server.reset(), Observation::Answer).await,
        }
    }

    /// The shares that are held.
    fn shares(&self) -> Option<&ShareSet> {
        self.held.as_ref()?.loaded.as_ref().ok().map(|loaded| &loaded.shares)
    }

    async fn load(&mut self, spec: &NodeSpec, scheme: Scheme, limit: Duration) -> Observation {
        let Some(source) = spec.source() else {
            return unavailable("no-share-source", "no share source is configured".to_owned(), None);
        };
        let Some(outcome) = self.loader.read(source, limit).await else {
            return unavailable(
                "share-source-slow",
                format!("{} cannot be read: no answer within the time limit", source.source()),
                Some("The disk or network file system that holds it does not answer.".to_owned()),
            );
        };
        match &outcome.loaded {
            Ok(loaded) => {
                let plan = loaded.shares.plan(scheme);
                if let Some(misfit) = plan.misfit {
                    return Observation::Misfit(misfit);
                }
                self.corrupt = loaded.shares.positions(&plan.corrupt);
                self.held = Some(outcome);
                Observation::Shares(ShareCandidates { candidates: plan.candidates })
            }
            Err(error) => {
                let (kind, advice) = error.kind_and_advice();
                unavailable(kind, error.to_string(), advice.map(Cow::into_owned))
            }
        }
    }
}

fn unavailable(kind: &'static str, text: String, advice: Option<String>) -> Observation {
    Observation::SharesUnavailable { kind, text, advice }
}

async fn seen<T>(
    exchange: impl Future<Output = Result<T, Unreachable>>,
    what: impl Fn(T) -> Observation,
) -> Observation {
    match exchange.await {
        Ok(answer) => what(answer),
        Err(cause) => Observation::Unreachable(cause),
    }
}
