//! Several servers behind one address, as behind a load balancer: each request may go to another.

use crate::model::Model;
use std::time::Duration;
use vault_unseal::config::{OnOperatorSeal, Pace};
use vault_unseal::unseal::{Action, Event, Holding, Machine, Moment, Observation, State};
use vault_unseal::vault::Life;

/// Servers that answer in turn, over one connection.
struct Balanced {
    machine: Machine,
    servers: Vec<Model>,
    events: Vec<Event>,
    words: Vec<&'static str>,
}

impl Balanced {
    fn between(servers: usize, threshold: usize, names_rounds: bool) -> Self {
        let mut model = Model::new(threshold, threshold);
        model.names_rounds = names_rounds;
        let mut servers = vec![model; servers];
        servers.iter_mut().enumerate().for_each(|(number, server)| server.server = number);
        let machine = Machine::new(Pace::default(), 7);
        Self { machine, servers, events: Vec::new(), words: Vec::new() }
    }

    fn run(&mut self, time: Duration) {
        let mut now = Moment::ZERO;
        let mut step = self.machine.start();
        let mut turn = 0;
        while now < time {
            now += step.wait + Duration::from_millis(1);
            let threshold = self.servers[0].threshold;
            let shares = || Observation::Shares(Holding { candidates: vec![(0..threshold).collect()] });
            let servers = self.servers.len();
            let server = &mut self.servers[turn % servers];
            let seen = match step.action {
                Action::LoadShares(_) => shares(),
                action => {
                    turn += 1;
                    match action {
                        Action::AskHealth => Observation::Health(server.health(), Life::of(1)),
                        Action::ReadSealStatus => Observation::SealStatus(server.seal_status()),
                        Action::Submit { share, .. } => Observation::Answer(server.submit(share, now)),
                        _ => Observation::Answer(server.reset()),
                    }
                }
            };
            step = self.machine.observe(now, seen);
            self.events.extend(self.machine.take_events());
            self.words.extend(self.machine.state().map(State::word));
        }
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
    balanced.servers[1].sealed = false;
    balanced.run(Duration::from_secs(120));
    assert_eq!(balanced.told(), 1, "{:?}", balanced.events);
    assert!(!balanced.words.contains(&"held"), "{:?}", balanced.words);
}
