//! The first look at an open port: at a server that came back, and at the start.

use super::answers::{gone, health, looked, seal, timeout};
use super::situation::{When, machine};
use super::{Pause, step};
use vault_unseal::api::{AnswerText, Unreachable};
use vault_unseal::cluster::Pace;
use vault_unseal::external::ExternalText;
use vault_unseal::unseal::{Action, Delay, Moment, NodeMachine, Observation, State};

/// Where its seal status is not told, its health is asked for once, and what that shows counts as ever.
#[test]
fn a_seal_status_that_fails_at_an_open_port_concludes_nothing() {
    let text = || AnswerText::Text(ExternalText::new("permission denied"));
    let denied = || gone(Unreachable::ServerError { status: 403, text: text() });
    for (then, outcome) in [
        (denied(), ("unreachable", Action::AskHealth, Pause::Backoff)),
        (timeout(), ("unreachable", Action::AskHealth, Pause::Backoff)),
        (health(true, false), ("unsealed", Action::AskHealth, Pause::Backoff)),
        (health(true, true), ("sealed", Action::ReadSealStatus, Pause::None)),
    ] {
        let mut machine = machine(When::Returned);
        let asked = step(&mut machine, denied());
        assert_eq!(asked, ("unreachable".to_owned(), Action::AskHealth, Pause::None));
        assert_eq!(machine.state(), Some(&State::Unreachable { cause: Unreachable::Refused }), "nothing new");
        let (word, action, pause) = outcome;
        assert_eq!(step(&mut machine, then.clone()), (word.to_owned(), action, pause), "{then:?}");
    }
    // The second time in a row it is no first look: health is well, and only the seal status is not told.
    let mut machine = machine(When::Returned);
    for seen in [denied(), health(true, true), denied()] {
        step(&mut machine, seen);
    }
    assert!(matches!(machine.state(), Some(State::Sealed { delay: Some(Delay::StatusUnread(_)) })));
}

/// The answer to the last share was lost, and the round stands as it did before.
#[test]
fn a_share_that_did_not_arrive_is_not_awaited_at_a_port_that_opens() {
    let mut machine = machine(When::Last);
    for seen in [gone(Unreachable::Closed), Observation::Returned] {
        step(&mut machine, seen);
    }
    let next = machine.observe(Moment::from_secs(1), looked(2));
    assert!(matches!(next.action, Action::LoadShares(_)), "{next:?}");
}

/// What forbids a share does so whichever question is asked first.
#[test]
fn a_port_that_opens_is_no_way_around_the_gate() {
    let mut held = machine(When::Unsealed);
    let mut outsider = machine(When::Unsealed);
    step(&mut held, Observation::Hold);
    outsider.set_outsider(Some("another cluster's".to_owned()));
    for (mut machine, word) in [(held, "held"), (outsider, "sealed")] {
        let mut loads = Vec::new();
        for seen in [gone(Unreachable::Refused), Observation::Returned, looked(0)] {
            let next = machine.observe(Moment::ZERO, seen);
            loads.push(next.load_ahead || matches!(next.action, Action::LoadShares(_)));
        }
        assert_eq!(machine.state().map(State::word), Some(word));
        assert_eq!(loads, [false; 3], "{word}");
    }
}

#[test]
fn shares_are_read_ahead_only_where_they_will_probably_be_wanted() {
    let ahead = |when, seen| machine(when).observe(Moment::ZERO, seen).load_ahead;
    assert!(NodeMachine::new(Pace::default(), 1).start().load_ahead);
    assert!(ahead(When::Unsealed, Observation::Returned));
    assert!(ahead(When::Started, health(true, true)), "its seal status is asked for next");
    for (when, seen) in [
        (When::Started, health(false, true)),
        (When::Started, health(true, false)),
        (When::Returned, seal(|s| s.sealed = false)),
        (When::Returned, gone(Unreachable::Closed)),
        (When::Unsealed, gone(Unreachable::Refused)),
        (When::RejectedAndReturned, Observation::Returned),
        (When::Doubting, looked(0)),
        (When::Waiting, looked(1)),
        (When::Waiting, Observation::Left),
    ] {
        assert!(!ahead(when, seen.clone()), "{when:?}, then {seen:?}");
    }
    // Of a server whose seal takes none, every look is like the last.
    let mut machine = machine(When::Returned);
    step(&mut machine, seal(|s| s.shamir = false));
    assert!(!machine.observe(Moment::ZERO, health(true, true)).load_ahead);
    // A source that failed is read when its turn comes.
    let mut machine = self::machine(When::Looking);
    step(&mut machine, looked(0));
    let (text, advice) = ("no file".to_owned(), None);
    step(&mut machine, Observation::SharesUnavailable { kind: "missing", text, advice });
    assert!(!machine.observe(Moment::ZERO, health(true, true)).load_ahead);
}
