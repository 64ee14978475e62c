//! Errors of a server, of what lies before it and of others who are at work: what they are taken for, and from when on.

use super::answers::{answer, answered, error, gone, health, healthy, looked, seal};
use super::situation::{When, machine, path};
use std::time::Duration;
use vault_unseal::api::{AnswerText, ConnectionEpoch, Health, Nonce, Unreachable};
use vault_unseal::cluster::{Pace, Scheme};
use vault_unseal::external::ExternalText;
use vault_unseal::unseal::{Action, Damage, Moment, NodeMachine, Observation, ShareCandidates, State};

fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn damage(machine: &NodeMachine) -> Option<&Damage> {
    match machine.state() {
        Some(State::Damaged { damage }) => Some(damage),
        _ => None,
    }
}

#[test]
fn keyring_is_missing_for_a_quarter_of_a_minute_before_that_is_damage() {
    for (lasts, damaged) in [(14_999, None), (15_000, Some(&Damage::NoKeyring))] {
        let mut machine = machine(When::Last);
        let missing = || error(500, "failed to create cipher: crypto/aes: invalid key size 0");
        machine.observe(Moment::ZERO, missing());
        let shares = Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1, 2]] });
        for seen in [health(true, true), looked(0), shares, answer(1), answer(2), missing()] {
            machine.observe(millis(lasts), seen);
        }
        assert_eq!(damage(&machine), damaged, "after {lasts} ms");
    }
}

/// It tells so in place of its health, and no share is needed to find out.
#[test]
fn server_without_its_seal_configuration_is_damaged_once_that_has_lasted() {
    let text = "core: barrier reports initialized but no seal configuration found";
    let error =
        || gone(Unreachable::ServerError { status: 500, text: AnswerText::Text(ExternalText::new(text)) });
    for (lasts, damaged) in [(9_999, None), (10_000, Some(&Damage::NoSealConfiguration))] {
        let mut machine = machine(When::AskedHealth);
        machine.observe(Moment::ZERO, error());
        machine.observe(millis(lasts), error());
        assert_eq!(damage(&machine), damaged, "after {lasts} ms");
    }
}

/// No round is ours alone where we hold too few: what the servers of today mean by an invalid key is the likelier cause.
#[test]
fn peers_whose_round_fails_are_no_damage_unless_a_server_of_today_says_invalid_key() {
    let stored = "failed to decrypt keys from storage: cipher: message authentication failed";
    let invalid = "Unseal failed, invalid key";
    for (version, text, damaged) in [
        (Some("2.6.2"), invalid, Some(&Damage::Keyring)),
        (Some("2.6.2"), stored, None),
        (None, invalid, None),
        (None, stored, None),
    ] {
        let mut machine = NodeMachine::new(Pace::default(), 7);
        machine.start();
        let named = Health { version: version.map(ExternalText::new), ..healthy(true, true) };
        machine.observe(Moment::ZERO, Observation::Health(named, ConnectionEpoch::of(1)));
        for seen in path(When::LastOfPeers) {
            machine.observe(Moment::ZERO, seen);
        }
        machine.observe(Moment::ZERO, error(500, text));
        assert_eq!(damage(&machine), damaged, "{version:?}: {text}");
    }
}

/// The server may have gone away in between: the next look tells, and is not put off.
#[test]
fn seal_status_that_fails_is_asked_for_at_once_the_first_time() {
    let mut machine = machine(When::Looking);
    let mut pauses = Vec::new();
    for look in 0..2 {
        let now = millis(1000 * look);
        machine.observe(now, health(true, true));
        pauses.push(machine.observe(now, gone(Unreachable::Closed)).wait);
    }
    assert!(pauses[0] < millis(100), "{pauses:?}");
    assert!(pauses[1] > millis(300), "{pauses:?}");
    // Nor is a look at its health put off for what its seal status was.
    let pause = machine.observe(millis(3000), gone(Unreachable::Closed)).wait;
    assert!(pause < millis(300), "{pause:?}");
}

#[test]
fn shares_are_planned_anew_where_the_threshold_changed_while_rounds_were_torn() {
    let mut machine = machine(When::First);
    for round in 0..9 {
        let nonce = Nonce::of(&format!("round {round}"));
        machine.observe(Moment::ZERO, answered(|s| (s.progress, s.nonce) = (1, nonce)));
    }
    machine.observe(Moment::ZERO, looked(0));
    let next = machine.observe(Duration::from_secs(3), seal(|s| s.threshold = 2));
    assert_eq!(next.action, Action::LoadShares(Scheme { threshold: 2, total: 5 }));
}

/// Somebody was seen at the last of many quick looks: the next round waits for as many more, not for a hundred times that.
#[test]
fn next_round_is_put_off_by_the_time_of_single_looks() {
    for seed in 0..100 {
        let mut machine = NodeMachine::new(Pace::default(), seed);
        machine.start();
        for seen in path(When::Doubting) {
            machine.observe(Moment::ZERO, seen);
        }
        let look = millis(30);
        for number in 1..8 {
            machine.observe(look * number, looked(0));
        }
        let next = machine.observe(look * 8, looked(1));
        assert!(next.action == Action::Reset && next.wait < Duration::from_secs(3), "{next:?}");
    }
}

#[test]
fn intervals_of_a_reload_count_from_the_next_look_on() {
    let mut machine = machine(When::Rejected);
    let mut wait = || machine.observe(Moment::ZERO, health(true, true)).wait;
    assert_eq!(wait(), Duration::from_secs(30));
    machine.set_pace(Pace { slow_interval: Duration::from_secs(7), ..Pace::default() });
    assert_eq!(machine.observe(Moment::ZERO, health(true, true)).wait, Duration::from_secs(7));
}
