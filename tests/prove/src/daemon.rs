//! One daemon: the machine that the real one runs, a connection, a share source, and the rules at each of its steps.

use crate::canon::{self, Token};
use crate::rules::{Books, Rule, Shown, Violation, bound};
use crate::world::{PACE, PROOF, World};
use std::time::Duration;
use vault_unseal::api::{ConnectionEpoch, Meaning, SealState, Unreachable, UnsealAnswer};
use vault_unseal::unseal::{Action, Hold, Moment, NodeMachine, Observation, State, Step};

/// Where it is between two steps.
#[derive(Debug, Clone)]
pub(crate) enum Phase {
    /// It carries out its step then.
    Waiting(Moment),
    /// Its request is on the way.
    Asking,
    /// The server has its request, and keeps it or the answer back until then. `served`: it did what it was asked.
    HeldBack { until: Moment, served: bool },
    /// The answer is on the way.
    Answered(Observation),
    /// The request or its answer was swallowed.
    Unanswered,
}

#[expect(clippy::struct_excessive_bools, reason = "what it has seen, each by itself")]
#[derive(Debug, Clone)]
pub(crate) struct Daemon {
    pub(crate) machine: NodeMachine,
    pub(crate) step: Step,
    pub(crate) phase: Phase,
    /// When it gives up the request that is under way.
    pub(crate) gives_up: Moment,
    /// What a person tells it.
    told: Option<Observation>,
    pub(crate) connected: bool,
    epoch: u64,
    /// Which of the world's sources is its own now.
    pub(crate) source: usize,
    /// It changed, and that was not noticed.
    unnoticed: bool,
    /// The source whose shares it holds in memory.
    loaded: Option<usize>,
    shown: Shown,
    threshold: usize,
    /// The last health said unsealed, and nothing has cast doubt on it.
    seen_unsealed: bool,
    submitted: Vec<Moment>,
    /// Acts of the third party since shares were loaded.
    pub(crate) acts: usize,
    dirty: bool,
    tokens: Vec<Token>,
}

type Done = Result<(), Violation>;

impl Daemon {
    pub(crate) fn new(who: usize, world: &World) -> Self {
        let mut machine = NodeMachine::new(PACE, 1 + who as u64);
        machine.set_on_operator_seal(world.policy);
        let step = machine.start();
        Self {
            machine,
            step,
            phase: Phase::Asking,
            gives_up: PACE.request_timeout,
            told: None,
            connected: false,
            epoch: 0,
            source: 0,
            unnoticed: false,
            loaded: None,
            shown: Shown::Nothing,
            threshold: 0,
            seen_unsealed: false,
            submitted: Vec::new(),
            acts: 0,
            dirty: true,
            tokens: Vec::new(),
        }
    }

    /// Killed and started again: what it holds is on disk.
    pub(crate) fn restart(&mut self, now: Moment, world: &World) {
        let (hold, until) = (self.machine.hold(), self.machine.held_until());
        let (epoch, source) = (self.epoch, self.source);
        *self = Self::new(0, world);
        (self.epoch, self.source) = (epoch, source);
        self.machine.restore(hold, until);
        self.gives_up = now.saturating_add(PACE.request_timeout);
    }

    pub(crate) fn word(&self) -> &'static str {
        self.machine.state().map_or("none", State::word)
    }

    pub(crate) fn is_on_the_way(&self) -> bool {
        matches!(self.phase, Phase::Asking | Phase::Answered(_))
    }

    /// When something happens to it next by itself.
    pub(crate) fn due(&self) -> Moment {
        match self.phase {
            Phase::Waiting(at) => at,
            Phase::HeldBack { until, .. } => until.min(self.gives_up),
            Phase::Unanswered => self.gives_up,
            Phase::Asking | Phase::Answered(_) => Moment::MAX,
        }
    }

    /// Its request has arrived: over the connection that is there, or a new one.
    pub(crate) fn connect(&mut self) -> ConnectionEpoch {
        if !self.connected {
            self.epoch += 1;
            self.connected = true;
        }
        ConnectionEpoch::of(self.epoch)
    }

    /// Its connection ends.
    pub(crate) fn disconnect(&mut self, now: Moment, world: &World, books: &mut Books) -> Done {
        let kept = std::mem::take(&mut self.connected);
        self.shown = Shown::Nothing;
        match self.phase {
            Phase::Waiting(_) if kept => self.learn(now, Observation::Left, world, books),
            // What was on the way is lost with it. A question is asked again over the next; a share is not sent twice.
            Phase::Asking if !kept || self.asks() => Ok(()),
            Phase::Answered(_) | Phase::HeldBack { .. } | Phase::Asking => {
                self.learn(now, Observation::Unreachable(Unreachable::Closed), world, books)
            }
            _ => Ok(()),
        }
    }

    fn asks(&self) -> bool {
        matches!(self.step.action, Action::AskHealth | Action::ReadSealStatus)
    }

    /// A person tells it something: heard at once, or when its request is through.
    pub(crate) fn tell(&mut self, now: Moment, what: Observation, world: &World, books: &mut Books) -> Done {
        if matches!(self.phase, Phase::Waiting(_)) {
            return self.learn(now, what, world, books);
        }
        self.told = Some(what);
        Ok(())
    }

    /// Its share source is another from now on.
    pub(crate) fn change(&mut self, source: usize, now: Moment, world: &World, books: &mut Books) -> Done {
        self.source = source;
        self.unnoticed = true;
        self.notice(now, world, books)
    }

    /// A change of the source is noticed where it would be good news.
    fn notice(&mut self, now: Moment, world: &World, books: &mut Books) -> Done {
        let notices =
            self.unnoticed && self.step.watch_share_source && matches!(self.phase, Phase::Waiting(_));
        if notices {
            self.unnoticed = false;
            return self.learn(now, Observation::Woken, world, books);
        }
        Ok(())
    }

    /// The machine learns what was seen and decides; what takes no time it does at once.
    pub(crate) fn learn(&mut self, now: Moment, seen: Observation, world: &World, books: &mut Books) -> Done {
        let mut seen = Some(seen);
        for _ in 0..50 {
            let Some(what) = seen.take().or_else(|| self.told.take()) else {
                if self.step.wait.is_zero() {
                    seen = self.act(now, world, books)?;
                    if seen.is_some() {
                        continue;
                    }
                }
                return self.notice(now, world, books);
            };
            self.dirty = true;
            self.note(&what, world, books);
            let (before, right) = (self.word(), self.loaded.is_some_and(|loaded| world.is_right(loaded)));
            self.step = self.machine.observe(now, what);
            self.machine.take_events();
            self.phase = Phase::Waiting(now.saturating_add(self.step.wait));
            if !self.step.keep_shares && !matches!(self.step.action, Action::LoadShares(_)) {
                self.loaded = None;
            }
            self.check_state(before, right, world, books)?;
        }
        Err(Violation::of(Rule::Rate, "it decides fifty times in a moment and asks nobody"))
    }

    /// Carries out its step: a request sets out, or the source is read.
    pub(crate) fn act(
        &mut self,
        now: Moment,
        world: &World,
        books: &mut Books,
    ) -> Result<Option<Observation>, Violation> {
        self.dirty = true;
        if let Action::LoadShares(scheme) = self.step.action {
            self.unnoticed = false;
            let seen = world.sources[self.source].load(scheme.threshold);
            self.loaded = matches!(seen, Observation::Shares(_)).then_some(self.source);
            self.acts = 0;
            return Ok(Some(seen));
        }
        self.check_request(now, world, books)?;
        let limit = match self.step.action {
            Action::Submit { completes: true, .. } => PACE.unseal_timeout,
            _ => PACE.request_timeout,
        };
        self.gives_up = now.saturating_add(limit);
        self.phase = Phase::Asking;
        Ok(None)
    }

    fn note(&mut self, seen: &Observation, world: &World, books: &mut Books) {
        let of_status = |s: &SealState| match s {
            _ if s.removed => Shown::Bad(Rule::NotRemoved),
            _ if !s.initialized => Shown::Bad(Rule::NotUninitialised),
            _ if !s.sealed => Shown::Bad(Rule::NotUnsealed),
            _ if s.migration => Shown::Bad(Rule::NotMigrating),
            _ if !s.takes_unseal_shares() => Shown::Bad(Rule::NotForeign),
            _ => Shown::Takes,
        };
        match seen {
            Observation::Health(h, _) => {
                self.seen_unsealed = h.initialized && !h.sealed && !h.removed;
                self.shown = match self.shown {
                    _ if h.removed => Shown::Bad(Rule::NotRemoved),
                    _ if !h.initialized => Shown::Bad(Rule::NotUninitialised),
                    _ if !h.sealed => Shown::Bad(Rule::NotUnsealed),
                    Shown::Takes => Shown::Takes,
                    _ => Shown::Sealed,
                };
            }
            Observation::SealStatus(status, _) => {
                self.shown = of_status(status);
                self.threshold = status.threshold;
            }
            Observation::Answer(UnsealAnswer::Status(state)) => {
                self.shown = of_status(state);
                self.threshold = state.threshold;
            }
            Observation::Answer(UnsealAnswer::Refused(refusal)) => match refusal.meaning {
                Meaning::NotInitialized => self.shown = Shown::Bad(Rule::NotUninitialised),
                Meaning::AlreadyUnsealed => self.shown = Shown::Bad(Rule::NotUnsealed),
                Meaning::Migrating => self.shown = Shown::Bad(Rule::NotMigrating),
                Meaning::NoKeyring | Meaning::NoSealConfiguration => {
                    self.shown = Shown::Bad(Rule::NotDamaged);
                }
                Meaning::InvalidKey if world.ruined => self.shown = Shown::Bad(Rule::NotDamaged),
                Meaning::RoundFailed => {
                    if self.acts > 0 && self.loaded.is_some_and(|loaded| world.is_right(loaded)) {
                        books.count(Rule::NoFalseVerdict);
                    }
                    if self.held(world) < self.threshold {
                        books.count(Rule::ResetTakesAll);
                    }
                }
                _ => {}
            },
            Observation::Unreachable(_) => {
                self.seen_unsealed = false;
                self.connected = false;
                self.shown = Shown::Nothing;
            }
            _ => {}
        }
        if let Shown::Bad(rule) = self.shown {
            books.count(rule);
        }
        if self.machine.hold().is_some() {
            books.count(Rule::NotHeld);
        }
        if !world.may_be_damaged()
            && matches!(self.shown, Shown::Bad(Rule::NotUninitialised | Rule::NotDamaged))
        {
            books.count(Rule::NoFalseDamage);
        }
    }

    /// How many shares it has in memory.
    fn held(&self, world: &World) -> usize {
        self.loaded.map_or(0, |source| world.sources[source].most())
    }

    fn check_request(&mut self, now: Moment, world: &World, books: &mut Books) -> Done {
        match self.step.action {
            Action::Submit { share, .. } => {
                for rule in [Rule::OnlySealed, Rule::Rate, Rule::OnlyHeldShares] {
                    books.count(rule);
                }
                match self.shown {
                    Shown::Takes => {}
                    Shown::Bad(rule) => return Err(Violation::of(rule, format!("it submits share {share}"))),
                    Shown::Nothing | Shown::Sealed => {
                        return Err(Violation::of(Rule::OnlySealed, format!("it submits share {share}")));
                    }
                }
                if let Some(hold) = self.machine.hold() {
                    return Err(Violation::of(
                        Rule::NotHeld,
                        format!("it submits share {share} under {hold:?}"),
                    ));
                }
                if !self.loaded.is_some_and(|source| world.sources[source].has(share)) {
                    return Err(Violation::of(Rule::OnlyHeldShares, format!("it submits share {share}")));
                }
                self.submitted.retain(|at| *at + Duration::from_secs(1) > now);
                self.submitted.push(now);
                let (many, most) = (self.submitted.len(), bound(self.threshold));
                if many > most {
                    let text = format!("{many} within a second, {most} at the most");
                    return Err(Violation::of(Rule::Rate, text));
                }
            }
            Action::Reset => {
                books.count(Rule::ResetTakesAll);
                let held = self.held(world);
                if held < self.threshold {
                    let text = format!("it resets with {held} of {}", self.threshold);
                    return Err(Violation::of(Rule::ResetTakesAll, text));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `right`: a whole right set was at hand.
    fn check_state(&self, before: &'static str, right: bool, world: &World, books: &mut Books) -> Done {
        let after = self.word();
        if before != after {
            books.pairs.insert((before, after));
        }
        match self.machine.state() {
            Some(State::Unsealed { .. } | State::Held { unsealed: true, .. }) => {
                books.count(Rule::StateIsTrue);
                if !self.seen_unsealed {
                    return Err(Violation::of(Rule::StateIsTrue, "its health did not say so"));
                }
            }
            Some(State::SharesRejected { kind: "shares-refused", .. })
                if before != after && right && self.acts < PROOF =>
            {
                let text = format!("they are right; acts of a third party meanwhile: {}", self.acts);
                return Err(Violation::of(Rule::NoFalseVerdict, text));
            }
            Some(State::Damaged { damage }) if !world.may_be_damaged() => {
                return Err(Violation::of(Rule::NoFalseDamage, damage.to_string()));
            }
            _ => {}
        }
        Ok(())
    }

    /// The hold that it is under, or is told to begin.
    pub(crate) fn held_by(&self) -> Option<Hold> {
        match self.told {
            Some(Observation::Hold) => Some(Hold::Request),
            _ => self.machine.hold(),
        }
    }

    /// Takes itself apart, where anything changed, for the hash of the state.
    pub(crate) fn take_apart(&mut self) {
        self.dirty = false;
        self.tokens.clear();
        canon::tokens(&self.machine, canon::OF_MACHINE, &mut self.tokens);
        let rest = (
            (&self.phase, self.step.action, self.step.refused_since.is_some(), &self.told),
            (self.connected, ConnectionEpoch::of(self.epoch), self.source, self.unnoticed, self.loaded),
            (self.shown, self.threshold, self.seen_unsealed, self.acts),
        );
        canon::tokens(&rest, canon::OF_OTHERS, &mut self.tokens);
        if matches!(self.phase, Phase::HeldBack { .. } | Phase::Unanswered) {
            self.tokens.push(Token::Time(u64::try_from(self.gives_up.as_micros()).unwrap_or(u64::MAX)));
        }
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Whatever is changed from outside is hashed anew.
    pub(crate) fn touch(&mut self) -> &mut Self {
        self.dirty = true;
        self
    }
}
