//! Runs a machine against the model through a history of faults, and checks the rules that no history may break.

use crate::model::Model;
use std::time::Duration;
use vault_unseal::config::Pace;
use vault_unseal::unseal::{Action, Event, Holding, Machine, Moment, Observation, State, Step};
use vault_unseal::vault::{Meaning, Unreachable, UnsealAnswer};

/// Something that happens to the server, whoever does it.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    Crash,
    Start,
    OperatorSeal,
    StrangerShare(usize),
    StrangerReset,
    /// A stranger submits garbage this many times, this often.
    Attack {
        every: Duration,
        times: usize,
    },
    PeerShare(usize),
    JoinNext(Duration),
    Trouble(Meaning),
    TroubleOver,
    Foreign,
    Shamir,
    MigrationBegins,
    MigrationEnds,
    Uninitialize,
    Initialize,
    Hang(Duration),
    SourceBreaks,
    SourceMended,
    Woken,
}

pub(crate) struct World {
    pub(crate) model: Model,
    pub(crate) machine: Machine,
    pub(crate) candidates: Vec<Vec<usize>>,
    pub(crate) log: Vec<(Moment, String)>,
    pub(crate) events: Vec<Event>,
    pub(crate) submissions: usize,
    pub(crate) resets: usize,
    faults: Vec<(Moment, Fault)>,
    now: Moment,
    step: Step,
    hang_until: Moment,
    source_works: bool,
    latency: Duration,
    requests: Vec<Moment>,
    shares_in: Vec<Moment>,
    /// The last thing the machine was told about the seal allows a submission.
    may_submit: bool,
    nonce: usize,
}

impl World {
    pub(crate) fn new(
        model: Model,
        candidates: Vec<Vec<usize>>,
        seed: u64,
        mut faults: Vec<(Moment, Fault)>,
    ) -> Self {
        // An attack is many faults.
        let mut spread = Vec::new();
        for (at, fault) in faults.drain(..) {
            if let Fault::Attack { every, times } = fault {
                let mut then = at;
                for i in 0..times {
                    spread.push((then, Fault::StrangerShare(1000 + i)));
                    then += every;
                }
            } else {
                spread.push((at, fault));
            }
        }
        spread.sort_by_key(|(at, _)| *at);
        spread.reverse();
        let mut machine = Machine::new(Pace::default(), seed);
        let step = machine.start();
        Self {
            model,
            machine,
            candidates,
            log: Vec::new(),
            events: Vec::new(),
            submissions: 0,
            resets: 0,
            faults: spread,
            now: Duration::ZERO,
            step,
            hang_until: Duration::ZERO,
            source_works: true,
            latency: Duration::from_millis(1),
            requests: Vec::new(),
            shares_in: Vec::new(),
            may_submit: false,
            nonce: 0,
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    pub(crate) fn state(&self) -> Option<&State> {
        self.machine.state()
    }

    /// Runs until `done` or until the clock reads `until`. True when `done` held.
    pub(crate) fn run(&mut self, until: Moment, done: impl Fn(&Self) -> bool) -> bool {
        while self.now < until {
            if done(self) {
                return true;
            }
            self.turn();
        }
        done(self)
    }

    /// No fault is left to happen.
    pub(crate) fn calm(&self) -> bool {
        self.faults.is_empty() && self.now >= self.hang_until
    }

    fn turn(&mut self) {
        let due = self.now + self.step.wait;
        let mut woken = false;
        while self.faults.last().is_some_and(|(at, _)| *at <= due) {
            let Some((at, fault)) = self.faults.pop() else { break };
            self.now = self.now.max(at);
            self.model.tick(self.now);
            if matches!(fault, Fault::Woken) {
                woken = true;
                break;
            }
            self.suffer(&fault);
        }
        let seen = if woken {
            Observation::Woken
        } else {
            self.now = self.now.max(due);
            self.model.tick(self.now);
            self.perform(self.step.action)
        };
        self.judge(&seen);
        let before = self.machine.state().map(State::word);
        self.step = self.machine.observe(self.now, seen);
        self.events.extend(self.machine.take_events());
        let after = self.machine.state().map(State::word);
        if before != after {
            self.log.push((self.now, format!("{before:?} -> {after:?}")));
        }
        if let Action::Submit { share, .. } = self.step.action {
            let held = self.candidates.iter().flatten().any(|&s| s == share);
            assert!(held, "submits share {share}, which is not held");
        }
    }

    fn suffer(&mut self, fault: &Fault) {
        self.log.push((self.now, format!("{fault:?}")));
        match *fault {
            Fault::Crash => self.model.up = false,
            Fault::Start => self.model.restart(),
            Fault::OperatorSeal => self.model.seal(),
            Fault::StrangerShare(share) => {
                if self.model.up {
                    self.nonce += 1;
                    let _ = self.model.submit(share, self.now);
                }
            }
            Fault::PeerShare(share) => {
                if self.model.up && self.model.takes_shares() {
                    let _ = self.model.submit(share, self.now);
                }
            }
            Fault::StrangerReset => {
                if self.model.up {
                    let _ = self.model.reset();
                }
            }
            Fault::JoinNext(delay) => self.model.join_delay = Some(delay),
            Fault::Trouble(meaning) => self.model.trouble = Some(meaning),
            Fault::TroubleOver => self.model.trouble = None,
            Fault::Foreign => {
                self.model.seal_type = "static";
                self.model.restart();
            }
            Fault::Shamir => {
                self.model.seal_type = "shamir";
                self.model.restart();
            }
            Fault::MigrationBegins => {
                self.model.migration = true;
                self.model.restart();
            }
            Fault::MigrationEnds => {
                self.model.migration = false;
                self.model.restart();
            }
            Fault::Uninitialize => {
                self.model.initialized = false;
                self.model.restart();
            }
            Fault::Initialize => self.model.initialized = true,
            Fault::Hang(time) => self.hang_until = self.now + time,
            Fault::SourceBreaks => self.source_works = false,
            Fault::SourceMended => self.source_works = true,
            Fault::Attack { .. } | Fault::Woken => {}
        }
    }

    fn perform(&mut self, action: Action) -> Observation {
        if let Action::LoadShares { threshold } = action {
            assert_eq!(threshold, self.model.threshold);
            return if self.source_works {
                Observation::Shares(Holding { candidates: self.candidates.clone() })
            } else {
                Observation::SharesUnavailable { kind: "missing", text: "no file".to_owned(), advice: None }
            };
        }
        self.requests.push(self.now);
        self.check_rates(action);
        if !self.model.up {
            return Observation::Unreachable(Unreachable::Refused);
        }
        if self.now < self.hang_until {
            let limit = match action {
                Action::Submit { completes: true, .. } => Duration::from_secs(100),
                _ => Duration::from_secs(10),
            };
            if self.hang_until > self.now + limit {
                self.now += limit;
                return Observation::Unreachable(Unreachable::Timeout(limit));
            }
            self.now = self.hang_until;
        }
        self.now += self.latency;
        self.model.tick(self.now);
        match action {
            Action::AskHealth => Observation::Health(self.model.health()),
            Action::ReadSealStatus => Observation::SealStatus(self.model.seal_status()),
            Action::Submit { share, .. } => {
                self.submissions += 1;
                assert!(self.may_submit, "submits without having seen a sealed Shamir server first");
                Observation::Answer(self.model.submit(share, self.now))
            }
            Action::Reset => {
                self.resets += 1;
                let most = self.candidates.iter().map(Vec::len).max().unwrap_or(0);
                assert!(most >= self.model.threshold, "resets a round while holding too few shares");
                Observation::Answer(self.model.reset())
            }
            Action::LoadShares { .. } => unreachable!("handled above"),
        }
    }

    /// Never a submission after `sealed: false`, nor to a server that was seen foreign, migrating, removed
    /// or uninitialized, until a seal status says otherwise.
    fn judge(&mut self, seen: &Observation) {
        match seen {
            Observation::SealStatus(s) | Observation::Answer(UnsealAnswer::Status(s)) => {
                self.may_submit =
                    s.sealed && s.initialized && s.takes_unseal_shares() && !s.migration && !s.removed;
            }
            Observation::Health(h) if h.sealed && h.initialized && !h.removed => {}
            Observation::Shares(_) | Observation::Answer(_) => {}
            _ => self.may_submit = false,
        }
    }

    /// The bounds of the request rate: polls, and rounds of t shares with a reset and a look before each.
    fn check_rates(&mut self, action: Action) {
        let round = self.model.threshold + 2;
        let second = within(&self.requests, self.now, Duration::from_secs(1));
        assert!(second <= 40 + 12 * round, "{second} requests within a second: {:?}", self.log);
        let ten = within(&self.requests, self.now, Duration::from_secs(10));
        assert!(ten <= 120 + 24 * round, "{ten} requests within ten seconds: {:?}", self.log);
        if matches!(action, Action::Submit { .. }) {
            self.shares_in.push(self.now);
            let ten = within(&self.shares_in, self.now, Duration::from_secs(10));
            assert!(ten <= 24 * round, "{ten} submissions within ten seconds: {:?}", self.log);
        }
    }
}

fn within(times: &[Moment], now: Moment, window: Duration) -> usize {
    times.iter().rev().take_while(|&&at| at + window > now).count()
}
