//! The task of one node.

use super::announce::Announcer;
use super::board::{Board, Order};
use super::connection::{Doorsteps, ReconnectCheck};
use super::desired::Duty;
use super::holds::Holds;
use super::identity::{Identity, SharedMemberships};
use super::key::NodeKey;
use super::source::{Outcome, Reader, Shelf};
use crate::api::Unreachable;
use crate::explain::Explain;
use crate::shares::{Scheme, ShareSet};
use crate::unseal::{Action, Holding, Machine, Objection, Observation, State};
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::sleep;

/// How much later than promised a turn may come before the watchdog is right to doubt the loop.
const GRACE: Duration = Duration::from_secs(10);

/// Keeps one node unsealed until it is aborted.
pub(super) async fn watch(
    key: NodeKey,
    mut duty: watch::Receiver<Arc<Duty>>,
    mut orders: watch::Receiver<Option<Order>>,
    board: Arc<Board>,
    doorsteps: Arc<Doorsteps>,
    holds: Arc<Holds>,
    memberships: Arc<SharedMemberships>,
) {
    let began = Instant::now();
    let mut current = Arc::clone(&duty.borrow_and_update());
    let mut machine = Machine::new(current.cluster.pace.clone(), fastrand::u64(..));
    machine.set_on_operator_seal(current.cluster.on_operator_seal);
    // What is left of a hold is when it ends: the machine's time has just begun.
    let (hold, until) = holds.of(&key).unzip();
    let mut booked = (hold, until.flatten());
    machine.restore(booked.0, booked.1);
    let mut identity = Identity::new(memberships, key.clone(), &current.cluster);
    let mut announcer = Announcer::new(key.clone());
    let mut hands = Hands::default();
    let mut reconnect = ReconnectCheck::default();
    let mut step = machine.start();
    loop {
        let limit = longest(&current, step.action);
        board.publish(&key, machine.state(), identity.sure(), Instant::now() + step.wait + limit + GRACE);
        let shelf = current.shelf().filter(|_| step.watch_share_source).cloned();
        let wait = pin!(pause(step.wait));
        let unsealed = machine.state().is_some_and(State::is_unsealed);
        let closed = step.refused_since.filter(|_| current.cluster.pace.presence);
        let seen = tokio::select! {
            biased;
            changed = duty.changed() => {
                if changed.is_err() {
                    return;
                }
                current = Arc::clone(&duty.borrow_and_update());
                machine.set_pace(current.cluster.pace.clone());
                machine.set_on_operator_seal(current.cluster.on_operator_seal);
                identity.follow(&current.cluster);
                reconnect.begin_anew();
                Observation::Woken
            }
            order = next(&mut orders) => match order {
                Order::Hold => Observation::Hold,
                Order::Resume => Observation::Resume,
            },
            () = change_of(shelf.as_deref(), &hands.reader) => Observation::Woken,
            () = left(&current) => Observation::Left,
            () = doorsteps.returned(&current.server, began, closed) => Observation::Returned,
            news = reconnect.news(&current, unsealed) => {
                announcer.reconnect(&news);
                // Of the connection that is kept it says nothing.
                continue;
            }
            () = wait => hands.perform(&current, step.action).await,
        };
        match &seen {
            Observation::Health(..) | Observation::SealStatus(..) | Observation::Answer(_) => {
                board.answered(&key);
            }
            Observation::Unreachable(_) => current.trouble(),
            _ => {}
        }
        let by_us = matches!(&seen, Observation::Health(_, life) if machine.unsealed_by_us(*life));
        identity.note(&seen, by_us);
        machine.set_outsider(identity.judge().map(ToString::to_string));
        // Only then is it of use, and every node is gone through for it.
        if matches!(&seen, Observation::SealStatus(status, _) if !status.initialized) {
            machine.set_objection(if board.peer_is_initialised(&key) {
                Objection::PeerInitialised
            } else if current.shelf().is_some() {
                Objection::SharesHeld
            } else {
                Objection::Nothing
            });
        }
        step = machine.observe(began.elapsed(), seen);
        let hold = (machine.hold(), machine.held_until());
        // Only what changed: an order that is still to be followed is booked already.
        if hold != booked {
            booked = hold;
            let left = hold.1.map(|until| until.saturating_sub(began.elapsed()));
            holds.book(&key, hold.0.map(|hold| (hold, left)));
        }
        announcer.corrupt(&hands.corrupt);
        let events = machine.take_events();
        identity.conclude(&events);
        announcer.tell(&events, hands.shares());
        // Before the state is announced: who reads there that shares are no longer needed may rely on it.
        if !step.keep_shares {
            hands.held = None;
        }
        if !step.load_pending {
            hands.reader.forget();
        }
        announcer.announce(machine.state());
        announcer.outsider(identity.sure());
    }
}

/// At once means at once: the shortest sleep there is takes a millisecond, and an unsealing has six steps.
async fn pause(wait: Duration) {
    if !wait.is_zero() {
        sleep(wait).await;
    }
}

/// The next order.
async fn next(orders: &mut watch::Receiver<Option<Order>>) -> Order {
    while orders.changed().await.is_ok() {
        if let Some(order) = *orders.borrow_and_update() {
            return order;
        }
    }
    pending().await
}

/// The connection to the server ended.
async fn left(duty: &Duty) {
    if duty.cluster.pace.presence { duty.server.left().await } else { pending().await }
}

async fn change_of(shelf: Option<&Shelf>, reader: &Reader) {
    match shelf {
        Some(shelf) => reader.changed(shelf).await,
        None => pending().await,
    }
}

/// How long an action may take at the most.
fn longest(duty: &Duty, action: Action) -> Duration {
    match action {
        Action::Submit { completes: true, .. } => duty.cluster.pace.unseal_timeout,
        Action::LoadShares(_) => duty.shelf().map_or(duty.cluster.pace.request_timeout, |shelf| {
            shelf.source().limit(duty.cluster.pace.request_timeout)
        }),
        _ => duty.cluster.pace.request_timeout,
    }
}

/// Carries out what the heart wants.
#[derive(Default)]
struct Hands {
    reader: Reader,
    /// The shares of the attempt under way, and no longer. Wiped when no node has them any more.
    held: Option<Arc<Outcome>>,
    /// Positions of shares in it that do not belong to the others.
    corrupt: Vec<usize>,
}

impl Hands {
    async fn perform(&mut self, duty: &Duty, action: Action) -> Observation {
        let limit = longest(duty, action);
        match action {
            Action::AskHealth => {
                seen(duty.server.health(), |health| Observation::Health(health, duty.server.epoch())).await
            }
            Action::ReadSealStatus => {
                seen(duty.server.seal_status(), |status| Observation::SealStatus(status, duty.server.epoch()))
                    .await
            }
            Action::LoadShares(scheme) => self.load(duty, scheme, limit).await,
            Action::Submit { share, .. } => match self.shares().and_then(|held| held.get(share)) {
                Some(share) => {
                    seen(duty.server.submit(share.unseal_request(), limit), Observation::Answer).await
                }
                None => Observation::Woken,
            },
            Action::Reset => seen(duty.server.reset(), Observation::Answer).await,
        }
    }

    /// The shares that are held.
    fn shares(&self) -> Option<&ShareSet> {
        self.held.as_ref()?.loaded.as_ref().ok().map(|loaded| &loaded.shares)
    }

    async fn load(&mut self, duty: &Duty, scheme: Scheme, limit: Duration) -> Observation {
        let Some(shelf) = duty.shelf() else {
            return unavailable("no-share-source", "no share source is configured".to_owned(), None);
        };
        let Some(outcome) = self.reader.read(shelf, limit).await else {
            return unavailable(
                "share-source-slow",
                format!("{} cannot be read: no answer within the time limit", shelf.source()),
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
                Observation::Shares(Holding { candidates: plan.candidates })
            }
            Err(error) => unavailable(error.kind(), error.to_string(), error.advice()),
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
