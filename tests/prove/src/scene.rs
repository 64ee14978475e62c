//! A state of a world: one server, its daemons, what is under way between them; and what each move makes of it.

use crate::canon::{self, Canon, GARBAGE, Token};
use crate::daemon::{Daemon, Phase};
use crate::model::{Join, Model, Ruin};
use crate::rules::{Books, Violation};
use crate::step::{Cost, Kind, Move};
use crate::world::{PACE, World};
use std::sync::Arc;
use std::time::Duration;
use vault_unseal::api::{Meaning, Unreachable, UnsealAnswer};
use vault_unseal::unseal::{Action, Hold, Moment, Observation, probe_pause};

#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) now: Moment,
    pub(crate) server: Model,
    /// Shared between states: most moves change one.
    pub(crate) daemons: Vec<Arc<Daemon>>,
    faults: u8,
    acts: u8,
    garbage: usize,
}

type Done = Result<(), Violation>;

/// How long a raft join takes.
const JOIN: Duration = Duration::from_secs(3);

impl Scene {
    pub(crate) fn begin(world: &World) -> Self {
        let mut server = Model::new(world.threshold, world.total);
        server.initialized = !world.bare;
        server.names_rounds = world.names_rounds;
        server.version = world.version;
        let daemons = (0..world.daemons).map(|who| {
            let mut daemon = Daemon::new(who, world);
            daemon.source = who;
            Arc::new(daemon)
        });
        let daemons = daemons.collect();
        Self { now: Duration::ZERO, server, daemons, faults: world.faults, acts: world.acts, garbage: 0 }
    }

    /// What a world allows is counted from now on.
    pub(crate) fn spend_anew(&mut self, world: &World) {
        (self.faults, self.acts) = (world.faults, world.acts);
    }

    /// Everything that can happen now.
    pub(crate) fn moves(&self, world: &World, into: &mut Vec<Move>) {
        into.clear();
        for (who, daemon) in self.daemons.iter().enumerate() {
            match daemon.phase {
                Phase::Asking => into.push(Move::of(Kind::Arrive, who)),
                Phase::Answered(_) => into.push(Move::of(Kind::Return, who)),
                _ => {}
            }
        }
        for kind in [Kind::Pass, Kind::Start, Kind::Mend] {
            into.push(Move::of(kind, 0));
        }
        if self.acts > 0 {
            for kind in [Kind::Garbage, Kind::Friend, Kind::Reset] {
                into.push(Move::of(kind, 0));
            }
        }
        let allowed = world.kinds.iter().filter(|kind| self.faults > 0 && kind.cost() == Cost::Fault);
        for &kind in allowed.chain(&[Kind::Resume]) {
            let whom = if kind.has_daemon() { self.daemons.len() } else { 1 };
            into.extend((0..whom).map(|who| Move::of(kind, who)));
        }
        into.retain(|next| self.can(*next, world));
    }

    /// Whether a move can be made now, and would change anything.
    pub(crate) fn can(&self, Move { kind, who }: Move, world: &World) -> bool {
        let Some(daemon) = self.daemons.get(usize::from(who)) else { return false };
        let server = &self.server;
        let paid = match kind.cost() {
            Cost::Nothing => true,
            Cost::Fault => self.faults > 0,
            Cost::Act => self.acts > 0,
        };
        let quiet = !self.daemons.iter().any(|daemon| daemon.is_on_the_way());
        paid && match kind {
            Kind::Arrive => matches!(daemon.phase, Phase::Asking),
            Kind::Return => matches!(daemon.phase, Phase::Answered(_)),
            Kind::Pass => quiet,
            Kind::Slow => !quiet && self.due() < Moment::MAX,
            Kind::Lose => daemon.connected,
            Kind::Swallow => daemon.is_on_the_way(),
            Kind::Start => !server.up,
            Kind::Crash | Kind::Restart => server.up,
            Kind::Seal => server.up && !server.sealed,
            Kind::SealsItself => server.seals_after.is_none(),
            Kind::Join | Kind::HeldJoin | Kind::FailingJoin => server.join.is_none(),
            Kind::Foreign => server.seal_type == "shamir",
            Kind::Migration => !server.migration,
            Kind::Remove => !server.removed,
            Kind::Uninitialize => server.initialized,
            Kind::Ruin => server.ruin.is_none() && world.ruined,
            Kind::Trouble => server.trouble.is_none(),
            Kind::Mend => self.is_broken(),
            Kind::Change | Kind::Reload => world.sources.len() > 1,
            Kind::Hold => daemon.held_by().is_none(),
            Kind::Resume => daemon.held_by() == Some(Hold::Request),
            Kind::DaemonRestart | Kind::Jump => true,
            Kind::Garbage | Kind::Friend => server.up && server.sealed,
            Kind::Reset => server.up && server.sealed && server.seal_status().progress > 0,
        }
    }

    fn is_broken(&self) -> bool {
        let server = &self.server;
        server.seal_type != "shamir"
            || server.migration
            || !server.initialized
            || server.ruin.is_some()
            || server.trouble.is_some()
            || server.seals_after.is_some()
    }

    /// When something is due next.
    fn due(&self) -> Moment {
        self.daemons.iter().map(|daemon| daemon.due()).min().unwrap_or(Moment::MAX)
    }

    /// Makes a move that can be made.
    pub(crate) fn make(&mut self, Move { kind, who }: Move, world: &World, books: &mut Books) -> Done {
        let who = usize::from(who);
        let now = self.now;
        match kind.cost() {
            Cost::Nothing => {}
            Cost::Fault => self.faults -= u8::from(world.faults < u8::MAX),
            Cost::Act => {
                self.acts -= u8::from(world.acts < u8::MAX);
                for daemon in &mut self.daemons {
                    let daemon = Arc::make_mut(daemon).touch();
                    daemon.acts = (daemon.acts + 1).min(8);
                }
            }
        }
        match kind {
            Kind::Arrive => return self.arrive(who, world, books),
            Kind::Return => {
                let daemon = Arc::make_mut(&mut self.daemons[who]);
                let Phase::Answered(seen) = std::mem::replace(&mut daemon.phase, Phase::Unanswered) else {
                    return Ok(());
                };
                return daemon.learn(now, seen, world, books);
            }
            Kind::Pass | Kind::Slow => {
                let due = self.due().max(now);
                return self.pass(due, world, books);
            }
            Kind::Jump => return self.pass(now + Duration::from_secs(3600), world, books),
            Kind::Lose => return self.cut(who, world, books),
            Kind::Swallow => Arc::make_mut(&mut self.daemons[who]).touch().phase = Phase::Unanswered,
            Kind::Crash => {
                self.server.up = false;
                return self.cut_all(world, books);
            }
            Kind::Start | Kind::Restart => return self.restart(world, books),
            Kind::Seal => self.server.seal(),
            Kind::SealsItself => self.server.seals_after = Some(Duration::from_millis(100)),
            Kind::Join | Kind::HeldJoin | Kind::FailingJoin => {
                let (fails, held) = (kind == Kind::FailingJoin, kind == Kind::HeldJoin);
                self.server.join = Some(Join { takes: JOIN, fails, holds_state: held, holds_health: false });
            }
            Kind::Foreign => {
                self.server.seal_type = "static";
                return self.restart(world, books);
            }
            Kind::Migration => {
                self.server.migration = true;
                return self.restart(world, books);
            }
            Kind::Remove => self.server.removed = true,
            Kind::Uninitialize => {
                self.server.initialized = false;
                return self.restart(world, books);
            }
            Kind::Ruin => {
                self.server.ruin = Some(Ruin::KeyringFlipped);
                return self.restart(world, books);
            }
            Kind::Trouble => self.server.trouble = Some(Meaning::Transient),
            Kind::Mend => return self.mend(world, books),
            Kind::DaemonRestart => Arc::make_mut(&mut self.daemons[who]).restart(now, world),
            Kind::Change | Kind::Reload => {
                let daemon = Arc::make_mut(&mut self.daemons[who]).touch();
                let next = (daemon.source + 1) % world.sources.len();
                daemon.change(next, now, world, books)?;
                if kind == Kind::Reload {
                    return daemon.tell(now, Observation::Woken, world, books);
                }
            }
            Kind::Hold => return self.tell(who, Observation::Hold, world, books),
            Kind::Resume => return self.tell(who, Observation::Resume, world, books),
            Kind::Garbage => {
                self.garbage += 1;
                let _ = self.server.submit(GARBAGE + self.garbage, now);
            }
            Kind::Friend => {
                let present = self.server.seal_status().progress;
                let _ = self.server.submit((self.server.threshold - 1).saturating_sub(present), now);
            }
            Kind::Reset => {
                let _ = self.server.reset();
            }
        }
        Ok(())
    }

    fn tell(&mut self, who: usize, what: Observation, world: &World, books: &mut Books) -> Done {
        Arc::make_mut(&mut self.daemons[who]).touch().tell(self.now, what, world, books)
    }

    /// The request reaches the server, if there is one.
    fn arrive(&mut self, who: usize, world: &World, books: &mut Books) -> Done {
        let now = self.now;
        let daemon = Arc::make_mut(&mut self.daemons[who]).touch();
        let action = daemon.step.action;
        if !self.server.up {
            return daemon.learn(now, Observation::Unreachable(Unreachable::Refused), world, books);
        }
        let epoch = daemon.connect();
        let until = self.server.held_until(action == Action::AskHealth);
        if until > now {
            daemon.phase = Phase::HeldBack { until, served: false };
            return Ok(());
        }
        let seen = match action {
            Action::AskHealth => Observation::Health(self.server.health(), epoch),
            Action::ReadSealStatus => Observation::SealStatus(self.server.seal_status(), epoch),
            Action::Submit { share, .. } => Observation::Answer(self.server.submit(share, now)),
            Action::Reset => Observation::Answer(self.server.reset()),
            Action::LoadShares(_) => return Ok(()),
        };
        let until = self.server.held_until(false);
        let held = until > now && matches!(action, Action::Submit { .. });
        daemon.phase = if held { Phase::HeldBack { until, served: true } } else { Phase::Answered(seen) };
        Ok(())
    }

    /// The clock is set to `to`, and whoever has something to do by then does it.
    fn pass(&mut self, to: Moment, world: &World, books: &mut Books) -> Done {
        self.now = to;
        self.server.tick(to);
        for daemon in &mut self.daemons {
            if daemon.due() > to {
                continue;
            }
            let daemon = Arc::make_mut(daemon).touch();
            match daemon.phase {
                Phase::Waiting(_) => {
                    if let Some(seen) = daemon.act(to, world, books)? {
                        daemon.learn(to, seen, world, books)?;
                    }
                }
                Phase::HeldBack { until, served } if until <= daemon.gives_up => {
                    // The answer is written when the lock is free, and says what is true then.
                    daemon.phase = if served {
                        Phase::Answered(Observation::Answer(UnsealAnswer::Status(
                            self.server.seal_status().state,
                        )))
                    } else {
                        Phase::Asking
                    };
                }
                Phase::HeldBack { .. } | Phase::Unanswered => {
                    daemon.connected = false;
                    let cause = Unreachable::Timeout(PACE.request_timeout);
                    daemon.learn(to, Observation::Unreachable(cause), world, books)?;
                }
                Phase::Asking | Phase::Answered(_) => {}
            }
        }
        Ok(())
    }

    fn cut(&mut self, who: usize, world: &World, books: &mut Books) -> Done {
        Arc::make_mut(&mut self.daemons[who]).touch().disconnect(self.now, world, books)
    }

    fn cut_all(&mut self, world: &World, books: &mut Books) -> Done {
        (0..self.daemons.len()).try_for_each(|who| self.cut(who, world, books))
    }

    /// The server is another process from now on.
    fn restart(&mut self, world: &World, books: &mut Books) -> Done {
        let was_up = self.server.up;
        self.server.restart();
        if was_up {
            return self.cut_all(world, books);
        }
        // Whoever tries its port finds it open.
        let now = self.now;
        for daemon in &mut self.daemons {
            let refused = daemon.step.refused_since.filter(|_| matches!(daemon.phase, Phase::Waiting(_)));
            if refused.and_then(|since| probe_pause(now.saturating_sub(since), true, 1, 1)).is_some() {
                Arc::make_mut(daemon).learn(now, Observation::Returned, world, books)?;
            }
        }
        Ok(())
    }

    /// Whatever a person can mend at the server is well again.
    fn mend(&mut self, world: &World, books: &mut Books) -> Done {
        let server = &mut self.server;
        let restarts = server.seal_type != "shamir" || server.migration || server.ruin.is_some();
        server.seal_type = "shamir";
        server.migration = false;
        server.initialized = true;
        server.ruin = None;
        server.trouble = None;
        server.recover();
        if restarts { self.restart(world, books) } else { Ok(()) }
    }

    /// What makes this state and another the same.
    pub(crate) fn hash(&mut self) -> u64 {
        let mut canon = Canon::default();
        let mut tokens: Vec<Token> = Vec::new();
        canon::tokens(&self.server, canon::OF_MODEL, &mut tokens);
        canon::tokens(&self.server.seal_status().state.nonce, &[], &mut tokens);
        canon.tokens(&tokens, self.now);
        canon.add(u64::from(self.faults) << 8 | u64::from(self.acts));
        for daemon in &mut self.daemons {
            canon.begin();
            if daemon.is_dirty() {
                Arc::make_mut(daemon).take_apart();
            }
            canon.tokens(daemon.tokens(), self.now);
        }
        canon.finish()
    }

    /// What each daemon shows.
    pub(crate) fn words(&self) -> String {
        let words: Vec<&str> = self.daemons.iter().map(|daemon| daemon.word()).collect();
        words.join(", ")
    }
}
