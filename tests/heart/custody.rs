//! Shares on three machines, two of three on each: whatever happens, any two daemons bring the server up soon after.

use crate::fault::Fault;
use crate::histories::{config, millis};
use crate::model::Model;
use crate::simulation::World;
use proptest::prelude::*;
use std::time::Duration;
use vault_unseal::unseal::Moment;

/// From the end of the last fault until the server is unsealed.
const BOUND: Duration = Duration::from_secs(5);

/// A server that needs three shares, and daemons that hold AB, BC and AC.
fn split(seed: u64, faults: Vec<(Moment, Fault)>) -> World {
    World::new(Model::new(3, 3), vec![vec![0, 1]], seed, faults)
        .beside(vec![vec![1, 2]])
        .beside(vec![vec![0, 2]])
}

/// What happens to a server, its daemons and their rounds when machines fail and strangers meddle.
fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::Crash),
        4 => Just(Fault::Start),
        1 => Just(Fault::OperatorSeal),
        3 => (0_usize..3).prop_map(|i| Fault::Share(10_000 + i)),
        3 => Just(Fault::StrangerReset),
        1 => millis(0..2500).prop_map(Fault::Hang),
        1 => (1_usize..3).prop_map(Fault::LoseAnswers),
        3 => (0_usize..3).prop_map(Fault::DaemonEnds),
        3 => (0_usize..3).prop_map(Fault::DaemonBegins),
    ]
}

proptest! {
    #![proptest_config(config(1_000))]

    /// Two daemons, or all three, and a server that runs: unsealed within five seconds of the last thing that went
    /// wrong, however often it did before.
    #[test]
    fn any_two_daemons_unseal_soon(
        mut faults in proptest::collection::vec((millis(0..60_000), fault()), 0..40),
        away in 0_usize..4,
        latency in millis(1..50),
        seed: u64,
    ) {
        let ends = faults.iter().map(|(at, fault)| match fault {
            Fault::Hang(time) => *at + *time,
            _ => *at,
        });
        let end = ends.max().unwrap_or_default();
        for who in (0..3).filter(|who| *who != away) {
            faults.push((end, Fault::DaemonBegins(who)));
        }
        faults.sort_by_key(|(at, _)| *at);
        if matches!(faults.iter().rfind(|(_, fault)| matches!(fault, Fault::Crash | Fault::Start)), Some((_, Fault::Crash))) {
            faults.push((end, Fault::Start));
        }
        let mut world = split(seed, faults).slow(latency);
        let unsealed = world.run(end + BOUND, |world| world.now > end && world.calm() && !world.model.sealed);
        prop_assert!(unsealed, "sealed {:?} after {end:?}:\n{}", world.now.saturating_sub(end), world.story());
    }
}
