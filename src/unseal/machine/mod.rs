//! The state machine of one node: what it knows, and the door through which it learns more.

mod answers;
mod damage;
mod joining;
mod lasting;
mod looks;
mod peers;
mod rounds;
mod verdict;

use super::attempt::Attempt;
use super::hold::Wishes;
use super::pacing::Pacing;
use super::{Action, Event, Hold, Moment, Objection, Observation, State, Step};
use crate::api::{ConnectionEpoch, Product, Release, SealState, UnsealAnswer};
use crate::cluster::{OnOperatorSeal, Pace};
use damage::Evidence;
use joining::Patience;
use lasting::Lasting;
use std::time::Duration;
use verdict::Rejection;

/// Decides what to do about one node.
#[derive(Debug)]
pub struct Machine {
    pacing: Pacing,
    state: Option<State>,
    events: Vec<Event>,
    last: Action,
    /// When it is carried out.
    due: Moment,
    /// The seal status that the next attempt builds on.
    found: Option<SealState>,
    attempt: Option<Attempt>,
    /// While it lasts nothing is submitted: a complete round may still bear fruit.
    patience: Option<Patience>,
    /// The life of the server that the last health came from.
    life: Option<ConnectionEpoch>,
    /// It was seen uninitialised, and not unsealed since: it may join a cluster.
    newcomer: bool,
    evidence: Evidence,
    /// What its version says of its answers.
    release: Release,
    /// Which program it is.
    product: Product,
    rejection: Option<Rejection>,
    wishes: Wishes,
    /// Complete rounds of one whole set that led neither to an unsealed server nor to a refusal. The next
    /// attempt begins with the next set.
    fruitless: usize,
    /// When shares that wait for peers are submitted again on a server that does not name its rounds.
    offer_again_at: Moment,
    /// What we hold is enough to unseal alone, as far as the last look at the source told.
    full_custody: bool,
    /// The life of the server in which a round of our shares alone unsealed it, if it was not seen otherwise since.
    unsealed_by_us: Option<ConnectionEpoch>,
    /// Why the node is none of its cluster's: then it gets no shares.
    outsider: Option<String>,
    lasting: Lasting,
}

impl Machine {
    /// A machine that has seen nothing. `seed` feeds its jitter.
    pub fn new(pace: Pace, seed: u64) -> Self {
        Self {
            pacing: Pacing::new(pace, seed),
            state: None,
            events: Vec::new(),
            last: Action::AskHealth,
            due: Moment::ZERO,
            found: None,
            attempt: None,
            patience: None,
            life: None,
            newcomer: false,
            evidence: Evidence::default(),
            release: Release::Unknown,
            product: Product::Unknown,
            rejection: None,
            wishes: Wishes::default(),
            fruitless: 0,
            offer_again_at: Moment::ZERO,
            full_custody: true,
            unsealed_by_us: None,
            outsider: None,
            lasting: Lasting::default(),
        }
    }

    /// The first thing to do.
    pub fn start(&mut self) -> Step {
        self.at_once(Action::AskHealth)
    }

    /// The node's state; `None` before the first answer. While a server seals itself, how far the next unsealing has come
    /// is no news.
    pub fn state(&self) -> Option<&State> {
        let state = self.state.as_ref()?;
        Some(self.wishes.seals_itself().filter(|_| state.is_passing()).unwrap_or(state))
    }

    /// What happened since this was last called.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Loaded shares are still needed; when false, whoever holds them drops them.
    pub fn needs_shares(&self) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| !attempt.waiting)
    }

    /// A change of the share source would be good news: it is worth watching while this is true.
    pub fn waits_for_shares(&self) -> bool {
        // A share that is added to too few may make them enough.
        matches!(&self.state, Some(State::Damaged { damage }) if damage.could_be_shares())
            || matches!(
                self.state,
                Some(
                    State::SharesRejected { .. }
                        | State::SharesUnavailable { .. }
                        | State::WaitingForPeers { .. }
                )
            )
    }

    /// What a slow read of the share source may still bring is of use: it is what is asked for, now or next.
    pub fn awaits_shares(&self) -> bool {
        matches!(self.last, Action::LoadShares(_))
            || matches!(self.state, Some(State::SharesUnavailable { .. }))
    }

    /// A round of our shares alone unsealed the server in this life of it: they are its own. At the other end of a later
    /// connection there may be another server.
    pub fn unsealed_by_us(&self, life: ConnectionEpoch) -> bool {
        self.unsealed_by_us == Some(life)
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
        self.wishes.follow(policy);
    }

    /// The hold that the node is under.
    pub fn hold(&self) -> Option<Hold> {
        self.wishes.hold()
    }

    /// When that hold ends by itself, if it does.
    pub fn held_until(&self) -> Option<Moment> {
        self.wishes.until()
    }

    /// Goes on with the hold of an earlier run, if the policy is still to hold; call
    /// [`set_on_operator_seal`](Self::set_on_operator_seal) first.
    pub fn restore(&mut self, hold: Option<Hold>, until: Option<Moment>) {
        self.wishes.restore(hold, until);
    }

    /// Takes what the last action showed and says what to do next.
    pub fn observe(&mut self, now: Moment, seen: Observation) -> Step {
        let step = self.decide(now, seen);
        self.due = now.saturating_add(step.wait);
        step
    }

    fn decide(&mut self, now: Moment, seen: Observation) -> Step {
        match seen {
            Observation::Unreachable(cause) => self.unreachable(now, cause),
            Observation::Health(health, life) => self.health(now, &health, life),
            Observation::SealStatus(status) => self.seal_status(now, &status),
            Observation::Shares(holding) => self.shares(now, holding),
            Observation::Misfit(misfit) => self.misfit(now, &misfit),
            Observation::SharesUnavailable { kind, text, advice } => {
                self.abandon();
                self.state = Some(State::SharesUnavailable { kind, text, advice });
                let pause = self.pacing.source();
                self.after(pause, Action::AskHealth)
            }
            Observation::Answer(UnsealAnswer::Status(status)) => self.accepted(now, &status),
            Observation::Answer(UnsealAnswer::Refused(refusal)) => self.refused(now, refusal),
            Observation::Left => self.left(now),
            Observation::Returned => {
                self.pacing.returned(now);
                self.at_once(Action::AskHealth)
            }
            Observation::Hold => {
                self.wishes.set(Some(Hold::Request));
                self.afresh()
            }
            Observation::Resume => {
                self.wishes.set(None);
                self.afresh()
            }
            Observation::Woken => self.afresh(),
        }
    }

    fn afresh(&mut self) -> Step {
        // Patience stays: a join that is under way is not helped by more shares.
        self.pacing.forget();
        self.wishes.forgive();
        self.forget_several();
        self.rejection = None;
        self.fruitless = 0;
        self.abandon();
        self.at_once(Action::AskHealth)
    }

    /// Ends the attempt: shares and the plan for them are for this server in this condition only.
    fn abandon(&mut self) {
        self.attempt = None;
        self.found = None;
    }

    /// The same, with all that was concluded from earlier attempts.
    fn forget(&mut self) {
        self.abandon();
        self.patience = None;
        self.rejection = None;
        self.fruitless = 0;
    }

    fn at_once(&mut self, action: Action) -> Step {
        self.after(Duration::ZERO, action)
    }

    fn after(&mut self, wait: Duration, action: Action) -> Step {
        self.last = action;
        Step { wait, action, refused_since: None }
    }
}
