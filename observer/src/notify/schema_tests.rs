//! `docs/usage/notification.schema.json` is what programs are told.

use super::message::{Entry, EntryKind, Message};
use super::seen::Subject;
use serde_json::{Value, json};
use std::time::Duration;

#[path = "../../../tests/support/json_schema.rs"]
mod json_schema;

use json_schema::{Findings, check};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/usage/notification.schema.json")).unwrap()
}

fn entry(kind: EntryKind, whole: bool) -> Entry {
    let word = |word: &str| if whole { word.to_owned() } else { String::new() };
    let (cluster, node) = (word("home"), word("https://vault-1.home:8200"));
    Entry {
        kind,
        subject: Subject { cluster, node, respect: "state".to_owned() },
        event: "sealed".to_owned(),
        detail: word("waits for shares"),
        since: Duration::from_secs(1_800_000_000),
        until: whole.then_some(Duration::from_secs(1_800_000_060)),
    }
}

fn told(message: &Message) -> Value {
    serde_json::from_slice(&message.json("monitor").unwrap()).unwrap()
}

fn messages() -> Vec<Message> {
    let at = Duration::from_secs(1_800_000_100);
    let kinds =
        [EntryKind::Problem, EntryKind::Still, EntryKind::Happened, EntryKind::Over, EntryKind::Unwatched];
    let mut messages = vec![Message::test(at)];
    for kind in kinds {
        for whole in [true, false] {
            messages.push(Message { at, entries: vec![entry(kind, whole)], missed: 2 });
        }
    }
    let entries = kinds.map(|kind| entry(kind, true)).into();
    messages.push(Message { at, entries, missed: 0 });
    messages
}

#[test]
fn what_programs_are_told_is_as_the_schema_says_and_it_has_all_members() {
    let schema = schema();
    for message in messages() {
        let told = told(&message);
        assert_eq!(check(&schema, None, &told), Findings::default(), "{told}");
    }
}

#[test]
fn the_schema_has_no_other_members_and_words_than_programs_are_told() {
    let schema = schema();
    let told: Vec<Value> = messages().iter().map(told).collect();
    let entries: Vec<&Value> = told.iter().flat_map(|it| it["entries"].as_array().unwrap()).collect();
    for (rule, documents) in [(&schema, told.iter().collect()), (&schema["$defs"]["Entry"], entries)] {
        let documents: Vec<&Value> = documents;
        let required = rule["required"].as_array().unwrap();
        for (name, member) in rule["properties"].as_object().unwrap() {
            let with: Vec<&Value> = documents.iter().filter_map(|it| it.get(name)).collect();
            assert!(!with.is_empty(), "no {name} is told");
            assert_eq!(required.contains(&json!(name)), with.len() == documents.len(), "{name}");
            for word in member["enum"].as_array().into_iter().flatten() {
                assert!(with.contains(&word), "{name} is never {word}");
            }
        }
    }
}

#[test]
fn a_message_of_another_kind_is_found_wrong() {
    for (member, wrong) in [("schema", json!(2)), ("severity", json!("bad")), ("entries", json!([{}]))] {
        let mut told = told(&messages()[1]);
        told[member] = wrong;
        assert!(!check(&schema(), None, &told).wrong.is_empty(), "{member}");
    }
}
