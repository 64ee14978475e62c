//! Servers that hang: connections stay, and nothing is answered.

use super::{becomes, pass, secs, world};
use crate::fault::Fault;
use crate::model::Join;
use crate::simulation::World;
use std::time::Duration;
use vault_unseal::report::state::phrase;
use vault_unseal::unseal::Hold;

/// A world that has been unsealed for a while.
fn at_rest() -> World {
    let mut world = world(3, vec![]);
    becomes(&mut world, "unsealed", secs(1));
    pass(&mut world, secs(10));
    world
}

/// How often its state changed since it was at rest.
fn changes(world: &World) -> usize {
    world.daemons[0].log.iter().filter(|(at, line)| *at > secs(10) && line.contains(" -> ")).count()
}

#[test]
fn hanging_server_is_unreachable_from_the_second_missed_poll_on() {
    let mut world = at_rest();
    world.suffer(Fault::Hang(secs(6)));
    pass(&mut world, Duration::from_millis(1900));
    assert!(world.all("unsealed"), "{}", world.story());
    becomes(&mut world, "unreachable", Duration::from_millis(1200));
    assert_eq!(phrase(world.state().unwrap()), "unreachable (no answer within 2s)");
    becomes(&mut world, "unsealed", secs(4));
    pass(&mut world, secs(60));
    assert_eq!(changes(&world), 2, "{}", world.story());
}

#[test]
fn server_that_hangs_for_long_is_told_once() {
    let mut world = at_rest();
    world.suffer(Fault::Hang(secs(60)));
    pass(&mut world, secs(58));
    assert!(world.all("unreachable"), "{}", world.story());
    becomes(&mut world, "unsealed", secs(15));
    assert_eq!(changes(&world), 2, "{}", world.story());
}

#[test]
fn server_that_accepts_again_and_hangs_is_not_told_to_refuse() {
    let mut world = at_rest();
    world.suffer(Fault::Crash);
    becomes(&mut world, "unreachable", secs(2));
    assert_eq!(phrase(world.state().unwrap()), "unreachable (connection refused)");
    world.suffer(Fault::Start);
    world.suffer(Fault::Hang(secs(6)));
    pass(&mut world, secs(3));
    assert_eq!(phrase(world.state().unwrap()), "unreachable (no answer within 2s)");
    becomes(&mut world, "unsealed", secs(6));
}

#[test]
fn slow_server_is_no_news() {
    let mut world = at_rest();
    for _ in 0..20 {
        world.suffer(Fault::Hang(Duration::from_millis(1900)));
        pass(&mut world, secs(4));
    }
    assert_eq!(changes(&world), 0, "{}", world.story());
}

#[test]
fn operators_seal_is_known_as_such_after_a_late_answer() {
    let mut world = at_rest().holding(None);
    world.suffer(Fault::Hang(secs(5)));
    becomes(&mut world, "unreachable", secs(4));
    world.suffer(Fault::OperatorSeal);
    becomes(&mut world, "held", secs(3));
    assert_eq!(world.daemons[0].machine.hold(), Some(Hold::Seal));
}

#[test]
fn hold_on_request_outlives_a_late_answer() {
    let mut world = at_rest();
    world.suffer(Fault::Hold);
    becomes(&mut world, "held", secs(2));
    world.suffer(Fault::Hang(secs(5)));
    becomes(&mut world, "unreachable", secs(4));
    becomes(&mut world, "held", secs(3));
}

#[test]
fn share_without_an_answer_is_waited_for_in_its_state() {
    for shares_in in 0..3 {
        let mut world = world(3, vec![]);
        assert!(world.run(secs(1), |world| world.submissions() == shares_in + 1));
        world.suffer(Fault::Hang(secs(8)));
        becomes(&mut world, "unsealed", secs(9));
        assert!(!world.story().contains("unreachable"), "{}", world.story());
        assert_eq!(world.submissions(), 3);
    }
}

#[test]
fn silence_of_a_server_that_joins_is_its_joining() {
    for (holds_state, holds_health) in [(false, true), (true, true), (true, false)] {
        let mut world = world(3, vec![]);
        world.suffer(Fault::JoinNext(Join { takes: secs(8), holds_state, holds_health, ..Join::default() }));
        becomes(&mut world, "unsealed", secs(20));
        assert!(!world.story().contains("unreachable"), "{}", world.story());
    }
}
