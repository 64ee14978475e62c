//! Several servers behind one address: what tells of them, and what follows.

use super::answers::{answer, answered, gone, healthy, looked, seal};
use super::situation::{When, machine};
use super::step;
use std::time::Duration;
use vault_unseal::api::{AnswerText, ConnectionEpoch, Nonce, Unreachable};
use vault_unseal::cluster::OnOperatorSeal;
use vault_unseal::external::ExternalText;
use vault_unseal::unseal::{Event, Moment, NodeMachine, Observation, ShareCandidates, State};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn health(sealed: bool) -> Observation {
    Observation::Health(healthy(true, sealed), ConnectionEpoch::of(1))
}

fn text() -> AnswerText {
    AnswerText::Text(ExternalText::new("Service Unavailable"))
}

/// Three times in a row its health says sealed and its seal status unsealed. How often that is told.
fn contradict(machine: &mut NodeMachine, now: Moment) -> usize {
    for _ in 0..3 {
        machine.observe(now, health(true));
        machine.observe(now, seal(|s| s.sealed = false));
    }
    machine.take_events().iter().filter(|event| **event == Event::SeveralServers).count()
}

/// A whole round of our shares unseals the server.
fn whole_round(machine: &mut NodeMachine, now: Moment) {
    let shares = Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1, 2]] });
    let open = answered(|s| s.sealed = false);
    for seen in [Observation::Returned, looked(0), shares, answer(1), answer(2), open] {
        machine.observe(now, seen);
    }
    assert_eq!(machine.take_events().last(), Some(&Event::Unsealed));
}

/// Of a server behind a proxy that says now and then that it is not there.
#[test]
fn single_pages_tell_of_several_servers_when_five_come_within_a_minute() {
    for (every, told) in [(15, 1), (16, 0), (61, 0)] {
        let mut machine = machine(When::Unsealed);
        for look in 0..12 {
            machine.observe(secs(every * look), gone(Unreachable::NotVault { status: 503, text: text() }));
            machine.observe(secs(every * look), health(false));
        }
        let events = machine.take_events();
        let several = events.iter().filter(|event| **event == Event::SeveralServers).count();
        assert_eq!(several, told, "every {every} s: {events:?}");
    }
}

#[test]
fn error_of_a_servers_own_is_shown_where_a_page_for_one_of_several_is_not() {
    for (cause, word) in [
        (Unreachable::NotVault { status: 503, text: text() }, "unsealed"),
        (Unreachable::ServerError { status: 500, text: text() }, "unreachable"),
    ] {
        let mut machine = machine(When::Unsealed);
        assert_eq!(contradict(&mut machine, secs(1)), 1);
        machine.observe(secs(2), health(false));
        machine.observe(secs(3), gone(cause.clone()));
        assert_eq!(machine.state().map(State::word), Some(word), "{cause:?}");
    }
}

/// Who sealed which of them cannot be told.
#[test]
fn one_of_several_that_is_sealed_after_another_was_unsealed_for_long_is_not_held() {
    for (several, word) in [(false, "held"), (true, "sealed")] {
        let mut machine = machine(When::Unsealed);
        machine.set_on_operator_seal(OnOperatorSeal::Hold { at_most: None });
        if several {
            contradict(&mut machine, secs(1));
        }
        for now in [secs(2), secs(5)] {
            machine.observe(now, health(false));
        }
        machine.observe(secs(6), health(true));
        assert_eq!(machine.state().map(State::word), Some(word));
    }
}

#[test]
fn lost_round_is_told_unless_several_servers_answer_in_turn() {
    for several in [false, true] {
        let mut machine = machine(When::Started);
        if several {
            contradict(&mut machine, Moment::ZERO);
        }
        let shares = Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1, 2]] });
        for seen in [Observation::Returned, looked(0), shares, answer(1)] {
            step(&mut machine, seen);
        }
        machine.take_events();
        step(&mut machine, answered(|s| (s.progress, s.nonce) = (1, Nonce::of("two"))));
        let lost = machine.take_events().contains(&Event::RoundLost);
        assert_eq!(lost, !several);
    }
}

#[test]
fn shares_that_are_gone_tell_of_several_servers_the_third_time() {
    let mut machine = machine(When::First);
    let mut told = Vec::new();
    for _ in 0..4 {
        // The server does not name its rounds: that it counts no more than one share each time tells that the others are gone.
        step(&mut machine, answered(|s| s.progress = 1));
        told.push(machine.take_events().contains(&Event::SeveralServers));
    }
    assert_eq!(told, [false, false, false, true], "the first share was accepted, then three were lost");
}

#[test]
fn several_servers_are_forgotten_with_a_whole_round_after_five_minutes_or_when_a_person_asks() {
    for (after, again) in [(0, 0), (299, 0), (300, 1)] {
        let mut machine = machine(When::Unsealed);
        assert_eq!(contradict(&mut machine, Moment::ZERO), 1);
        whole_round(&mut machine, secs(after));
        assert_eq!(contradict(&mut machine, secs(after)), again, "after {after} s");
    }
    let mut machine = machine(When::Unsealed);
    assert_eq!(contradict(&mut machine, Moment::ZERO), 1);
    machine.observe(secs(1), Observation::Woken);
    assert_eq!(contradict(&mut machine, secs(1)), 1);
}

/// What a proxy's pages make likely after that is no proof: an operator's seal is held.
#[test]
fn proof_of_several_servers_is_forgotten_with_them() {
    let mut machine = machine(When::Unsealed);
    machine.set_on_operator_seal(OnOperatorSeal::Hold { at_most: None });
    assert_eq!(contradict(&mut machine, Moment::ZERO), 1);
    whole_round(&mut machine, secs(300));
    for look in 301..306 {
        machine.observe(secs(look), gone(Unreachable::NotVault { status: 503, text: text() }));
        machine.observe(secs(look), health(false));
    }
    assert!(machine.take_events().contains(&Event::SeveralServers), "the pages tell of them");
    machine.observe(secs(310), health(false));
    machine.observe(secs(311), health(true));
    assert_eq!(machine.state().map(State::word), Some("held"));
}
