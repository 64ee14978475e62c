//! Holds: what an operator seals on purpose, and what a person asks to leave alone. That nothing is submitted under a
//! hold is checked at every submission.

use crate::fault::Fault;
use crate::histories::{BOUND, END, config, fault, is_unsealed, millis};
use crate::model::Model;
use crate::simulation::World;
use proptest::prelude::*;
use std::time::Duration;
use vault_unseal::cluster::OnOperatorSeal;
use vault_unseal::unseal::Hold;

const MINUTE: Duration = Duration::from_secs(60);

fn right(threshold: usize) -> Vec<Vec<usize>> {
    vec![(0..threshold).collect()]
}

/// How long a server has to stay unsealed before whoever seals it is an operator, with the time that it takes to see it.
const LASTING: Duration = Duration::from_millis(2300);

/// A world that holds, unsealed for long enough and at rest.
fn at_rest(threshold: usize, seed: u64, latency: Duration, at_most: Option<Duration>) -> World {
    let model = Model::new(threshold, threshold);
    let mut world = World::new(model, right(threshold), seed, Vec::new()).slow(latency).holding(at_most);
    assert!(world.run(MINUTE, is_unsealed), "{}", world.story());
    pass(&mut world, LASTING);
    world
}

fn held(world: &World, hold: Hold) -> bool {
    world.all("held") && world.daemons[0].machine.hold() == Some(hold)
}

fn pass(world: &mut World, time: Duration) {
    let until = world.now + time;
    world.run(until, |_| false);
}

/// A server that is unsealed for longer before it seals itself is not told from an operator's.
fn is_seal(fault: &Fault) -> bool {
    match fault {
        Fault::OperatorSeal => true,
        Fault::SealsItself(after) => *after > Duration::from_millis(1900),
        _ => false,
    }
}

proptest! {
    #![proptest_config(config(500))]

    /// Whenever an operator seals a server that was seen unsealed, it is held within a poll, and stays so; what ends a
    /// hold ends it.
    #[test]
    fn an_operators_seal_is_held_until_it_ends(
        threshold in 1_usize..=5,
        rest in millis(0..20_000),
        latency in millis(1..200),
        end in 0_usize..5,
        seed: u64,
    ) {
        let at_most = Duration::from_secs(600);
        let mut world = at_rest(threshold, seed, latency, Some(at_most));
        pass(&mut world, rest);
        let submitted = world.submissions();
        world.suffer(Fault::OperatorSeal);
        let until = world.now + Duration::from_secs(2);
        prop_assert!(world.run(until, |world| held(world, Hold::Seal)), "{}", world.story());
        // Neither a reload nor a restart of the daemon ends it.
        world.suffer(Fault::Woken);
        pass(&mut world, MINUTE);
        world.suffer(Fault::DaemonRestart);
        pass(&mut world, MINUTE);
        prop_assert!(held(&world, Hold::Seal) && world.model.sealed, "{}", world.story());
        prop_assert_eq!(world.submissions(), submitted);
        match end {
            0 => world.suffer(Fault::Resume),
            1 => {
                world.suffer(Fault::Crash);
                pass(&mut world, Duration::from_secs(3));
                world.suffer(Fault::Start);
            }
            2 => for share in 0..threshold {
                world.suffer(Fault::RightShare(share));
            },
            3 => world.reload(OnOperatorSeal::Unseal),
            // Two minutes of it have passed.
            _ => {
                pass(&mut world, at_most.saturating_sub(MINUTE * 3));
                prop_assert!(held(&world, Hold::Seal), "{}", world.story());
                pass(&mut world, MINUTE);
            }
        }
        let until = world.now + Duration::from_secs(5);
        prop_assert!(world.run(until, is_unsealed), "stays {:?}: {}", world.state(), world.story());
        prop_assert_eq!(world.daemons[0].machine.hold(), None);
    }

    /// A restart is never taken for an operator's seal, however short it is and whatever else happens.
    #[test]
    fn no_restart_is_held(
        threshold in 1_usize..=5,
        faults in proptest::collection::vec((millis(0..40_000), fault()), 0..24),
        latency in millis(1..200),
        seed: u64,
    ) {
        let mut faults: Vec<_> =
            faults.into_iter().filter(|(_, fault)| !is_seal(fault)).collect();
        // One that others unseal again between two looks was unsealed all the time, as far as can be seen.
        let helped = |(_, fault): &(_, Fault)| matches!(fault, Fault::Friend { .. } | Fault::RightShare(_));
        if faults.iter().any(helped) {
            faults.retain(|(_, fault)| !matches!(fault, Fault::SealsItself(_)));
        }
        for last in [Fault::SealsItselfNoMore, Fault::TroubleOver, Fault::SourceMended, Fault::Initialize, Fault::MigrationEnds, Fault::Shamir] {
            faults.push((END, last));
        }
        let mut world =
            World::new(Model::new(threshold, threshold), right(threshold), seed, faults).slow(latency).holding(None);
        let unsealed = world.run(END + BOUND, is_unsealed);
        prop_assert!(unsealed, "stays {:?}: {}", world.state(), world.story());
        prop_assert!(!world.story().contains("held"), "{}", world.story());
    }

    /// A hold on request stands through everything but its end.
    #[test]
    fn a_request_is_obeyed_whatever_happens(
        threshold in 1_usize..=5,
        asked in millis(0..5_000),
        faults in proptest::collection::vec((millis(5_500..40_000), fault()), 0..24),
        latency in millis(1..200),
        seed: u64,
    ) {
        let mut faults: Vec<_> = faults;
        faults.push((asked, Fault::Hold));
        for last in [Fault::SealsItselfNoMore, Fault::TroubleOver, Fault::SourceMended, Fault::Initialize, Fault::MigrationEnds, Fault::Shamir] {
            faults.push((END, last));
        }
        let mut world = World::new(Model::new(threshold, threshold), right(threshold), seed, faults).slow(latency);
        pass(&mut world, END + BOUND);
        prop_assert!(held(&world, Hold::Request), "{:?}: {}", world.state(), world.story());
        world.suffer(Fault::Resume);
        let until = world.now + BOUND;
        prop_assert!(world.run(until, is_unsealed), "stays {:?}: {}", world.state(), world.story());
    }
}

#[test]
fn without_a_hold_an_operators_seal_is_undone_within_a_poll() {
    let mut world = World::new(Model::new(3, 3), right(3), 1, Vec::new());
    assert!(world.run(MINUTE, is_unsealed));
    pass(&mut world, Duration::from_secs(10));
    world.suffer(Fault::OperatorSeal);
    let until = world.now + Duration::from_millis(1100);
    assert!(world.run(until, is_unsealed), "{}", world.story());
}

/// A world whose server an operator has sealed, for `at_most`, and which is held.
fn sealed(at_most: Option<Duration>) -> World {
    let mut world = at_rest(3, 1, Duration::from_millis(1), at_most);
    world.suffer(Fault::OperatorSeal);
    pass(&mut world, Duration::from_secs(2));
    assert!(held(&world, Hold::Seal), "{}", world.story());
    world
}

#[test]
fn a_shorter_hold_or_none_is_obeyed_after_a_restart_too() {
    for at_most in [None, Some(MINUTE * 60)] {
        let mut world = sealed(at_most);
        world.daemons[0].set_on_operator_seal(OnOperatorSeal::Hold { at_most: Some(MINUTE) });
        world.suffer(Fault::DaemonRestart);
        pass(&mut world, MINUTE.saturating_sub(Duration::from_secs(2)));
        assert!(held(&world, Hold::Seal), "{}", world.story());
        pass(&mut world, Duration::from_secs(5));
        assert!(is_unsealed(&world), "{}", world.story());

        let mut world = sealed(at_most);
        let machine = &mut world.daemons[0].machine;
        let (hold, until) = (machine.hold(), machine.held_until());
        machine.set_on_operator_seal(OnOperatorSeal::Unseal);
        machine.restore(hold, until);
        pass(&mut world, Duration::from_secs(5));
        assert!(is_unsealed(&world), "{}", world.story());
    }
}

#[test]
fn a_hold_on_request_does_not_end_with_the_policy() {
    let mut world = at_rest(3, 1, Duration::from_millis(1), None);
    world.suffer(Fault::Hold);
    pass(&mut world, Duration::from_secs(2));
    world.reload(OnOperatorSeal::Hold { at_most: Some(MINUTE) });
    world.suffer(Fault::OperatorSeal);
    pass(&mut world, MINUTE * 2);
    world.reload(OnOperatorSeal::Unseal);
    world.suffer(Fault::DaemonRestart);
    pass(&mut world, MINUTE);
    assert!(held(&world, Hold::Request) && world.model.sealed, "{}", world.story());
}
