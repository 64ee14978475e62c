//! Random histories: whatever happens, the rules hold, and once it stops happening the server gets unsealed.

use crate::fault::Fault;
use crate::model::{Join, Model};
use crate::simulation::World;
use proptest::prelude::*;
use std::time::Duration;
use vault_unseal::api::Meaning;
use vault_unseal::unseal::{Event, Moment, State};

pub(crate) fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn join() -> impl Strategy<Value = Join> {
    (millis(0..60_000), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(takes, fails, holds_state, holds_health)| Join { takes, fails, holds_state, holds_health },
    )
}

/// Everything that may happen to a server whose shares stay what they are, in the first 40 seconds.
pub(crate) fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::Crash),
        4 => Just(Fault::Start),
        3 => Just(Fault::OperatorSeal),
        1 => millis(0..3_000).prop_map(Fault::SealsItself),
        4 => (0_usize..3).prop_map(|i| Fault::Share(10_000 + i)),
        2 => (0_usize..5).prop_map(Fault::RightShare),
        3 => Just(Fault::StrangerReset),
        1 => (millis(1..200), 1_usize..300).prop_map(|(every, times)| Fault::Attack { every, times }),
        1 => (millis(1..2000), 1_usize..50).prop_map(|(every, times)| Fault::Friend { every, times }),
        2 => join().prop_map(Fault::JoinNext),
        1 => Just(Fault::Trouble(Meaning::Transient)),
        1 => Just(Fault::Trouble(Meaning::NoKeyring)),
        1 => Just(Fault::Foreign),
        1 => Just(Fault::MigrationBegins),
        1 => Just(Fault::Uninitialize),
        1 => millis(0..30_000).prop_map(Fault::Hang),
        1 => (1_usize..4).prop_map(Fault::LoseAnswers),
        1 => (1_usize..4).prop_map(Fault::LoseLastShares),
        1 => Just(Fault::SourceBreaks),
        1 => Just(Fault::SourceMended),
        1 => Just(Fault::Woken),
        2 => Just(Fault::DaemonRestart),
    ]
}

/// When the faults are over, by what makes an unseal possible again.
pub(crate) const END: Duration = Duration::from_secs(101);

fn history() -> impl Strategy<Value = Vec<(Duration, Fault)>> {
    proptest::collection::vec((millis(0..40_000), fault()), 0..24).prop_map(|mut faults| {
        for last in [
            Fault::SealsItselfNoMore,
            Fault::TroubleOver,
            Fault::SourceMended,
            Fault::Initialize,
            Fault::MigrationEnds,
            Fault::Shamir,
        ] {
            faults.push((END, last));
        }
        faults
    })
}

/// Shares held: as many as needed, or more with a wrong one among them, which nobody can tell.
fn custody() -> impl Strategy<Value = (usize, usize, Vec<Vec<usize>>)> {
    (1_usize..=5, 0_usize..=2).prop_flat_map(|(threshold, spare)| {
        let right: Vec<usize> = (0..threshold).collect();
        (
            Just(threshold),
            Just(threshold + spare),
            prop_oneof![4 => Just(vec![right]), 1 => Just(one_corrupt(threshold))],
        )
    })
}

/// The sets to try when one of t+1 shares is wrong: those with it come first.
pub(crate) fn one_corrupt(threshold: usize) -> Vec<Vec<usize>> {
    let right = 0..threshold;
    let with_it =
        right.clone().map(|left_out| right.clone().filter(|&i| i != left_out).chain([500]).collect());
    with_it.chain([right.clone().collect()]).collect()
}

pub(crate) fn is_unsealed(world: &World) -> bool {
    world.calm() && !world.model.sealed && world.all("unsealed")
}

pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(10_000))]

    /// With the right shares in hand the server is unsealed in the end, whatever happened before.
    #[test]
    fn unseals_whenever_it_can(
        (threshold, total, candidates) in custody(),
        faults in history(),
        latency in millis(1..200),
        names_rounds in prop::bool::weighted(0.9),
        seed: u64,
    ) {
        let mut model = Model::new(threshold, total);
        model.names_rounds = names_rounds;
        let mut world = World::new(model, candidates, seed, faults).slow(latency);
        let unsealed = world.run(END + BOUND, is_unsealed);
        prop_assert!(unsealed, "stays {:?}: {}", world.state(), world.story());
    }
}

/// Somebody who submits garbage from the beginning on, so often and for so long.
fn attack(every: Duration, length: Duration) -> (Moment, Fault) {
    let times = usize::try_from(length.as_micros() / every.as_micros()).unwrap_or(usize::MAX);
    (Duration::ZERO, Fault::Attack { every, times })
}

/// How long after the end of all faults a server may stay sealed. One join may be under way then and another be next: each
/// may take a minute and fail, and is given a minute and a half.
pub(crate) const BOUND: Duration = Duration::from_secs(320);

proptest! {
    #![proptest_config(config(2_000))]

    /// Without strangers it takes no longer than the server's own faults last, and a few seconds.
    #[test]
    fn unseals_soon_when_undisturbed(
        threshold in 1_usize..=5,
        crashes in 0_u64..5,
        latency in millis(1..50),
        seed: u64,
    ) {
        let mut faults = Vec::new();
        for i in 0..crashes {
            faults.push((Duration::from_secs(10 * i + 1), Fault::Crash));
            faults.push((Duration::from_secs(10 * i + 4), Fault::Start));
        }
        let end = Duration::from_secs(10 * crashes);
        let right = vec![(0..threshold).collect()];
        let mut world = World::new(Model::new(threshold, threshold), right, seed, faults).slow(latency);
        prop_assert!(world.run(end + Duration::from_secs(2), is_unsealed), "{}", world.story());
        prop_assert_eq!(world.resets(), 0);
        prop_assert!(world.events().iter().all(|event| *event == Event::Unsealed), "{:?}", world.events());
    }

    /// A join is left alone until it is over, however it holds the server's answers.
    #[test]
    fn leaves_a_join_alone(
        threshold in 1_usize..=5,
        mut join in join(),
        takes in millis(0..89_000),
        latency in millis(1..200),
        seed: u64,
    ) {
        (join.takes, join.fails) = (takes, false);
        let mut model = Model::new(threshold, threshold);
        model.join = Some(join);
        let mut world = World::new(model, vec![(0..threshold).collect()], seed, Vec::new()).slow(latency);
        // Health may hang as long as a request may.
        prop_assert!(world.run(takes + Duration::from_secs(15), is_unsealed), "{}", world.story());
        prop_assert_eq!((world.model.disturbed_joins, world.submissions(), world.resets()), (0, threshold, 0));
    }

    /// Fewer shares than needed: never a reset (checked at each), and unsealed once the peers' shares arrive.
    #[test]
    fn cooperates_with_peers(
        threshold in 2_usize..=5,
        held in 1_usize..4,
        mut faults in history(),
        latency in millis(1..50),
        names_rounds: bool,
        seed: u64,
    ) {
        let held = held.min(threshold - 1);
        // The peers submit again and again, as daemons of their own would.
        for round in 0..300_u64 {
            for share in held..threshold {
                let at = Duration::from_millis(1000 * round + 37 * share as u64);
                faults.push((at, Fault::RightShare(share)));
            }
        }
        let mut model = Model::new(threshold, threshold);
        model.names_rounds = names_rounds;
        let mut world = World::new(model, vec![(0..held).collect()], seed, faults).slow(latency);
        let unsealed = world.run(END + Duration::from_secs(190), |world| {
            world.now > END && !world.model.sealed && world.all("unsealed")
        });
        prop_assert!(unsealed, "stays {:?}: {}", world.state(), world.story());
        prop_assert_eq!(world.resets(), 0);
    }

    /// Wrong shares: a verdict, few submissions, and no storm however long it lasts.
    #[test]
    fn gives_up_on_wrong_shares(threshold in 1_usize..=5, latency in millis(1..200), seed: u64) {
        let wrong = vec![(700..700 + threshold).collect()];
        let mut world = World::new(Model::new(threshold, threshold), wrong, seed, Vec::new()).slow(latency);
        let given_up = world.run(Duration::from_secs(5), |world| world.all("shares-rejected"));
        prop_assert!(given_up, "{:?}", world.state());
        prop_assert_eq!(world.submissions(), 2 * threshold);
        world.run(Duration::from_secs(24 * 3600), |_| false);
        // Every five minutes at first, every hour in the end.
        prop_assert!(world.submissions() <= 2 * threshold * 32, "{}", world.submissions());
        prop_assert_eq!(world.state().map(State::word), Some("shares-rejected"));
    }

    /// Other shares after a rekey: the old ones are rejected or not enough, the new ones are taken when they come.
    #[test]
    fn takes_new_shares_after_a_rekey(
        before in 1_usize..=5,
        after in 1_usize..=5,
        mut faults in proptest::collection::vec((millis(0..40_000), fault()), 0..6),
        (rekeyed, mended) in (millis(0..40_000), millis(40_000..100_000)),
        seed: u64,
    ) {
        faults.push((rekeyed, Fault::Rekey(after)));
        faults.push((mended, Fault::NewShares));
        for last in [Fault::SealsItselfNoMore, Fault::TroubleOver, Fault::SourceMended, Fault::Initialize, Fault::MigrationEnds, Fault::Shamir] {
            faults.push((END, last));
        }
        let mut world = World::new(Model::new(before, before), vec![(0..before).collect()], seed, faults);
        prop_assert!(world.run(END + BOUND, is_unsealed), "stays {:?}: {}", world.state(), world.story());
    }

    /// A stranger who submits garbage every 50 ms does not keep us from unsealing.
    #[test]
    fn outruns_a_stranger(threshold in 2_usize..=5, every in millis(20..80), seed: u64) {
        let faults = vec![(Duration::ZERO, Fault::Attack { every, times: 2_000 })];
        let right = vec![(0..threshold).collect()];
        let mut world = World::new(Model::new(threshold, threshold), right, seed, faults);
        let unsealed = world.run(Duration::from_secs(15), |world| world.all("unsealed"));
        prop_assert!(unsealed, "stays {:?}: {}", world.state(), world.story());
    }

    /// However fast he is and however slow the way: what fails is never blamed on our shares, and once he stops the
    /// server is unsealed.
    #[test]
    fn no_stranger_proves_our_shares_wrong(
        threshold in 2_usize..=5,
        every in 1_000_u64..30_000,
        latency in millis(1..200),
        seed: u64,
    ) {
        let length = Duration::from_secs(20);
        let faults = vec![attack(Duration::from_micros(every), length)];
        let right = vec![(0..threshold).collect()];
        let mut world = World::new(Model::new(threshold, threshold), right, seed, faults).slow(latency);
        let judged = world.run(length, |world| world.all("shares-rejected"));
        prop_assert!(!judged, "at {:?}: {}", world.now, world.story());
        let unsealed = world.run(length + Duration::from_secs(20), |world| world.all("unsealed"));
        prop_assert!(unsealed, "stays {:?}: {}", world.state(), world.story());
    }

    /// The same where one share of too many is wrong: that the sets with it fail proves nothing of the right one.
    #[test]
    fn no_stranger_proves_the_right_set_wrong(
        threshold in 1_usize..=5,
        every in 1_000_u64..200_000,
        latency in millis(1..200),
        seed: u64,
    ) {
        let length = Duration::from_secs(40);
        let faults = vec![attack(Duration::from_micros(every), length)];
        let model = Model::new(threshold, threshold + 1);
        let mut world = World::new(model, one_corrupt(threshold), seed, faults).slow(latency);
        let unsealed = world.run(length + Duration::from_secs(120), |world| world.all("unsealed"));
        prop_assert!(unsealed, "stays {:?}: {}", world.state(), world.story());
    }

    /// A second daemon with the same shares is neither reported nor a hindrance.
    #[test]
    fn two_daemons_are_no_strangers(
        threshold in 1_usize..=5,
        latency in millis(1..200),
        right: bool,
        seed: u64,
    ) {
        let first = if right { 0 } else { 700 };
        let shares: Vec<Vec<usize>> = vec![(first..first + threshold).collect()];
        let mut world =
            World::new(Model::new(threshold, threshold), shares.clone(), seed, Vec::new()).beside(shares).slow(latency);
        let word = if right { "unsealed" } else { "shares-rejected" };
        // Before each calls its shares wrong it waits for a quiet moment, which the other's rounds must leave it.
        let bound = Duration::from_secs(if right { 60 } else { 180 });
        let agreed = world.run(bound, |world| world.all(word));
        prop_assert!(agreed, "stays {:?}: {}", world.state(), world.story());
        if right {
            prop_assert!(world.run(Duration::from_secs(3), |_| false) || world.all("unsealed"));
            prop_assert_eq!(world.resets(), 0);
            let events = world.daemons.iter().flat_map(|daemon| &daemon.events);
            let strange: Vec<_> = events.filter(|event| **event != Event::Unsealed).collect();
            prop_assert!(strange.is_empty(), "{:?}", strange);
        }
    }
}
