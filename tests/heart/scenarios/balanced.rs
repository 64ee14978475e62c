//! Several servers behind one address, as behind a load balancer: each request may go to another.

use crate::model::Model;
use std::time::Duration;
use vault_unseal::api::{AnswerText, ConnectionEpoch, LogHint, Unreachable};
use vault_unseal::cluster::{OnOperatorSeal, Pace};
use vault_unseal::unseal::{Action, Event, Moment, NodeMachine, Observation, ShareCandidates, State};

/// Servers that answer in turn, over one connection.
struct Balanced {
    machine: NodeMachine,
    servers: Vec<Model>,
    events: Vec<Event>,
    words: Vec<&'static str>,
    now: Moment,
    /// The connection that they answer over.
    life: u64,
}

impl Balanced {
    fn between(servers: usize, threshold: usize, names_rounds: bool) -> Self {
        let mut model = Model::new(threshold, threshold);
        model.names_rounds = names_rounds;
        let mut servers = vec![model; servers];
        servers.iter_mut().enumerate().for_each(|(number, server)| server.server = number);
        let machine = NodeMachine::new(Pace::default(), 7);
        Self { machine, servers, events: Vec::new(), words: Vec::new(), now: Moment::ZERO, life: 1 }
    }

    fn run(&mut self, time: Duration) {
        let mut now = self.now;
        let until = now + time;
        let mut step = self.machine.start();
        let mut turn = 0;
        while now < until {
            now += step.wait + Duration::from_millis(1);
            let threshold = self.servers[0].threshold;
            let shares =
                || Observation::Shares(ShareCandidates { candidates: vec![(0..threshold).collect()] });
            let servers = self.servers.len();
            let server = &mut self.servers[turn % servers];
            let seen = match step.action {
                Action::LoadShares(_) => shares(),
                action => {
                    turn += 1;
                    match action {
                        Action::AskHealth => {
                            Observation::Health(server.health(), ConnectionEpoch::of(self.life))
                        }
                        Action::ReadSealStatus => {
                            Observation::SealStatus(server.seal_status(), ConnectionEpoch::of(self.life))
                        }
                        Action::Submit { share, .. } => Observation::Answer(server.submit(share, now)),
                        _ => Observation::Answer(server.reset()),
                    }
                }
            };
            step = self.machine.observe(now, seen);
            self.events.extend(self.machine.take_events());
            self.words.extend(self.machine.state().map(State::word));
        }
        self.now = now;
    }

    fn told(&self) -> usize {
        self.events.iter().filter(|event| **event == Event::SeveralServers).count()
    }
}

#[test]
fn rounds_that_return_tell_of_a_load_balancer_once() {
    for servers in [2, 3, 5] {
        // Some servers do not name their rounds.
        for names_rounds in [true, false] {
            let mut balanced = Balanced::between(servers, 3, names_rounds);
            balanced.run(Duration::from_secs(120));
            assert_eq!(balanced.told(), 1, "{servers} {names_rounds}: {:?}", balanced.events);
        }
    }
}

#[test]
fn one_server_is_no_load_balancer() {
    for names_rounds in [true, false] {
        let mut alone = Balanced::between(1, 3, names_rounds);
        alone.run(Duration::from_secs(120));
        assert_eq!(alone.told(), 0, "{:?}", alone.events);
    }
}

#[test]
fn servers_that_are_sealed_and_unsealed_in_turn_are_no_operators_doing() {
    let mut balanced = Balanced::between(2, 3, true);
    balanced.machine.set_on_operator_seal(OnOperatorSeal::Hold { at_most: None });
    // The first is asked for its seal status, then the other for its health.
    balanced.servers[0].sealed = false;
    balanced.run(Duration::from_secs(120));
    assert_eq!(balanced.told(), 1, "{:?}", balanced.events);
    assert!(!balanced.words.contains(&"held"), "{:?}", balanced.words);
}

#[test]
fn servers_that_stay_sealed_and_unsealed_in_turn_are_told_of_once() {
    let mut balanced = Balanced::between(2, 3, true);
    // The first is asked for its seal status, then the other for its health.
    balanced.servers[0].sealed = false;
    balanced.run(Duration::from_secs(3600));
    assert_eq!(balanced.told(), 1, "{:?}", balanced.events);
}

#[test]
fn load_balancer_that_is_gone_is_forgotten_with_the_next_whole_round() {
    let hour = Duration::from_secs(3600);
    let mut balanced = Balanced::between(2, 3, true);
    balanced.machine.set_on_operator_seal(OnOperatorSeal::Hold { at_most: None });
    balanced.run(Duration::from_secs(120));
    assert_eq!(balanced.told(), 1, "{:?}", balanced.events);
    balanced.servers.truncate(1);
    // Its first round may be over too soon after the last sign of the others.
    balanced.run(hour);
    for life in 2..4 {
        // It restarts.
        balanced.life = life;
        balanced.servers[0].sealed = true;
        balanced.run(hour);
    }
    assert!(!balanced.words.contains(&"held"), "{:?}", balanced.words.last());
    balanced.servers[0].sealed = true;
    balanced.run(hour);
    assert_eq!(balanced.words.last(), Some(&"held"), "an operator's seal is one again");
}

#[test]
fn load_balancer_with_a_dead_server_is_told_of_and_makes_no_states_change_for_ever() {
    let mut model = Model::new(1, 1);
    model.sealed = false;
    let mut machine = NodeMachine::new(Pace::default(), 7);
    let (mut now, mut step) = (Moment::ZERO, machine.start());
    let (mut words, mut events) = (Vec::new(), Vec::new());
    let page = || {
        Observation::Unreachable(Unreachable::NotVault {
            status: 503,
            text: AnswerText::Withheld(LogHint::default()),
        })
    };
    for turn in 0..1000 {
        now += step.wait + Duration::from_millis(1);
        let seen =
            if turn % 2 == 0 { Observation::Health(model.health(), ConnectionEpoch::of(1)) } else { page() };
        step = machine.observe(now, seen);
        events.extend(machine.take_events());
        words.extend(machine.state().map(State::word));
    }
    assert_eq!(events, [Event::SeveralServers]);
    words.dedup();
    assert_eq!(words.len(), 11, "{words:?}");
    assert_eq!(words.last(), Some(&"unsealed"));
    for _ in 0..2 {
        now += step.wait;
        step = machine.observe(now, page());
    }
    assert_eq!(machine.state().map(State::word), Some("unreachable"), "none of them answers");
}

#[test]
fn server_that_restarts_again_and_again_behind_a_proxy_is_no_load_balancer() {
    let mut machine = NodeMachine::new(Pace::default(), 7);
    let mut model = Model::new(1, 1);
    model.sealed = false;
    let (mut now, mut step) = (Moment::ZERO, machine.start());
    let page = || {
        Observation::Unreachable(Unreachable::NotVault {
            status: 502,
            text: AnswerText::Withheld(LogHint::default()),
        })
    };
    for turn in 0..300 {
        now += step.wait;
        let seen =
            if turn % 3 == 0 { Observation::Health(model.health(), ConnectionEpoch::of(1)) } else { page() };
        step = machine.observe(now, seen);
    }
    assert_eq!(machine.take_events(), []);
}

/// A server's own errors now and then, or the pages of a rate limit, are no proof of several servers: who sealed it is known,
/// and the policy to hold is followed.
#[test]
fn lone_errors_and_pages_leave_an_operators_seal_held() {
    let text = || AnswerText::Text(vault_unseal::external::ExternalText::new("context deadline exceeded"));
    for cause in [
        Unreachable::ServerError { status: 500, text: text() },
        Unreachable::NotVault { status: 503, text: text() },
    ] {
        let own = matches!(cause, Unreachable::ServerError { .. });
        let mut model = Model::new(3, 3);
        model.sealed = false;
        let mut machine = NodeMachine::new(Pace::default(), 7);
        machine.set_on_operator_seal(OnOperatorSeal::Hold { at_most: None });
        let (mut step, mut now, mut looks, mut events) = (machine.start(), Moment::ZERO, 0, Vec::new());
        while now < Duration::from_secs(60) {
            now += step.wait + Duration::from_millis(1);
            looks += 1;
            model.sealed = now > Duration::from_secs(50);
            let fails = looks % 4 == 0 && now < Duration::from_secs(40);
            let seen = match step.action {
                Action::AskHealth if fails => Observation::Unreachable(cause.clone()),
                Action::AskHealth => Observation::Health(model.health(), ConnectionEpoch::of(1)),
                _ => Observation::SealStatus(model.seal_status(), ConnectionEpoch::of(1)),
            };
            step = machine.observe(now, seen);
            events.extend(machine.take_events());
        }
        assert_eq!(machine.state().map(State::word), Some("held"), "{cause}");
        assert!(!own || !events.contains(&Event::SeveralServers), "{cause}");
    }
}
