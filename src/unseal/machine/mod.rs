//! The state machine of one node: what it knows, and the door through which it learns more.

mod damage;
mod failures;
mod gate;
mod joining;
mod looks;
mod overdue;
mod rounds;
mod verdict;

use super::damage::Evidence;
use super::failures::FailureRecord;
use super::hold::HoldTracker;
use super::pacing::Pacing;
use super::phase::{Obstacle, Phase, Tried, Verdict};
use super::{Action, Event, Hold, Moment, Objection, Observation, State, Step};
use crate::api::{ConnectionEpoch, Product, Release, UnsealAnswer};
use crate::cluster::{OnOperatorSeal, Pace};
use std::time::Duration;

/// Decides what to do about one node.
///
/// Nobody listens, then the server answers that it is sealed:
///
/// ```
/// use std::time::Duration;
/// use vault_unseal::api::{ConnectionEpoch, Health, Unreachable};
/// use vault_unseal::cluster::Pace;
/// use vault_unseal::unseal::{Action, NodeMachine, Observation, State};
///
/// let mut machine = NodeMachine::new(Pace::default(), 1);
/// assert_eq!(machine.start().action, Action::ReadSealStatus);
///
/// let step = machine.observe(Duration::ZERO, Observation::Unreachable(Unreachable::Refused));
/// assert_eq!(step.action, Action::AskHealth);
/// assert!(step.wait > Duration::ZERO);
/// assert!(matches!(machine.state(), Some(State::Unreachable { .. })));
///
/// let health = Health::parse(br#"{"initialized": true, "sealed": true, "standby": true}"#).unwrap();
/// let step = machine.observe(step.wait, Observation::Health(health, ConnectionEpoch::of(1)));
/// assert_eq!(step.action, Action::ReadSealStatus);
/// assert!(matches!(machine.state(), Some(State::Sealed { .. })));
/// ```
#[derive(Debug, Clone)]
pub struct NodeMachine {
    pacing: Pacing,
    phase: Phase,
    tried: Tried,
    /// What is shown: made of the rest when it has changed, and never read to decide.
    state: Option<State>,
    events: Vec<Event>,
    last: Action,
    /// That is the first question over a connection that was just accepted: nothing is known of this life of the server.
    first_look: bool,
    /// When it is carried out.
    due: Moment,
    /// The life of the server that the last health or seal status came from.
    epoch: Option<ConnectionEpoch>,
    /// It was seen uninitialised, and not unsealed since: it may join a cluster.
    newcomer: bool,
    evidence: Evidence,
    /// What its version says of its answers.
    release: Release,
    /// Which program it is.
    product: Product,
    holds: HoldTracker,
    /// The life of the server in which a round of our shares alone unsealed it, if it was not seen otherwise since.
    unsealed_by_us: Option<ConnectionEpoch>,
    /// Which of several sets of shares unsealed the server last: the next attempt begins with it.
    good_set: usize,
    /// Why the node is none of its cluster's: then it gets no shares.
    outsider: Option<String>,
    failures: FailureRecord,
    /// For how long the question under way has had no answer, where that is too long.
    overdue: Option<Duration>,
}

impl NodeMachine {
    /// A machine that has seen nothing. `seed` feeds its jitter.
    pub fn new(pace: Pace, seed: u64) -> Self {
        Self {
            pacing: Pacing::new(pace, seed),
            phase: Phase::Unseen,
            tried: Tried::default(),
            state: None,
            events: Vec::new(),
            last: Action::AskHealth,
            first_look: false,
            due: Moment::ZERO,
            epoch: None,
            newcomer: false,
            evidence: Evidence::default(),
            release: Release::Unknown,
            product: Product::Unknown,
            holds: HoldTracker::default(),
            unsealed_by_us: None,
            good_set: 0,
            outsider: None,
            failures: FailureRecord::default(),
            overdue: None,
        }
    }

    /// The first thing to do.
    pub fn start(&mut self) -> Step {
        self.look_first()
    }

    /// The node's state; `None` before the first answer.
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// What happened since this was last called.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// A round of our shares alone unsealed the server in this life of it: they are its own. At the other end of a later
    /// connection there may be another server.
    pub fn unsealed_by_us(&self, epoch: ConnectionEpoch) -> bool {
        self.unsealed_by_us == Some(epoch)
    }

    /// Whether the node is no member of its cluster, and why: while this is said, it gets no shares.
    pub fn set_outsider(&mut self, why: Option<String>) {
        self.outsider = why;
    }

    /// What is known of its cluster that speaks against initialising the node, should it say that it has no keys.
    pub fn set_objection(&mut self, objection: Objection) {
        self.evidence.objection = objection;
    }

    /// New intervals after a reload.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pacing.pace = pace;
    }

    /// What is to follow when an operator seals the node. Unseal it, unless this was called. An operator's seal that
    /// is held ends with the policy to hold it.
    pub fn set_on_operator_seal(&mut self, policy: OnOperatorSeal) {
        self.holds.follow(policy);
    }

    /// The hold that the node is under.
    pub fn hold(&self) -> Option<Hold> {
        self.holds.hold
    }

    /// When that hold ends by itself, if it does.
    pub fn held_until(&self) -> Option<Moment> {
        self.holds.until
    }

    /// Goes on with the hold of an earlier run, if the policy is still to hold; call
    /// [`set_on_operator_seal`](Self::set_on_operator_seal) first.
    pub fn restore(&mut self, hold: Option<Hold>, until: Option<Moment>) {
        self.holds.restore(hold, until);
    }

    /// Takes what the last action showed and says what to do next.
    pub fn observe(&mut self, now: Moment, seen: Observation) -> Step {
        self.overdue = None;
        let step = self.decide(now, seen);
        self.due = now.saturating_add(step.wait);
        self.state = self.shown();
        Step {
            overdue_after: self.overdue_after(step.action),
            keep_shares: self.phase.has_use_for_shares(),
            watch_share_source: self.phase.has_use_for_other_shares(),
            load_pending: matches!(step.action, Action::LoadShares(_))
                || matches!(self.phase.obstacle(), Some(Obstacle::SourceFailed(_))),
            ..step
        }
    }

    /// The one place where the state is made.
    fn shown(&self) -> Option<State> {
        let state = match &self.phase {
            Phase::Unseen => return None,
            Phase::Unreachable { cause, .. } => State::Unreachable { cause: cause.clone() },
            Phase::Uninitialized => {
                State::Uninitialized { objection: self.evidence.objection, product: self.product }
            }
            Phase::Unsealed(role) => State::Unsealed { role: *role },
            Phase::Held { hold, unsealed } => State::Held { hold: *hold, unsealed: *unsealed },
            Phase::LeftAlone(seal) => seal.left_alone(self.product)?,
            Phase::Sealed { work, obstacle } => {
                obstacle.as_ref().map_or_else(|| work.state(), Obstacle::state)
            }
        };
        let state = self.silent().unwrap_or(state);
        // While a server seals itself, how far the next unsealing has come is no news.
        let passing = matches!(
            state,
            State::Sealed { delay: None } | State::Unsealing { .. } | State::Unsealed { .. } | State::Joining
        );
        Some(self.holds.seals_itself().filter(|_| passing).unwrap_or(state))
    }

    fn decide(&mut self, now: Moment, seen: Observation) -> Step {
        match seen {
            Observation::Unreachable(cause) => self.unreachable(now, cause),
            Observation::Health(health, epoch) => self.health(now, &health, epoch),
            Observation::SealStatus(status, epoch) => self.seal_status(now, &status, epoch),
            Observation::Shares(holding) => self.shares(now, holding),
            Observation::Misfit(misfit) => self.misfit(now, &misfit),
            Observation::SharesUnavailable { kind, text, advice } => {
                self.phase.abandon();
                self.phase.hinder(Obstacle::SourceFailed(Verdict { kind, text, advice }));
                let pause = self.pacing.source();
                self.after(pause, Action::AskHealth)
            }
            Observation::Answer(UnsealAnswer::Status(status)) => self.accepted(now, &status),
            Observation::Answer(UnsealAnswer::Refused(refusal)) => self.refused(now, refusal),
            Observation::Left => self.left(now),
            Observation::Returned => {
                self.pacing.returned(now);
                self.look_first()
            }
            Observation::Hold => {
                self.holds.set(Some(Hold::Request));
                self.afresh()
            }
            Observation::Resume => {
                self.holds.set(None);
                self.afresh()
            }
            Observation::Woken => self.afresh(),
        }
    }

    fn afresh(&mut self) -> Step {
        // An outcome that is awaited still is: a join that is under way is not helped by more shares.
        self.pacing.forget();
        self.holds.forgive();
        self.forget_several();
        self.tried = Tried::default();
        self.phase.abandon();
        self.at_once(Action::AskHealth)
    }

    /// Ends the work at the server, with all that was concluded from earlier attempts.
    fn forget(&mut self) {
        self.phase.stop();
        self.tried = Tried::default();
    }

    fn at_once(&mut self, action: Action) -> Step {
        self.after(Duration::ZERO, action)
    }

    fn after(&mut self, wait: Duration, action: Action) -> Step {
        self.last = action;
        self.first_look = false;
        Step {
            wait,
            action,
            refused_since: None,
            overdue_after: None,
            keep_shares: false,
            watch_share_source: false,
            load_ahead: false,
            load_pending: false,
        }
    }
}
