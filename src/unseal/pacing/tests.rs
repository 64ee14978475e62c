//! How long each pause is, after what came before it.

use super::*;

/// A pace whose numbers tell each other apart.
fn pacing() -> Pacing {
    let mut pace = include!("../../../tests/prove/pace.rs");
    pace.retry_max = Duration::from_millis(500);
    Pacing::new(pace, 20_261_129)
}

fn at(milliseconds: u64) -> Moment {
    Moment::ZERO.saturating_add(Duration::from_millis(milliseconds))
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A pause of so much, spread by a quarter to both sides.
#[track_caller]
fn is_about(pause: Duration, middle: Duration) {
    assert!(pause >= middle * 3 / 4 && pause <= middle * 5 / 4, "{pause:?}, not about {middle:?}");
}

#[test]
fn outage_is_asked_about_after_an_eighth_of_it() {
    let mut pacing = pacing();
    let table = [
        // At first by the shortest pause, and in the first minute never by more than `retry_max`.
        (0, 20),
        (160, 20),
        (800, 100),
        (3_200, 400),
        (8_000, 500),
        (59_999, 500),
        // Afterwards by a poll.
        (60_000, 1_000),
        (3_600_000, 1_000),
    ];
    for (outage, middle) in table {
        is_about(pacing.unreachable(at(5_000 + outage)), ms(middle));
    }
    pacing.answered();
    is_about(pacing.unreachable(at(4_000_000)), ms(20));
    is_about(pacing.unreachable(at(4_000_800)), ms(100));
    // Something listens again: it will answer soon, and is asked as often as at first.
    pacing.returned(at(4_100_000));
    is_about(pacing.unreachable(at(4_100_000)), ms(20));
}

#[test]
fn refusals_count_from_the_first_until_an_answer() {
    let mut pacing = pacing();
    assert_eq!(pacing.refused(at(1), &Unreachable::Refused), Some(at(1)));
    assert_eq!(pacing.refused(at(2), &Unreachable::Refused), Some(at(1)));
    assert_eq!(pacing.refused(at(3), &Unreachable::TooManyRequests { retry_after: None }), None);
    pacing.answered();
    assert_eq!(pacing.refused(at(4), &Unreachable::Refused), Some(at(4)));
}

#[test]
fn connections_that_end_are_followed_ever_more_slowly_until_a_minute_is_quiet() {
    let mut pacing = pacing();
    let pauses: Vec<_> = (0..9).map(|left| pacing.left(at(100_000 + left)).as_millis()).collect();
    assert_eq!(pauses, [0, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
    assert_eq!(pacing.left(at(100_008 + 60_000)), ms(1_000), "a minute that is not over");
    assert_eq!(pacing.left(at(160_008 + 60_001)), Duration::ZERO);
}

#[test]
fn rounds_come_ever_more_rarely_until_a_minute_is_quiet() {
    let mut pacing = pacing();
    let start = at(100_000);
    assert_eq!(pacing.turn(start), Duration::ZERO, "the first is free");
    // Every pause is asked for where the one before it is over.
    let mut now = start;
    for middle in [20, 40, 80, 160, 320, 640, 1_280, 2_000, 2_000] {
        let pause = pacing.turn(now);
        is_about(pause, ms(middle));
        now = now.saturating_add(pause);
        assert_eq!(pacing.turn(now), Duration::ZERO, "its time has come");
    }
    let minute = now.saturating_add(ms(60_000));
    assert_eq!(pacing.turn(minute), Duration::ZERO);
    is_about(pacing.turn(minute), ms(2_000));
    let later = minute.saturating_add(ms(60_001));
    assert_eq!(pacing.turn(later), Duration::ZERO);
    is_about(pacing.turn(later), ms(20));
}

#[test]
fn round_that_is_put_off_begins_anywhere_within_the_looks() {
    let mut pacing = pacing();
    let now = at(100_000);
    let mut waits = Vec::new();
    for _ in 0..200 {
        pacing.forget();
        pacing.keep_apart(now, ms(100), 4);
        waits.push(pacing.turn(now));
    }
    assert!(waits.iter().all(|wait| *wait < ms(400)), "{:?}", waits.iter().max());
    assert!(waits.iter().any(|wait| *wait < ms(100)) && waits.iter().any(|wait| *wait > ms(300)));
    // What takes no time at all counts as the shortest pause between looks; a stall is not waited for beyond ten seconds.
    for (one, most) in [(ms(0), ms(80)), (ms(3_600_000), APART_MAX)] {
        let mut longest = Duration::ZERO;
        for _ in 0..200 {
            pacing.forget();
            pacing.keep_apart(now, one, 4);
            longest = longest.max(pacing.turn(now));
        }
        assert!(longest < most && longest > most / 2, "{longest:?} of {most:?}");
    }
    // A round that is further away is not brought nearer.
    pacing.forget();
    pacing.keep_apart(at(200_000), ms(0), 1);
    pacing.keep_apart(now, ms(0), 1);
    assert!(pacing.turn(now) >= ms(100_000));
}

#[test]
fn looks_before_a_verdict_meet_nobody_s_beat() {
    let mut pacing = pacing();
    let pauses: Vec<_> = (0..200).map(|_| pacing.doubt()).collect();
    assert!(pauses.iter().all(|pause| *pause >= ms(10) && *pause < ms(30)));
    assert!(pauses.iter().any(|pause| *pause < ms(14)) && pauses.iter().any(|pause| *pause > ms(26)));
}

#[test]
fn troubles_of_a_source_and_of_a_server_are_met_ever_more_slowly() {
    let mut pacing = pacing();
    for middle in [1, 2, 4, 8, 16, 30, 30] {
        is_about(pacing.source(), Duration::from_secs(middle));
    }
    for middle in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
        is_about(pacing.server(), ms(middle));
    }
    // What is over for the one is not for the other.
    pacing.source_is_well();
    is_about(pacing.source(), ms(1_000));
    is_about(pacing.server(), ms(30_000));
    pacing.server_is_well();
    is_about(pacing.server(), ms(500));
    is_about(pacing.source(), ms(2_000));
    pacing.begin_to_settle();
    is_about(pacing.source(), ms(1_000));
    is_about(pacing.server(), ms(500));
    pacing.forget();
    is_about(pacing.source(), ms(1_000));
    is_about(pacing.server(), ms(500));
}

#[test]
fn new_server_is_watched_closely_and_one_that_seals_itself_ever_less() {
    let mut pacing = pacing();
    let settled: Vec<_> = (0..7).map(|_| pacing.settle().as_millis()).collect();
    assert_eq!(settled, [50, 100, 200, 400, 800, 1_000, 1_000]);
    assert_eq!(
        [pacing.active(), pacing.active(), pacing.active()].map(|pause| pause.as_millis()),
        [250, 1_000, 1_000]
    );
    pacing.begin_to_settle();
    assert_eq!((pacing.settle(), pacing.active()), (ms(50), ms(250)));
    assert_eq!(pacing.joining(), ms(500));
    for (times, middle) in [(0, 500), (1, 500), (2, 1_000), (3, 2_000), (7, 30_000), (100, 30_000)] {
        is_about(pacing.relapse(times), ms(middle));
    }
    // Its pause takes the place of that between rounds.
    assert_eq!(pacing.turn(at(0)), Duration::ZERO);
    assert!(!pacing.turn(at(1)).is_zero());
    pacing.relapse(1);
    assert_eq!(pacing.turn(at(1)), Duration::ZERO);
}

#[test]
fn bounds_are_those_of_the_pace() {
    let pacing = pacing();
    assert_eq!(pacing.severe(), Duration::from_secs(300));
    assert_eq!(pacing.without_active(), Duration::from_secs(60));
    let asked = |seconds: Option<u64>| {
        pacing.rate_limited(&Unreachable::TooManyRequests { retry_after: seconds.map(Duration::from_secs) })
    };
    assert_eq!([None, Some(0), Some(7), Some(3_600)].map(|seconds| asked(seconds).as_secs()), [1, 1, 7, 30]);
    assert_eq!(pacing.rate_limited(&Unreachable::Refused), Duration::ZERO);
    assert_eq!(
        [0, 1, 2, 3, 4, 9].map(|times| rejected_retry(times).as_secs()),
        [300, 600, 1_200, 2_400, 3_600, 3_600]
    );
}
