//! Random histories: whatever happens, the rules hold, and once it stops happening the server gets unsealed.

use crate::model::Model;
use crate::simulation::{Fault, World};
use proptest::prelude::*;
use std::time::Duration;
use vault_unseal::unseal::State;
use vault_unseal::vault::Meaning;

/// Everything that may happen, ended by what makes an unseal possible again.
fn history() -> impl Strategy<Value = Vec<(Duration, Fault)>> {
    let time = (0_u64..40_000).prop_map(Duration::from_millis);
    let fault = prop_oneof![
        4 => Just(Fault::Crash),
        4 => Just(Fault::Start),
        3 => Just(Fault::OperatorSeal),
        4 => (0_usize..3).prop_map(|i| Fault::StrangerShare(1000 + i)),
        2 => (0_usize..5).prop_map(Fault::StrangerShare),
        3 => Just(Fault::StrangerReset),
        1 => (1_u64..200, 1_usize..300).prop_map(|(ms, times)| Fault::Attack {
            every: Duration::from_millis(ms),
            times
        }),
        2 => (0_u64..60_000).prop_map(|ms| Fault::JoinNext(Duration::from_millis(ms))),
        1 => Just(Fault::Trouble(Meaning::Transient)),
        1 => Just(Fault::Trouble(Meaning::NoKeyring)),
        1 => Just(Fault::Foreign),
        1 => Just(Fault::MigrationBegins),
        1 => Just(Fault::Uninitialize),
        1 => (0_u64..30_000).prop_map(|ms| Fault::Hang(Duration::from_millis(ms))),
        1 => Just(Fault::SourceBreaks),
        1 => Just(Fault::SourceMended),
        1 => Just(Fault::Woken),
    ];
    proptest::collection::vec((time, fault), 0..24).prop_map(|mut faults| {
        let end = Duration::from_secs(101);
        faults.push((end, Fault::TroubleOver));
        faults.push((end, Fault::SourceMended));
        faults.push((end, Fault::Initialize));
        faults.push((end, Fault::MigrationEnds));
        faults.push((end, Fault::Shamir));
        faults
    })
}

/// Shares held: all of the server's, more than enough of them, or with wrong ones among them.
fn custody() -> impl Strategy<Value = (usize, usize, Vec<Vec<usize>>)> {
    (1_usize..=5, 0_usize..=2).prop_flat_map(|(threshold, spare)| {
        let total = threshold + spare;
        let right: Vec<usize> = (0..threshold).collect();
        let mut ambiguous = Vec::new();
        for left_out in 0..threshold {
            // One of t+1 shares is wrong and nobody can tell which: sets with it come first.
            let mut set: Vec<usize> = (0..threshold).filter(|&i| i != left_out).collect();
            set.push(500);
            ambiguous.push(set);
        }
        ambiguous.push(right.clone());
        (Just(threshold), Just(total), prop_oneof![4 => Just(vec![right]), 1 => Just(ambiguous)])
    })
}

fn is_unsealed(world: &World) -> bool {
    world.calm() && world.state().is_some_and(State::is_unsealed) && !world.model.sealed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// With the right shares in hand the server is unsealed in the end, whatever happened before.
    #[test]
    fn unseals_whenever_it_can(
        (threshold, total, candidates) in custody(),
        faults in history(),
        seed: u64,
    ) {
        let mut world = World::new(Model::new(threshold, total), candidates, seed, faults);
        // A verdict that strangers brought about is doubted after five minutes, and after ten.
        let unsealed = world.run(Duration::from_secs(101 + 1500), is_unsealed);
        prop_assert!(unsealed, "stays {:?} at {:?}: {:#?}", world.state(), world.now(), world.log);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Without strangers it takes no longer than the server's own faults last, and a few seconds.
    #[test]
    fn unseals_soon_when_undisturbed(threshold in 1_usize..=5, crashes in 0_u64..5, seed: u64) {
        let mut faults = Vec::new();
        for i in 0..crashes {
            faults.push((Duration::from_secs(10 * i + 1), Fault::Crash));
            faults.push((Duration::from_secs(10 * i + 4), Fault::Start));
        }
        let end = Duration::from_secs(10 * crashes);
        let right = vec![(0..threshold).collect()];
        let mut world = World::new(Model::new(threshold, threshold), right, seed, faults);
        prop_assert!(world.run(end + Duration::from_secs(2), is_unsealed), "{:#?}", world.log);
        prop_assert_eq!(world.resets, 0);
    }

    /// Fewer shares than needed: never a reset (checked at each), and unsealed once the peers' shares arrive.
    #[test]
    fn cooperates_with_peers(
        threshold in 2_usize..=5,
        held in 1_usize..4,
        mut faults in history(),
        seed: u64,
    ) {
        let held = held.min(threshold - 1);
        // The peers submit again and again, as daemons of their own would.
        for round in 0..900_u64 {
            for share in held..threshold {
                let at = Duration::from_millis(1000 * round + 37 * share as u64);
                faults.push((at, Fault::PeerShare(share)));
            }
        }
        let ours = vec![(0..held).collect()];
        let mut world = World::new(Model::new(threshold, threshold), ours, seed, faults);
        let unsealed = world.run(Duration::from_secs(880), |world| {
            world.now() > Duration::from_secs(102) && world.state().is_some_and(State::is_unsealed)
        });
        prop_assert!(unsealed, "stays {:?}: {:#?}", world.state(), world.log.iter().rev().take(40).collect::<Vec<_>>());
    }

    /// Wrong shares: a verdict, few submissions, and no storm however long it lasts.
    #[test]
    fn gives_up_on_wrong_shares(threshold in 1_usize..=5, seed: u64) {
        let wrong = vec![(700..700 + threshold).collect()];
        let mut world = World::new(Model::new(threshold, threshold), wrong, seed, Vec::new());
        let given_up = world.run(Duration::from_secs(5), |w| matches!(w.state(), Some(State::SharesRejected { .. })));
        prop_assert!(given_up, "{:?}", world.state());
        prop_assert_eq!(world.submissions, 2 * threshold);
        world.run(Duration::from_secs(24 * 3600), |_| false);
        // Every five minutes at first, every hour in the end.
        prop_assert!(world.submissions <= 2 * threshold * 32, "{}", world.submissions);
        prop_assert_eq!(world.state().map(State::word), Some("shares-rejected"));
    }

    /// A stranger who submits garbage every 50 ms does not keep us from unsealing.
    #[test]
    fn outruns_a_stranger(threshold in 2_usize..=5, every in 20_u64..80, seed: u64) {
        let faults = vec![(
            Duration::ZERO,
            Fault::Attack { every: Duration::from_millis(every), times: 2_000 },
        )];
        let right = vec![(0..threshold).collect()];
        let mut world = World::new(Model::new(threshold, threshold), right, seed, faults);
        let unsealed = world.run(Duration::from_secs(15), |w| w.state().is_some_and(State::is_unsealed));
        prop_assert!(unsealed, "stays {:?}: {:#?}", world.state(), world.log);
    }
}
