//! A machine with hands, as the daemon has them, and the rules that no history may make it break.

use std::collections::BTreeSet;
use std::time::Duration;
use vault_unseal::api::UnsealAnswer;
use vault_unseal::cluster::{OnOperatorSeal, Pace};
use vault_unseal::unseal::{Action, Event, Moment, NodeMachine, Observation, State, Step, probe_pause};

/// Where a daemon is between two steps.
#[derive(Debug)]
pub(crate) enum Phase {
    /// It waits until then to carry out its step.
    Waiting(Moment),
    /// Its request is on the way, or waits at the server: then it is served, or if it was, answered.
    Asking { arrives: Moment, gives_up: Moment, served: bool },
    /// What it will have seen then, unless the server's connections end before.
    Answered { at: Moment, seen: Observation, from_server: bool },
    /// It does not run.
    Gone,
}

#[expect(clippy::struct_excessive_bools, reason = "what it has seen, each by itself")]
pub(crate) struct Daemon {
    pub(crate) machine: NodeMachine,
    policy: OnOperatorSeal,
    pub(crate) step: Step,
    pub(crate) phase: Phase,
    /// When its request is overdue, if that has not been told.
    pub(crate) overdue: Option<Moment>,
    /// What the share source holds, as the sets to try.
    pub(crate) candidates: Vec<Vec<usize>>,
    /// Counts changes of the source, and which of them was loaded last.
    source: usize,
    pub(crate) loaded: usize,
    noticed_at: Moment,
    /// What a person tells it.
    pub(crate) told: Option<Observation>,
    /// A connection to the server is kept, and whether its end is still to be noticed.
    connected: bool,
    pub(crate) left: bool,
    pub(crate) events: Vec<Event>,
    pub(crate) log: Vec<(Moment, String)>,
    /// Every state and the next one.
    pub(crate) pairs: BTreeSet<(&'static str, &'static str)>,
    pub(crate) submitted: Vec<Moment>,
    pub(crate) resets: usize,
    requests: Vec<Moment>,
    /// The last thing the machine was told about the seal allows a submission.
    may_submit: bool,
    /// The last word on health, if nothing has cast doubt on it.
    seen_unsealed: bool,
    pub(crate) seen_threshold: usize,
    /// Shares in the largest set that was loaded last.
    held: usize,
    /// The largest threshold seen.
    largest: usize,
}

impl Daemon {
    pub(crate) fn new(candidates: Vec<Vec<usize>>, seed: u64, now: Moment) -> Self {
        let mut machine = NodeMachine::new(Pace::default(), seed);
        let policy = OnOperatorSeal::default();
        let step = machine.start();
        Self {
            machine,
            policy,
            step,
            phase: Phase::Waiting(now + step.wait),
            overdue: None,
            candidates,
            source: 1,
            loaded: 0,
            noticed_at: Moment::ZERO,
            told: None,
            connected: false,
            left: false,
            events: Vec::new(),
            log: Vec::new(),
            pairs: BTreeSet::new(),
            submitted: Vec::new(),
            resets: 0,
            requests: Vec::new(),
            may_submit: false,
            seen_unsealed: false,
            seen_threshold: 0,
            held: 0,
            largest: 0,
        }
    }

    /// What it is to do about an operator's seal.
    pub(crate) fn set_on_operator_seal(&mut self, policy: OnOperatorSeal) {
        self.policy = policy;
        self.machine.set_on_operator_seal(policy);
    }

    /// Killed and started again: the machine forgets, the books of the test do not, nor the file of holds.
    pub(crate) fn restart(&mut self, seed: u64, now: Moment) {
        let (hold, until) = (self.machine.hold(), self.machine.held_until());
        self.machine = NodeMachine::new(Pace::default(), seed);
        self.machine.set_on_operator_seal(self.policy);
        self.machine.restore(hold, until);
        self.step = self.machine.start();
        self.phase = Phase::Waiting(now);
        (self.may_submit, self.seen_unsealed, self.loaded) = (false, false, 0);
        (self.connected, self.left, self.told) = (false, false, None);
        self.overdue = None;
    }

    /// The server's connections end. A request under way tells it by itself.
    pub(crate) fn disconnect(&mut self) {
        let kept = std::mem::take(&mut self.connected);
        self.left |= kept && matches!(self.phase, Phase::Waiting(_));
    }

    /// Nothing listened at the server when it was asked last.
    pub(crate) fn probes(&self, now: Moment) -> Option<Moment> {
        let refused = self.step.refused_since.filter(|_| matches!(self.phase, Phase::Waiting(_)))?;
        Some(now + probe_pause(now.saturating_sub(refused), true, 1, 1)?)
    }

    /// A change of the source has been noticed.
    pub(crate) fn notices_source(&self, now: Moment) -> bool {
        self.step.watch_share_source && self.loaded != self.source && self.noticed_at <= now
    }

    /// The share source is another from now on.
    pub(crate) fn change_source(&mut self, now: Moment) {
        self.source += 1;
        self.noticed_at = now + Duration::from_secs(1);
    }

    /// When it acts or learns something next, if nothing else happens.
    pub(crate) fn due(&self, now: Moment) -> Moment {
        match self.phase {
            Phase::Gone => Moment::MAX,
            Phase::Waiting(_) if self.told.is_some() || self.left => now,
            // While a change of the source would be good news, it is noticed within a second.
            Phase::Waiting(at) if self.step.watch_share_source && self.loaded != self.source => {
                at.min(self.noticed_at).max(now)
            }
            Phase::Waiting(at) => at,
            Phase::Asking { arrives: at, .. } | Phase::Answered { at, .. } => {
                self.overdue.map_or(at, |overdue| overdue.min(at))
            }
        }
    }

    /// Its request has no answer yet and should have: that is told, once. False when it is not so.
    pub(crate) fn is_overdue(&mut self, now: Moment) -> bool {
        let waits = match self.phase {
            Phase::Asking { arrives: at, .. } | Phase::Answered { at, .. } => now < at,
            Phase::Waiting(_) | Phase::Gone => false,
        };
        if !waits || self.overdue.take_if(|at| *at <= now).is_none() {
            return false;
        }
        let before = self.word();
        self.machine.overdue();
        self.note_change(now, before);
        true
    }

    fn note_change(&mut self, now: Moment, before: &'static str) {
        if before != self.word() {
            self.pairs.insert((before, self.word()));
            self.log.push((now, format!("{before} -> {}", self.word())));
        }
    }

    pub(crate) fn state(&self) -> Option<&State> {
        self.machine.state()
    }

    pub(crate) fn word(&self) -> &'static str {
        self.state().map_or("none", State::word)
    }

    /// The machine learns what was seen and decides.
    pub(crate) fn learn(&mut self, now: Moment, seen: Observation) {
        self.note(&seen);
        let before = self.word();
        self.step = self.machine.observe(now, seen);
        self.events.extend(self.machine.take_events());
        self.phase = Phase::Waiting(now.saturating_add(self.step.wait));
        self.overdue = None;
        self.note_change(now, before);
        self.check_state();
    }

    fn note(&mut self, seen: &Observation) {
        match seen {
            Observation::Health(..) | Observation::SealStatus(..) | Observation::Answer(_) => {
                self.connected = true;
            }
            Observation::Unreachable(_) => self.connected = false,
            _ => {}
        }
        let state = match seen {
            Observation::SealStatus(status, _) => Some(&status.state),
            Observation::Answer(UnsealAnswer::Status(state)) => Some(state),
            _ => None,
        };
        match seen {
            Observation::SealStatus(..) | Observation::Answer(UnsealAnswer::Status(_)) => {
                let s = state.unwrap();
                self.may_submit =
                    s.sealed && s.initialized && s.takes_unseal_shares() && !s.migration && !s.removed;
                self.seen_threshold = s.threshold;
            }
            Observation::Health(h, _) => {
                self.seen_unsealed = h.initialized && !h.sealed && !h.removed;
                self.may_submit &= h.initialized && h.sealed && !h.removed;
            }
            Observation::Shares(holding) => {
                self.loaded = self.source;
                self.held = holding.candidates.iter().map(Vec::len).max().unwrap_or(0);
            }
            Observation::Answer(_) | Observation::Left | Observation::Returned => {}
            Observation::SharesUnavailable { .. } | Observation::Misfit(_) => {
                self.loaded = self.source;
                self.may_submit = false;
            }
            Observation::Unreachable(_) => (self.may_submit, self.seen_unsealed) = (false, false),
            Observation::Woken | Observation::Hold | Observation::Resume => self.may_submit = false,
        }
    }

    /// What happened last, the latest first.
    fn story(&self) -> Vec<&(Moment, String)> {
        self.log.iter().rev().take(30).collect()
    }

    /// What is shown is true.
    fn check_state(&self) {
        match self.state() {
            Some(State::Unsealed { .. }) => {
                assert!(self.seen_unsealed, "claims to be unsealed unseen: {:?}", self.story());
            }
            Some(State::WaitingForPeers { threshold, .. }) => {
                assert!(self.held < *threshold, "waits for peers it does not need: {:?}", self.story());
            }
            Some(State::Unsealing { .. }) => {
                assert_eq!(self.step.wait, Duration::ZERO, "shows unsealing, but waits: {:?}", self.story());
            }
            _ => {}
        }
    }

    /// The rules for requests, and the bounds of their rate: polls, and rounds of t shares with a reset and a look
    /// before each.
    pub(crate) fn check_request(&mut self, now: Moment) {
        if matches!(self.step.action, Action::LoadShares(_)) {
            return;
        }
        self.requests.push(now);
        match self.step.action {
            Action::Submit { share, .. } => {
                assert!(
                    self.may_submit,
                    "submits share {share} without having seen a sealed Shamir server first: {:?}",
                    self.story()
                );
                assert_eq!(self.machine.hold(), None, "submits while it holds: {:?}", self.story());
                self.submitted.push(now);
            }
            Action::Reset => {
                self.resets += 1;
                assert!(
                    self.held >= self.seen_threshold,
                    "resets a round while holding too few: {:?}",
                    self.story()
                );
            }
            _ => {}
        }
        self.largest = self.largest.max(self.seen_threshold);
        let round = self.largest + 2;
        let second = within(&self.requests, now, 1);
        assert!(second <= 40 + 12 * round, "{second} requests within a second: {:?}", self.story());
        let ten = within(&self.requests, now, 10);
        assert!(ten <= 120 + 24 * round, "{ten} requests within ten seconds: {:?}", self.story());
        let ten = within(&self.submitted, now, 10);
        assert!(ten <= 24 * round, "{ten} submissions within ten seconds: {:?}", self.story());
        let minute = within(&self.requests, now, 60);
        assert!(minute <= 360 + 60 * round, "{minute} requests within a minute: {:?}", self.story());
    }
}

fn within(times: &[Moment], now: Moment, seconds: u64) -> usize {
    let window = Duration::from_secs(seconds);
    times.iter().rev().take_while(|&&at| at + window > now).count()
}
