//! Daemons against one model server, through a history of faults. Requests and answers take time, and anything may
//! fall between them.

use crate::daemon::{Daemon, Phase};
use crate::fault::Fault;
use crate::model::Model;
use std::time::Duration;
use vault_unseal::api::{Unreachable, UnsealAnswer};
use vault_unseal::cluster::Scheme;
use vault_unseal::cluster::{OnOperatorSeal, Pace};
use vault_unseal::unseal::{Action, Event, Moment, Observation, ShareCandidates, State};

pub(crate) struct World {
    pub(crate) model: Model,
    pub(crate) daemons: Vec<Daemon>,
    pub(crate) now: Moment,
    faults: Vec<(Moment, Fault)>,
    /// Requests whose sender no longer waits for an answer, and when the server gets to them.
    late: Vec<(Moment, Action)>,
    latency: Duration,
    hang_until: Moment,
    lost_answers: usize,
    lost_shares: usize,
    source_works: bool,
    rng: fastrand::Rng,
}

impl World {
    /// One daemon that holds `candidates`.
    pub(crate) fn new(
        model: Model,
        candidates: Vec<Vec<usize>>,
        seed: u64,
        faults: Vec<(Moment, Fault)>,
    ) -> Self {
        let mut world = Self {
            model,
            daemons: Vec::new(),
            now: Duration::ZERO,
            faults: spread(faults),
            late: Vec::new(),
            latency: Duration::from_millis(1),
            hang_until: Duration::ZERO,
            lost_answers: 0,
            lost_shares: 0,
            source_works: true,
            rng: fastrand::Rng::with_seed(seed),
        };
        world.join_daemon(candidates);
        world
    }

    /// The same server with another daemon beside.
    pub(crate) fn beside(mut self, candidates: Vec<Vec<usize>>) -> Self {
        self.join_daemon(candidates);
        self
    }

    fn join_daemon(&mut self, candidates: Vec<Vec<usize>>) {
        let daemon = Daemon::new(candidates, self.rng.u64(..), self.now);
        self.daemons.push(daemon);
    }

    /// The daemons hold what an operator seals.
    pub(crate) fn holding(mut self, at_most: Option<Duration>) -> Self {
        for daemon in &mut self.daemons {
            daemon.set_on_operator_seal(OnOperatorSeal::Hold { at_most });
        }
        self
    }

    /// The daemons are told another policy, as by a reload.
    pub(crate) fn reload(&mut self, policy: OnOperatorSeal) {
        self.daemons.iter_mut().for_each(|daemon| daemon.set_on_operator_seal(policy));
        self.suffer(Fault::Woken);
    }

    /// An exchange takes up to this long.
    pub(crate) fn slow(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    pub(crate) fn state(&self) -> Option<&State> {
        self.daemons[0].state()
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.daemons[0].events
    }

    pub(crate) fn submissions(&self) -> usize {
        self.daemons.iter().map(|daemon| daemon.submitted.len()).sum()
    }

    pub(crate) fn resets(&self) -> usize {
        self.daemons.iter().map(|daemon| daemon.resets).sum()
    }

    pub(crate) fn all(&self, word: &str) -> bool {
        self.daemons.iter().all(|daemon| daemon.word() == word)
    }

    /// What happened lately, for a test that failed.
    pub(crate) fn story(&self) -> String {
        let mut all = Vec::new();
        for (i, daemon) in self.daemons.iter().enumerate() {
            all.extend(daemon.log.iter().map(move |(at, line)| (*at, format!("{at:?} [{i}] {line}"))));
        }
        all.sort();
        let skip = all.len().saturating_sub(60);
        all.into_iter().skip(skip).map(|(_, line)| line + "\n").collect()
    }

    /// Something happens now.
    pub(crate) fn suffer(&mut self, fault: Fault) {
        let at = self.now;
        let place = self.faults.partition_point(|(then, _)| *then > at);
        self.faults.insert(place, (at, fault));
    }

    /// No fault is left to happen.
    pub(crate) fn calm(&self) -> bool {
        self.faults.is_empty() && self.now >= self.hang_until && self.late.is_empty()
    }

    /// Runs until `done` or until the clock reads `until`. True when `done` held.
    pub(crate) fn run(&mut self, until: Moment, done: impl Fn(&Self) -> bool) -> bool {
        while !done(self) {
            let now = self.now;
            let (who, due) = (self.daemons.iter().map(|daemon| self.due(daemon, now)).enumerate())
                .min_by_key(|(_, due)| *due)
                .unwrap();
            let fault = self.faults.last().map_or(Duration::MAX, |(at, _)| *at);
            let late = self.late.iter().map(|(at, _)| *at).min().unwrap_or(Duration::MAX);
            let next = due.min(fault).min(late).max(now);
            if next > until {
                self.now = until;
                self.model.tick(until);
                return done(self);
            }
            self.now = next;
            self.model.tick(next);
            if fault <= next {
                let (_, fault) = self.faults.pop().unwrap();
                self.strike(&fault);
            } else if late <= next {
                let place = self.late.iter().position(|(at, _)| *at == late).unwrap();
                let (_, action) = self.late.swap_remove(place);
                if self.model.up {
                    self.serve(action);
                }
            } else {
                self.turn(who);
            }
        }
        true
    }

    fn due(&self, daemon: &Daemon, now: Moment) -> Moment {
        let met = daemon.probes(now).filter(|_| self.model.up);
        met.map_or_else(|| daemon.due(now), |met| daemon.due(now).min(met))
    }

    fn turn(&mut self, who: usize) {
        let now = self.now;
        let daemon = &mut self.daemons[who];
        if daemon.is_overdue(now) {
            return;
        }
        match std::mem::replace(&mut daemon.phase, Phase::Waiting(now)) {
            Phase::Gone => unreachable!("its turn never comes"),
            Phase::Answered { seen, .. } => daemon.learn(now, seen),
            Phase::Asking { gives_up, served: false, .. } => self.arrive(who, gives_up),
            Phase::Asking { served: true, .. } => {
                // The answer is written when the lock is free, and says what is true then.
                let seen = Observation::Answer(UnsealAnswer::Status(self.model.seal_status().state));
                self.answer(who, self.now, seen);
            }
            Phase::Waiting(_) if daemon.told.is_some() => {
                let told = daemon.told.take().unwrap();
                daemon.learn(now, told);
            }
            Phase::Waiting(_) if daemon.left => {
                daemon.left = false;
                daemon.learn(now, Observation::Left);
            }
            Phase::Waiting(at) if now < at && daemon.notices_source(now) => {
                daemon.learn(now, Observation::Woken);
            }
            Phase::Waiting(at) if now < at => daemon.learn(now, Observation::Returned),
            Phase::Waiting(_) => {
                daemon.check_request(now);
                if let Action::LoadShares(Scheme { threshold, .. }) = daemon.step.action {
                    assert_eq!(threshold, daemon.seen_threshold);
                    let seen = load(&daemon.candidates, threshold, self.source_works);
                    daemon.learn(now, seen);
                    return;
                }
                let pace = Pace::default();
                let limit = match daemon.step.action {
                    Action::Submit { completes: true, .. } => pace.unseal_timeout,
                    _ => pace.request_timeout,
                };
                daemon.overdue = daemon.step.overdue_after.map(|after| now + after);
                let arrives = now + self.leg();
                self.daemons[who].phase = Phase::Asking { arrives, gives_up: now + limit, served: false };
            }
        }
    }

    /// Half an exchange.
    fn leg(&mut self) -> Duration {
        let most = u64::try_from(self.latency.as_micros() / 2).unwrap();
        Duration::from_micros(self.rng.u64(most / 4..=most))
    }

    /// The request reaches the server, if there is one.
    fn arrive(&mut self, who: usize, gives_up: Moment) {
        let action = self.daemons[who].step.action;
        if !self.model.up {
            let at = self.now + self.leg();
            let seen = Observation::Unreachable(Unreachable::Refused);
            self.daemons[who].phase = Phase::Answered { at, seen, from_server: false };
            return;
        }
        if matches!(action, Action::Submit { completes: true, .. }) && self.lost_shares > 0 {
            self.lost_shares -= 1;
            return self.answer(who, self.now, Observation::Unreachable(Unreachable::Closed));
        }
        let free = self.hang_until.max(self.model.held_until(action == Action::AskHealth));
        if free > gives_up {
            // It is served when the server is free again, though nobody listens any more.
            self.late.push((free, action));
            self.answer(who, gives_up, timeout());
        } else if free > self.now {
            self.daemons[who].phase = Phase::Asking { arrives: free, gives_up, served: false };
        } else {
            let seen = self.serve(action);
            let submitted = matches!(action, Action::Submit { .. });
            match self.model.held_until(false) {
                held if submitted && held > gives_up => self.answer(who, gives_up, timeout()),
                held if submitted && held > self.now => {
                    self.daemons[who].phase = Phase::Asking { arrives: held, gives_up, served: true };
                }
                _ => self.answer(who, self.now, seen),
            }
        }
    }

    fn answer(&mut self, who: usize, at: Moment, seen: Observation) {
        let lost = self.lost_answers > 0;
        self.lost_answers = self.lost_answers.saturating_sub(1);
        let seen = if lost { Observation::Unreachable(Unreachable::Closed) } else { seen };
        let at = at + self.leg();
        self.daemons[who].phase = Phase::Answered { at, seen, from_server: true };
    }

    fn serve(&mut self, action: Action) -> Observation {
        match action {
            Action::AskHealth => Observation::Health(self.model.health(), self.model.life()),
            Action::ReadSealStatus => Observation::SealStatus(self.model.seal_status(), self.model.life()),
            Action::Submit { share, .. } => Observation::Answer(self.model.submit(share, self.now)),
            Action::Reset => Observation::Answer(self.model.reset()),
            Action::LoadShares(_) => unreachable!("no request"),
        }
    }

    fn strike(&mut self, fault: &Fault) {
        self.daemons[0].log.push((self.now, format!("{fault:?}")));
        if fault.befall(&mut self.model, self.now) {
            self.late.clear();
            self.cut_connections();
        }
        let now = self.now;
        match *fault {
            Fault::Hang(time) => self.hang_until = now + time,
            Fault::LoseAnswers(times) => self.lost_answers = times,
            Fault::LoseLastShares(times) => self.lost_shares = times,
            Fault::SourceBreaks | Fault::SourceMended => {
                self.source_works = matches!(fault, Fault::SourceMended);
                self.daemons.iter_mut().for_each(|daemon| daemon.change_source(now));
            }
            Fault::NewShares => {
                let right: Vec<usize> = self.model.right().into_iter().take(self.model.threshold).collect();
                for daemon in &mut self.daemons {
                    daemon.candidates = vec![right.clone()];
                    daemon.change_source(now);
                }
            }
            Fault::Woken => self.tell(&Observation::Woken),
            Fault::Hold => self.tell(&Observation::Hold),
            Fault::Resume => self.tell(&Observation::Resume),
            Fault::DaemonRestart => {
                for who in 0..self.daemons.len() {
                    self.end_daemon(who);
                    self.begin_daemon(who);
                }
            }
            Fault::DaemonEnds(who) => self.end_daemon(who),
            Fault::DaemonBegins(who) if matches!(self.daemons[who].phase, Phase::Gone) => {
                self.begin_daemon(who);
            }
            _ => {}
        }
    }

    fn end_daemon(&mut self, who: usize) {
        let daemon = &mut self.daemons[who];
        // What it sent arrives all the same.
        if let Phase::Asking { arrives, served: false, .. } = daemon.phase {
            self.late.push((arrives, daemon.step.action));
        }
        daemon.phase = Phase::Gone;
    }

    fn begin_daemon(&mut self, who: usize) {
        let seed = self.rng.u64(..);
        self.daemons[who].restart(seed, self.now);
    }

    fn tell(&mut self, what: &Observation) {
        self.daemons.iter_mut().for_each(|daemon| daemon.told = Some(what.clone()));
    }

    /// Whoever waits for an answer gets none.
    fn cut_connections(&mut self) {
        for daemon in &mut self.daemons {
            daemon.disconnect();
            if matches!(
                daemon.phase,
                Phase::Answered { from_server: true, .. } | Phase::Asking { served: true, .. }
            ) {
                let seen = Observation::Unreachable(Unreachable::Closed);
                daemon.phase = Phase::Answered { at: self.now, seen, from_server: false };
            }
        }
    }
}

fn timeout() -> Observation {
    Observation::Unreachable(Unreachable::Timeout(Pace::default().request_timeout))
}

/// The plan for a threshold: sets of as many shares, or all of them when there are fewer.
fn load(candidates: &[Vec<usize>], threshold: usize, works: bool) -> Observation {
    if !works {
        return Observation::SharesUnavailable { kind: "missing", text: "no file".to_owned(), advice: None };
    }
    let candidates = candidates.iter().map(|set| set.iter().copied().take(threshold).collect()).collect();
    Observation::Shares(ShareCandidates { candidates })
}

/// In the order of time, the last first; an attack is many faults.
fn spread(faults: Vec<(Moment, Fault)>) -> Vec<(Moment, Fault)> {
    let mut spread = Vec::new();
    for (at, fault) in faults {
        let (every, times, each): (_, _, fn(usize) -> Fault) = match fault {
            Fault::Attack { every, times } => (every, times, |i| Fault::Share(10_000 + i)),
            Fault::Friend { every, times } => (every, times, Fault::RightShare),
            fault => {
                spread.push((at, fault));
                continue;
            }
        };
        let mut then = at;
        for i in 0..times {
            spread.push((then, each(i)));
            then += every;
        }
    }
    spread.sort_by_key(|(at, _)| *at);
    spread.reverse();
    spread
}
