//! Servers that seal themselves soon after each unsealing, and operators who are as quick.

use super::{becomes, pass, secs, world};
use crate::fault::Fault;
use crate::histories::{config, is_unsealed, millis, one_corrupt};
use crate::model::Model;
use crate::simulation::World;
use proptest::prelude::*;
use std::time::Duration;
use vault_unseal::cluster::OnOperatorSeal;
use vault_unseal::unseal::{Event, Hold, State};

/// A server that seals itself so long after each unsealing.
fn sick(after: Duration) -> World {
    world(3, vec![(secs(0), Fault::SealsItself(after))])
}

/// The same, which has done so for a while.
fn sick_for(time: Duration) -> World {
    let mut world = sick(Duration::from_millis(100));
    becomes(&mut world, "seals-itself", secs(1));
    pass(&mut world, time);
    world
}

fn text(world: &World) -> (u32, &str) {
    match world.state() {
        Some(State::SealsItself { times, text }) => (*times, text),
        other => panic!("{other:?}: {}", world.story()),
    }
}

#[test]
fn server_that_seals_itself_is_unsealed_ever_more_rarely() {
    let mut world = sick_for(secs(10));
    assert_eq!(text(&world), (5, "sealed itself again 0.3 s after it was unsealed, 5 times in 9s"));
    pass(&mut world, secs(590));
    // Half a second at first, half a minute in the end.
    let unsealed = world.submissions() / 3;
    assert!((20..35).contains(&unsealed), "{unsealed}");
    assert!(world.all("seals-itself"));
    let lines = world.daemons[0].log.len();
    assert!(lines <= 6, "no flapping: {}", world.story());
}

#[test]
fn corrupt_share_does_not_multiply_the_submissions_to_it() {
    // Found among random histories: each time all sets with the corrupt share were tried before the right one.
    let faults = vec![
        (secs(0), Fault::SealsItself(Duration::ZERO)),
        (Duration::from_millis(1_036), Fault::OperatorSeal),
        (Duration::from_millis(1_784), Fault::Start),
        (Duration::from_millis(3_673), Fault::Woken),
    ];
    let mut model = Model::new(4, 4);
    model.names_rounds = false;
    let mut world = World::new(model, one_corrupt(4), 230_699, faults);
    pass(&mut world, secs(20));
    let unsealings = world.events().iter().filter(|event| **event == Event::Unsealed).count();
    assert_eq!(
        world.submissions(),
        (6 + unsealings - 1) * 4,
        "five sets at the first unsealing, one at each later one"
    );
}

#[test]
fn first_seal_of_its_own_is_said_without_a_count() {
    let mut world = sick(Duration::from_millis(100));
    becomes(&mut world, "seals-itself", secs(1));
    assert_eq!(text(&world), (1, "sealed itself 0.3 s after it was unsealed"));
}

#[test]
fn restart_ends_the_pause_at_once() {
    let mut world = sick_for(secs(300));
    let before = world.submissions();
    world.suffer(Fault::Crash);
    becomes(&mut world, "unreachable", Duration::from_millis(100));
    world.suffer(Fault::Start);
    pass(&mut world, Duration::from_millis(300));
    assert_eq!(world.submissions(), before + 3, "{}", world.story());
    assert_eq!(text(&world).0, 1, "and it counts anew");
    world.suffer(Fault::SealsItselfNoMore);
    world.suffer(Fault::Crash);
    world.suffer(Fault::Start);
    becomes(&mut world, "unsealed", secs(1));
}

#[test]
fn unsealing_that_lasts_ends_it() {
    let mut world = sick_for(secs(300));
    world.suffer(Fault::SealsItselfNoMore);
    world.run(secs(400), |world| !world.model.sealed);
    pass(&mut world, Duration::from_millis(1900));
    assert!(world.all("seals-itself"), "not yet: {}", world.story());
    becomes(&mut world, "unsealed", Duration::from_millis(200));
}

#[test]
fn reload_tries_at_once() {
    let mut world = sick_for(secs(300));
    let before = world.submissions();
    world.suffer(Fault::Woken);
    pass(&mut world, Duration::from_millis(50));
    assert_eq!(world.submissions(), before + 3, "{}", world.story());
}

#[test]
fn hold_on_request_keeps_it_sealed() {
    let mut world = sick_for(secs(5));
    world.suffer(Fault::Hold);
    becomes(&mut world, "held", secs(1));
    let before = world.submissions();
    pass(&mut world, secs(600));
    assert_eq!((world.submissions(), world.daemons[0].machine.hold()), (before, Some(Hold::Request)));
}

#[test]
fn operators_seal_that_is_undone_is_said() {
    let mut world = world(3, Vec::new());
    becomes(&mut world, "unsealed", secs(1));
    pass(&mut world, secs(3));
    world.suffer(Fault::OperatorSeal);
    pass(&mut world, secs(2));
    assert!(is_unsealed(&world), "{}", world.story());
    assert_eq!(world.events(), [Event::Unsealed, Event::SealUndone, Event::Unsealed]);
}

#[test]
fn restart_is_not_said_to_be_an_operators_seal() {
    let mut world = world(3, Vec::new());
    becomes(&mut world, "unsealed", secs(1));
    pass(&mut world, secs(3));
    for fault in [Fault::Crash, Fault::Start] {
        world.suffer(fault);
        pass(&mut world, secs(1));
    }
    assert_eq!(world.events(), [Event::Unsealed, Event::Unsealed]);
}

proptest! {
    #![proptest_config(config(300))]

    /// Whoever seals a server within 2 s of its unsealing, it counts as the server: it is unsealed again, whatever the policy.
    #[test]
    fn seal_within_two_seconds_is_never_held(
        after in millis(0..1_900),
        latency in millis(1..200),
        hold: bool,
        seed: u64,
    ) {
        let mut world = World::new(Model::new(3, 3), vec![vec![0, 1, 2]], seed, Vec::new()).slow(latency);
        if hold {
            world = world.holding(None);
        }
        world.run(secs(5), |world| !world.model.sealed);
        pass(&mut world, after);
        world.suffer(Fault::OperatorSeal);
        let told = world.run(world.now + Duration::from_millis(2_100), |world| world.all("seals-itself"));
        prop_assert!(told, "{}", world.story());
        let until = world.now + secs(5);
        prop_assert!(world.run(until, is_unsealed), "{}", world.story());
        prop_assert!(!world.story().contains("held"), "{}", world.story());
        prop_assert!(!world.events().contains(&Event::SealUndone));
    }

    /// Later it is an operator's.
    #[test]
    fn later_seal_is_an_operators(
        after in millis(2_300..30_000),
        latency in millis(1..200),
        seed: u64,
    ) {
        let model = Model::new(3, 3);
        let mut world = World::new(model, vec![vec![0, 1, 2]], seed, Vec::new()).slow(latency).holding(None);
        world.run(secs(5), |world| !world.model.sealed);
        pass(&mut world, after);
        world.suffer(Fault::OperatorSeal);
        let until = world.now + secs(2);
        prop_assert!(world.run(until, |world| world.all("held")), "{}", world.story());
        world.reload(OnOperatorSeal::Unseal);
        let until = world.now + secs(2);
        prop_assert!(world.run(until, is_unsealed), "{}", world.story());
    }
}
