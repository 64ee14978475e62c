//! Who sealed a server, and how its own seals are told.

use super::*;

fn at(milliseconds: u64) -> Moment {
    Moment::from_millis(milliseconds)
}

#[test]
fn how_long_a_server_is_unsealed_counts_from_its_last_start() {
    for (unsealed_in, by) in [(1, SealedBy::Operator), (2, SealedBy::Itself)] {
        let mut holds = HoldTracker::default();
        for look in 0..10 {
            holds.unsealed(at(1_000 * look), ConnectionEpoch::of(1));
        }
        // Others unsealed it after a restart that was too short to see.
        holds.unsealed(at(10_000), ConnectionEpoch::of(unsealed_in));
        assert_eq!(holds.sealed(at(10_200), ConnectionEpoch::of(unsealed_in)), by);
    }
}

#[test]
fn seals_of_its_own_are_counted_from_the_second_one() {
    let mut holds = HoldTracker::default();
    let epoch = ConnectionEpoch::of(1);
    for (unsealed, said) in [
        (0, "sealed itself 0.2 s after it was unsealed"),
        (1_500, "sealed itself again 0.2 s after it was unsealed, 2 times in 1s"),
        (5_000, "sealed itself again 0.2 s after it was unsealed, 3 times in 5s"),
    ] {
        holds.unsealed(at(unsealed), epoch);
        assert_eq!(holds.sealed(at(unsealed + 200), epoch), SealedBy::Itself);
        let Some(State::SealsItself { text, .. }) = holds.seals_itself() else { panic!("nothing is shown") };
        assert_eq!(text, said);
    }
}
