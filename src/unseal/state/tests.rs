//! What everything that a user sees takes from a state, row by row.

use super::*;
use crate::api::LogHint;
use std::time::Duration;

/// Each state, its word, why it is held, whether it serves, and whether it has keys.
fn rows() -> Vec<(State, &'static str, Option<Hold>, bool, bool)> {
    let (kind, text, advice) = ("missing", "no file".to_owned(), None);
    let (progress, threshold, product) = (1, 3, Product::Vault);
    let held = |hold, unsealed| State::Held { hold, unsealed };
    vec![
        (State::Unreachable { cause: Unreachable::Refused }, "unreachable", None, false, false),
        (
            State::Uninitialized { objection: Objection::Nothing, product },
            "uninitialized",
            None,
            false,
            false,
        ),
        (State::Joining, "joining", None, false, true),
        (State::Sealed { delay: None }, "sealed", None, false, true),
        (State::Unsealing { progress, threshold }, "unsealing", None, false, true),
        (State::WaitingForPeers { progress, threshold }, "waiting-for-peers", None, false, true),
        (State::Unsealed { role: Role::Active }, "unsealed", None, true, true),
        (held(Hold::Seal, false), "held", Some(Hold::Seal), false, true),
        (held(Hold::Request, false), "held", Some(Hold::Request), false, true),
        (held(Hold::Request, true), "held", Some(Hold::Request), true, true),
        (State::SharesRejected { kind, text: text.clone(), advice }, "shares-rejected", None, false, true),
        (State::SharesUnavailable { kind, text, advice: None }, "shares-unavailable", None, false, true),
        (State::ForeignSeal { seal_type: None }, "foreign-seal", None, false, true),
        (State::Migrating { product }, "migrating", None, false, true),
        (State::Removed, "removed", None, false, true),
        (State::SealsItself { times: 2, text: String::new() }, "seals-itself", None, false, true),
        (State::Damaged { damage: Damage::Keyring }, "damaged", None, false, false),
    ]
}

#[test]
fn each_state_has_its_word_and_says_what_it_means() {
    for (state, word, hold, serves, has_keys) in rows() {
        let said = (state.word(), state.hold(), state.is_unsealed(), state.is_initialised());
        assert_eq!(said, (word, hold, serves, has_keys), "{state:?}");
    }
}

#[test]
fn words_are_those_of_the_states_in_their_order() {
    let mut words: Vec<_> = rows().iter().map(|(state, ..)| state.word()).collect();
    words.dedup();
    assert_eq!(words, State::WORDS);
}

/// Files of earlier runs have it, and scripts read it.
#[test]
fn hold_has_one_name_everywhere() {
    for (hold, name) in [(Hold::Seal, "operator-seal"), (Hold::Request, "request")] {
        assert_eq!(hold.word(), name);
        assert_eq!(serde_json::to_string(&hold).unwrap(), format!("\"{name}\""));
    }
}

#[test]
fn delay_says_what_keeps_shares_from_the_server() {
    let refusal = |text: &str| {
        Refusal::parse(500, format!("{{\"errors\":[\"{text}\"]}}").as_bytes(), LogHint::default())
    };
    let wrong = "cipher: message authentication failed";
    let limited = "rate limit quota exceeded";
    for (delay, said) in [
        (Delay::out_of_bounds(300), "the server asks for 300 shares, more than can exist"),
        (Delay::Because("another cluster's".to_owned()), "another cluster's"),
        (
            Delay::RoundFailed(refusal(wrong)),
            "a round failed: HTTP 500: the shares do not make this server's key",
        ),
        (
            Delay::Refused(refusal(limited)),
            "HTTP 500: a rate limit quota of the server refuses shares for now",
        ),
        (Delay::NotThrough(Unreachable::Refused), "no answer to a share comes back: connection refused"),
        (
            Delay::StatusUnread(Unreachable::Timeout(Duration::from_secs(10))),
            "its seal status cannot be read: no answer within 10s",
        ),
    ] {
        assert_eq!(delay.to_string(), said);
    }
}
