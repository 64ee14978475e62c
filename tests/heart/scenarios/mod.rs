//! Single scenarios, as an operator would tell them.

mod balanced;
mod damage;
mod endurance;
mod joins;
mod lasting;
mod left_alone;
mod misfits;
mod outsiders;
mod peers;
mod rounds;
mod seals_itself;
mod silence;

use crate::fault::Fault;
use crate::model::{Model, refused};
use crate::simulation::World;
use std::time::Duration;
use vault_unseal::api::{Meaning, UnsealAnswer};
use vault_unseal::unseal::{Event, Moment};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A server that needs `threshold` shares, and one daemon that holds as many.
fn world(threshold: usize, faults: Vec<(Moment, Fault)>) -> World {
    World::new(Model::new(threshold, threshold + 2), vec![(0..threshold).collect()], 1, faults)
}

fn failed(ours_alone: bool) -> Event {
    let UnsealAnswer::Refused(refusal) = refused(Meaning::RoundFailed) else { unreachable!() };
    Event::RoundFailed { ours_alone, refusal }
}

#[track_caller]
fn becomes(world: &mut World, word: &str, within: Duration) {
    let until = world.now + within;
    assert!(world.run(until, |world| world.all(word)), "stays {:?}:\n{}", world.state(), world.story());
}

/// Lets time pass.
fn pass(world: &mut World, time: Duration) {
    world.run(world.now + time, |_| false);
}
