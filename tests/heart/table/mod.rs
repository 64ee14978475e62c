//! Single answers and what follows from each, row by row: in this situation, this answer, then this state, this
//! action, after this kind of pause.

pub(crate) mod answers;
mod joins;
mod opened;
mod probes;
mod several;
mod situation;
mod troubles;

use answers::{answer, answered, error, gone, health, healthy, looked, page, seal, timeout};
use situation::{When, machine, path};
use std::time::Duration;
use vault_unseal::api::{AnswerText, ConnectionEpoch, Health, Nonce, Unreachable};
use vault_unseal::cluster::{Misfit, Pace, Scheme};
use vault_unseal::external::ExternalText;
use vault_unseal::unseal::{Action, Event, Moment, NodeMachine, Observation, ShareCandidates, State, Step};

/// How long a step waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    None,
    /// Below a second, and growing if it happens again.
    Backoff,
    /// Half a second: a join is watched.
    Join,
    Poll,
    Slow,
}

fn pause(wait: Duration) -> Pause {
    match wait.as_millis() {
        0 => Pause::None,
        500 => Pause::Join,
        1000 => Pause::Poll,
        30_000 => Pause::Slow,
        1..=999 => Pause::Backoff,
        other => panic!("a pause of {other} ms belongs to no class"),
    }
}

fn step(machine: &mut NodeMachine, seen: Observation) -> (String, Action, Pause) {
    let Step { wait, action, .. } = machine.observe(Moment::ZERO, seen);
    let word = machine.state().map_or("none", State::word);
    (word.to_owned(), action, pause(wait))
}

const SUBMIT_FIRST: Action = Action::Submit { share: 0, completes: false };
const SUBMIT_LAST: Action = Action::Submit { share: 2, completes: true };

/// In this situation, this answer, and what follows.
type Row = (When, Observation, &'static str, Action, Pause);

#[expect(clippy::too_many_lines, reason = "one table")]
fn rows() -> Vec<Row> {
    use Action::{AskHealth, LoadShares, ReadSealStatus, Reset};
    use Pause::{Backoff, Join, None, Poll, Slow};
    use When::{
        AskedHealth, Bare, Doubting, First, Joining, Last, LastAfterStranger, LastOfPeers, Looking,
        LostSight, Rejected, RejectedAndReturned, Reopened, Resetting, Returned, Started, Unsealed, Waiting,
    };
    let closed = || gone(Unreachable::Closed);
    let proxy = |status| {
        gone(Unreachable::NotVault {
            status,
            text: AnswerText::Text(ExternalText::new("Service Unavailable")),
        })
    };
    let broken = |status| {
        let text = AnswerText::Text(ExternalText::new("internal error"));
        gone(Unreachable::ServerError { status, text })
    };
    let mac = "unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: cipher: \
               message authentication failed";
    let removed =
        Observation::Health(Health { removed: true, ..healthy(true, true) }, ConnectionEpoch::of(1));
    let load = LoadShares(Scheme { threshold: 3, total: 5 });
    let again = Action::Submit { share: 0, completes: false };
    vec![
        // sys/health
        (Started, health(true, false), "unsealed", AskHealth, Backoff),
        (Started, health(true, true), "sealed", ReadSealStatus, None),
        (Started, health(false, true), "none", ReadSealStatus, None),
        (Unsealed, health(false, true), "sealed", ReadSealStatus, None),
        (Started, removed.clone(), "removed", AskHealth, Slow),
        // Seen unsealed only just now: it may have been so for a moment.
        (Unsealed, health(true, true), "seals-itself", AskHealth, Backoff),
        (Unsealed, timeout(), "unreachable", AskHealth, Backoff),
        (AskedHealth, proxy(503), "unreachable", AskHealth, Backoff),
        (AskedHealth, timeout(), "unreachable", AskHealth, Backoff),
        (Rejected, health(true, true), "shares-rejected", AskHealth, Slow),
        (Rejected, health(true, false), "unsealed", AskHealth, Backoff),
        (Joining, health(true, true), "joining", AskHealth, Join),
        (Joining, health(true, false), "unsealed", AskHealth, Backoff),
        (Joining, timeout(), "joining", AskHealth, Join),
        (Joining, proxy(504), "joining", AskHealth, Join),
        (Joining, proxy(503), "unreachable", AskHealth, Backoff),
        (Joining, gone(Unreachable::Refused), "unreachable", AskHealth, Backoff),
        (Joining, Observation::Woken, "joining", AskHealth, None),
        (Joining, removed, "removed", AskHealth, Slow),
        // sys/seal-status
        (Looking, seal(|_| {}), "sealed", load, None),
        (Looking, seal(|s| s.progress = 1), "sealed", load, None),
        (Looking, seal(|s| s.progress = usize::MAX), "sealed", load, None),
        // Its health has just said that it is initialised: one answer is no proof of damage.
        (Looking, seal(|s| s.initialized = false), "sealed", AskHealth, Backoff),
        (Looking, seal(|s| (s.threshold, s.total) = (0, 0)), "sealed", AskHealth, Backoff),
        (Bare, seal(|s| (s.initialized, s.threshold) = (false, 0)), "uninitialized", AskHealth, Poll),
        (Bare, seal(|s| s.initialized = false), "sealed", AskHealth, Backoff),
        (Bare, seal(|_| {}), "sealed", AskHealth, Backoff),
        (Bare, timeout(), "joining", AskHealth, Join),
        (LostSight, seal(|s| (s.initialized, s.threshold) = (false, 0)), "sealed", AskHealth, Backoff),
        (Looking, seal(|s| s.shamir = false), "foreign-seal", AskHealth, Slow),
        (Looking, seal(|s| s.recovery_seal = true), "foreign-seal", AskHealth, Slow),
        (Looking, seal(|s| s.migration = true), "migrating", AskHealth, Slow),
        (
            Looking,
            seal(|s| (s.shamir, s.recovery_seal, s.migration) = (false, true, true)),
            "migrating",
            AskHealth,
            Slow,
        ),
        (Looking, Observation::Misfit(Misfit::SplitKey), "shares-rejected", AskHealth, Slow),
        (Looking, seal(|s| s.removed = true), "removed", AskHealth, Slow),
        (Looking, seal(|s| s.threshold = 256), "sealed", AskHealth, Slow),
        (Looking, seal(|s| s.sealed = false), "sealed", AskHealth, Backoff),
        (Looking, seal(|s| (s.sealed, s.threshold) = (false, 256)), "sealed", AskHealth, Backoff),
        // Its health came at once: something holds the lock that the seal status needs.
        (Looking, timeout(), "joining", AskHealth, Join),
        (Looking, closed(), "unreachable", AskHealth, Backoff),
        // A share that does not complete the round.
        (First, answer(1), "unsealing", Action::Submit { share: 1, completes: false }, None),
        (First, answer(2), "unsealing", Action::Submit { share: 1, completes: true }, None),
        (First, answered(|s| s.sealed = false), "unsealing", AskHealth, None),
        (First, answer(0), "joining", AskHealth, Join),
        (First, answered(|s| (s.threshold, s.progress) = (2, 1)), "sealed", ReadSealStatus, None),
        (First, answered(|s| s.migration = true), "migrating", AskHealth, Slow),
        (First, answered(|s| s.shamir = false), "foreign-seal", AskHealth, Slow),
        (First, error(400, "'key' must be a valid hex or base64 string"), "shares-rejected", AskHealth, Slow),
        (
            First,
            error(400, "invalid key: key is longer than maximum 33 bytes"),
            "shares-rejected",
            AskHealth,
            Slow,
        ),
        (First, error(400, "Vault is not initialized"), "sealed", AskHealth, Backoff),
        (
            First,
            error(500, "core: barrier reports initialized but no seal configuration found"),
            "damaged",
            AskHealth,
            None,
        ),
        (
            First,
            error(500, "migrate option not provided and seal migration is pending"),
            "migrating",
            AskHealth,
            Slow,
        ),
        (First, error(503, "Vault is sealed"), "sealed", AskHealth, None),
        (First, error(429, "request path: rate limit quota exceeded"), "sealed", AskHealth, Backoff),
        (First, error(412, "missing \\\"X-Vault-Request\\\" header"), "sealed", AskHealth, None),
        (First, page(503), "unreachable", AskHealth, Backoff),
        (First, timeout(), "unreachable", AskHealth, Backoff),
        (First, closed(), "unreachable", AskHealth, Backoff),
        // The share that completes the round.
        (Last, answered(|s| s.sealed = false), "unsealing", AskHealth, None),
        (Last, answer(0), "joining", AskHealth, Join),
        (Last, timeout(), "joining", AskHealth, Join),
        (Last, page(504), "joining", AskHealth, Join),
        (Last, closed(), "unreachable", AskHealth, Backoff),
        (Last, error(400, mac), "sealed", Reset, Backoff),
        (
            Last,
            error(500, "failed to decrypt encrypted stored keys: cipher: message authentication failed"),
            "sealed",
            Reset,
            Backoff,
        ),
        (Last, error(500, "Unseal failed, invalid key"), "sealed", Reset, Backoff),
        (
            Last,
            error(400, "invalid key: failed to compute combined key: duplicate part detected"),
            "sealed",
            Reset,
            Backoff,
        ),
        (
            Last,
            error(400, "invalid key: failed to compute combined key: all parts must be the same length"),
            "sealed",
            Reset,
            Backoff,
        ),
        (
            Last,
            error(500, "failed to create cipher: crypto/aes: invalid key size 0"),
            "sealed",
            AskHealth,
            None,
        ),
        // Our first two shares are gone: the third opened another round.
        (Last, answered(|s| (s.progress, s.nonce) = (1, Nonce::of("two"))), "unsealing", again, None),
        (Last, answered(|s| (s.progress, s.nonce) = (1, Nonce::of("one"))), "unsealing", again, None),
        // It has as many as it needs, and says that it is sealed: no peer lacks.
        (Last, answer(3), "sealed", ReadSealStatus, None),
        (LastAfterStranger, error(400, mac), "sealed", Reset, Backoff),
        (LastAfterStranger, answered(|s| s.sealed = false), "unsealing", AskHealth, None),
        // It was there before: from a second daemon with our shares.
        (LastAfterStranger, answer(2), "unsealing", SUBMIT_LAST, None),
        (LastOfPeers, error(400, mac), "sealed", ReadSealStatus, None),
        (LastOfPeers, answer(0), "joining", AskHealth, Join),
        // The reset after a failed round.
        (Resetting, answer(0), "unsealing", SUBMIT_FIRST, None),
        (Resetting, error(400, "vault is unsealed"), "sealed", AskHealth, None),
        (Resetting, answered(|s| s.threshold = 4), "sealed", ReadSealStatus, None),
        (Resetting, timeout(), "unreachable", AskHealth, Backoff),
        // Before the verdict.
        (Doubting, looked(0), "sealed", ReadSealStatus, Backoff),
        (Doubting, looked(1), "sealed", Reset, Backoff),
        (Doubting, seal(|s| s.sealed = false), "sealed", AskHealth, Backoff),
        // Rekeyed: what is held may be too little to reset a round.
        (Doubting, seal(|s| s.threshold = 4), "sealed", ReadSealStatus, Backoff),
        // Fewer shares than needed.
        (Waiting, looked(1), "waiting-for-peers", ReadSealStatus, Poll),
        (Waiting, looked(2), "waiting-for-peers", ReadSealStatus, Poll),
        (Waiting, seal(|s| s.sealed = false), "waiting-for-peers", AskHealth, Backoff),
        (Waiting, seal(|s| (s.progress, s.nonce) = (1, Nonce::of("two"))), "sealed", ReadSealStatus, Backoff),
        (
            Waiting,
            seal(|s| (s.threshold, s.progress, s.nonce) = (2, 1, Nonce::of("one"))),
            "sealed",
            ReadSealStatus,
            Backoff,
        ),
        (
            Waiting,
            seal(|s| (s.migration, s.progress, s.nonce) = (true, 1, Nonce::of("one"))),
            "migrating",
            AskHealth,
            Slow,
        ),
        (Waiting, seal(|_| {}), "sealed", ReadSealStatus, Backoff),
        (Waiting, timeout(), "joining", AskHealth, Join),
        (Waiting, closed(), "unreachable", AskHealth, Backoff),
        (Waiting, Observation::Woken, "waiting-for-peers", AskHealth, None),
        // The connection ended: what is planned comes at once, but a round no sooner than its rate allows.
        (Unsealed, Observation::Left, "unsealed", AskHealth, None),
        (Rejected, Observation::Left, "shares-rejected", AskHealth, None),
        (Joining, Observation::Left, "joining", AskHealth, None),
        (Waiting, Observation::Left, "waiting-for-peers", ReadSealStatus, None),
        (Resetting, Observation::Left, "sealed", Reset, Backoff),
        // A port that opens: the seal status tells all that a share depends on, and health the rest.
        (Unsealed, Observation::Returned, "unsealed", ReadSealStatus, None),
        (Reopened, looked(0), "sealed", load, None),
        (Returned, looked(0), "sealed", load, None),
        (Returned, looked(2), "sealed", load, None),
        (Started, looked(0), "sealed", load, None),
        (Returned, seal(|s| s.sealed = false), "unreachable", AskHealth, None),
        (Started, seal(|s| s.sealed = false), "none", AskHealth, None),
        (Returned, seal(|s| s.initialized = false), "unreachable", AskHealth, None),
        (Returned, seal(|s| (s.threshold, s.total) = (0, 0)), "unreachable", AskHealth, None),
        (Started, seal(|s| (s.initialized, s.threshold) = (false, 0)), "none", AskHealth, None),
        (Returned, seal(|s| s.shamir = false), "foreign-seal", AskHealth, Slow),
        (Returned, seal(|s| s.recovery_seal = true), "foreign-seal", AskHealth, Slow),
        (Returned, seal(|s| s.migration = true), "migrating", AskHealth, Slow),
        (Returned, seal(|s| s.removed = true), "removed", AskHealth, Slow),
        (Returned, seal(|s| s.threshold = 256), "sealed", AskHealth, Slow),
        (RejectedAndReturned, looked(0), "shares-rejected", AskHealth, Slow),
        // It is not told: whether the other question is answered says what that means.
        (Returned, proxy(404), "unreachable", AskHealth, None),
        (Returned, proxy(403), "unreachable", AskHealth, None),
        (Returned, broken(500), "unreachable", AskHealth, None),
        (Returned, proxy(200), "unreachable", AskHealth, None),
        (Returned, gone(Unreachable::NotHttp("its answer cannot be read")), "unreachable", AskHealth, None),
        (
            Returned,
            gone(Unreachable::TooManyRequests { retry_after: Option::None }),
            "unreachable",
            AskHealth,
            Poll,
        ),
        (Returned, closed(), "unreachable", AskHealth, None),
        (Returned, timeout(), "unreachable", AskHealth, None),
        (Started, timeout(), "none", AskHealth, None),
        (Started, gone(Unreachable::Refused), "unreachable", AskHealth, Backoff),
        (Returned, gone(Unreachable::Refused), "unreachable", AskHealth, Backoff),
        (
            Returned,
            gone(Unreachable::Network("no route to the host".to_owned())),
            "unreachable",
            AskHealth,
            Backoff,
        ),
    ]
}

/// Every state and the next one that the table shows.
pub(crate) fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    rows().into_iter().flat_map(|(when, seen, ..)| {
        let mut machine = machine(When::Started);
        let before = |machine: &NodeMachine| machine.state().map_or("none", State::word);
        let mut last = before(&machine);
        let next = |seen| {
            machine.observe(Moment::ZERO, seen);
            let now = before(&machine);
            (std::mem::replace(&mut last, now), now)
        };
        path(when).into_iter().chain([seen]).map(next).collect::<Vec<_>>()
    })
}

#[test]
fn each_answer_has_its_consequence() {
    for (when, seen, word, action, pause) in rows() {
        let mut machine = machine(when);
        let outcome = step(&mut machine, seen.clone());
        assert_eq!(outcome, (word.to_owned(), action, pause), "{when:?}, then {seen:?}");
    }
}

#[test]
fn another_round_is_known_by_its_name() {
    // Ours was reset, a stranger's share is in the next: two shares in a row look like progress.
    let mut machine = machine(When::First);
    step(&mut machine, answer(1));
    let outcome = step(&mut machine, answered(|s| (s.progress, s.nonce) = (2, Nonce::of("two"))));
    assert_eq!(outcome.1, Action::Submit { share: 0, completes: true }, "the first one is missing");
}

#[test]
fn a_round_torn_again_and_again_is_left_and_begun_anew() {
    let mut machine = machine(When::First);
    let mut submissions = 1;
    let mut next = SUBMIT_FIRST;
    while matches!(next, Action::Submit { .. }) && submissions < 100 {
        // Whatever goes in, somebody resets the round before the next.
        let nonce = Nonce::of(&format!("round {submissions}"));
        next = step(&mut machine, answered(|s| (s.progress, s.nonce) = (1, nonce))).1;
        submissions += 1;
    }
    assert_eq!((next, submissions), (Action::ReadSealStatus, 10), "nine shares, then a look and its pause");
    let pause = step(&mut machine, looked(0));
    assert_eq!(pause, ("sealed".to_owned(), Action::ReadSealStatus, Pause::Backoff));
    // What failed rounds proved so far is not forgotten: the shares are still at hand.
    let next = machine.observe(Duration::from_secs(1), looked(0));
    assert_eq!(next.action, SUBMIT_FIRST);
}

#[test]
fn only_a_whole_round_of_one_set_shows_that_it_is_good() {
    let candidates =
        || Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1, 2], vec![0, 1, 3]] });
    let open = || answered(|s| s.sealed = false);
    let good = Event::FoundGoodShares { shares: vec![0, 1, 2] };
    for (found, answers, events) in [
        (0, vec![answer(1), answer(2), open()], vec![good, Event::Unsealed]),
        // Somebody else's last share came before ours.
        (0, vec![answer(1), open()], vec![Event::Unsealed]),
        // Two of the three were somebody else's.
        (2, vec![open()], vec![Event::Unsealed]),
    ] {
        let mut machine = machine(When::Looking);
        step(&mut machine, looked(found));
        step(&mut machine, candidates());
        for answer in answers {
            step(&mut machine, answer);
        }
        assert_eq!(machine.take_events(), events);
    }
}

#[test]
fn a_source_without_a_share_does_not_wait_for_peers() {
    for candidates in [vec![], vec![vec![]]] {
        let mut machine = machine(When::Looking);
        step(&mut machine, looked(0));
        let outcome = step(&mut machine, Observation::Shares(ShareCandidates { candidates }));
        assert_eq!(outcome, ("shares-rejected".to_owned(), Action::AskHealth, Pause::Slow));
    }
}

#[test]
fn a_sealed_status_ends_what_was_shown_before() {
    for earlier in [seal(|s| s.migration = true), timeout(), seal(|s| s.threshold = 0)] {
        let mut machine = machine(When::Looking);
        step(&mut machine, earlier);
        step(&mut machine, health(true, true));
        let outcome = step(&mut machine, seal(|_| {}));
        assert_eq!(
            outcome,
            ("sealed".to_owned(), Action::LoadShares(Scheme { threshold: 3, total: 5 }), Pause::None)
        );
    }
}

#[test]
fn a_progress_beyond_all_bounds_is_only_a_full_round() {
    let mut machine = machine(When::Looking);
    step(&mut machine, seal(|s| s.progress = usize::MAX));
    let outcome =
        step(&mut machine, Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1, 2]] }));
    assert_eq!(outcome.1, Action::Submit { share: 0, completes: true });
}

#[test]
fn a_source_that_fails_is_read_ever_more_seldom_until_it_was_read() {
    let mut machine = machine(When::Looking);
    let (mut now, mut pauses) = (Moment::ZERO, Vec::new());
    for works in [false, false, false, false, false, false, false, true, false] {
        now += Duration::from_secs(100);
        machine.observe(now, health(true, true));
        machine.observe(now, looked(0));
        pauses.push(if works {
            machine
                .observe(now, Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1, 2]] }))
                .wait
        } else {
            let (text, advice) = ("no file".to_owned(), None);
            machine.observe(now, Observation::SharesUnavailable { kind: "missing", text, advice }).wait
        });
    }
    // A second, doubling to half a minute, spread by a quarter.
    for (pause, seconds) in pauses.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 0.0, 1.0]) {
        let range = seconds * 0.75..=seconds * 1.25;
        assert!(range.contains(&pause.as_secs_f64()), "{pauses:?}");
    }
}

#[test]
fn what_a_slow_read_brings_is_of_use_only_until_something_else_comes_first() {
    let slow = || {
        let (text, advice) = ("no answer within the time limit".to_owned(), None);
        Observation::SharesUnavailable { kind: "share-source-slow", text, advice }
    };
    for (seen, awaited) in [
        (health(true, true), true),
        (Observation::Woken, true),
        (health(true, false), false),
        (health(false, true), false),
        (Observation::Hold, true),
        (gone(Unreachable::Refused), false),
    ] {
        let held = seen == Observation::Hold;
        let mut machine = machine(When::Looking);
        let mut pending = |seen| machine.observe(Moment::ZERO, seen).load_pending;
        assert!(pending(looked(0)), "asked for");
        assert!(pending(slow()), "asked for again soon");
        assert_eq!(pending(seen.clone()), awaited, "{seen:?}");
        if held {
            assert!(!pending(health(true, true)), "held");
        }
    }
}

#[test]
fn a_connection_that_ends_whenever_it_is_idle_is_no_reason_to_ask_more_often_than_polls() {
    let mut machine = machine(When::Unsealed);
    let (mut now, mut asked) = (Duration::ZERO, 0);
    while now < Duration::from_secs(600) {
        now += machine.observe(now, Observation::Left).wait;
        machine.observe(now, health(true, false));
        asked += 1;
    }
    assert!((600..620).contains(&asked), "{asked}");
}

#[test]
fn a_verdict_is_for_one_server() {
    let removed =
        Observation::Health(Health { removed: true, ..healthy(true, true) }, ConnectionEpoch::of(1));
    for other in [health(false, true), health(true, false), removed] {
        let mut machine = machine(When::Rejected);
        step(&mut machine, other);
        let restarted = Observation::Health(healthy(true, true), ConnectionEpoch::of(2));
        assert_eq!(step(&mut machine, restarted).1, Action::ReadSealStatus);
    }
}

/// The connection ends with the error: only over the next one a restart is noticed at once.
#[test]
fn error_of_the_server_delays_shares_and_not_the_notice_of_a_restart() {
    for text in ["Vault is sealed", "core: barrier reports initialized but no seal configuration found"] {
        let mut machine = machine(When::First);
        step(&mut machine, error(500, text));
        let (word, action, wait) = step(&mut machine, health(true, true));
        assert_eq!(action, Action::AskHealth, "{text}: no share soon");
        assert_ne!(wait, Pause::None, "{text}");
        assert_eq!(machine.state().map(State::word), Some(word.as_str()));
        step(&mut machine, Observation::Left);
        let restarted = Observation::Health(healthy(true, true), ConnectionEpoch::of(2));
        assert_eq!(step(&mut machine, restarted).1, Action::ReadSealStatus, "{text}: at once");
    }
}

#[test]
fn a_reload_in_mid_round_starts_over() {
    let mut machine = machine(When::Last);
    let woken = machine.observe(Moment::ZERO, Observation::Woken);
    assert_eq!((woken.action, woken.keep_shares), (Action::AskHealth, false));
    let outcome = step(&mut machine, health(true, true));
    assert_eq!(outcome, ("sealed".to_owned(), Action::ReadSealStatus, Pause::None));
}

/// Only where a state was claimed that an answer would confirm, and silence means nothing of its own; and at a port that has
/// just opened, of which the last claim was that it refuses.
#[test]
fn only_polls_and_first_looks_are_overdue_and_after_two_polls() {
    use When::{First, Joining, Last, Looking, Rejected, Returned, Started, Unsealed, Waiting};
    let of = |when, poll_interval| {
        let mut machine = NodeMachine::new(Pace { poll_interval, ..Pace::default() }, 7);
        let mut step = machine.start();
        for seen in path(when) {
            step = machine.observe(Moment::ZERO, seen);
        }
        step.overdue_after
    };
    let secs = Duration::from_secs;
    for (when, poll_interval, overdue_after) in [
        (Unsealed, secs(1), Some(secs(2))),
        (Unsealed, Duration::from_millis(100), Some(secs(2))),
        (Unsealed, secs(5), Some(secs(10))),
        (Rejected, secs(1), Some(secs(2))),
        (Started, secs(1), Some(secs(2))),
        (Returned, secs(1), Some(secs(2))),
        (Looking, secs(1), None),
        (First, secs(1), None),
        (Last, secs(1), None),
        (Joining, secs(1), None),
        (Waiting, secs(1), None),
    ] {
        assert_eq!(of(when, poll_interval), overdue_after, "{when:?}");
    }
}
