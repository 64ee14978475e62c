//! The journal catalog explains every message, and nothing that is not one.
#![allow(clippy::expect_used, reason = "a malformed catalog is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use vault_unseal::report::message::Message;

#[path = "../site/catalog.rs"]
mod catalog;

use catalog::{entries, subject};

/// Fields that every message about a node has; others would show as nothing in the explanation.
const NODE_FIELDS: [&str; 4] = ["VAULT_NODE", "VAULT_CLUSTER", "VAULT_STATE", "VAULT_PREVIOUS_STATE"];

/// Messages about the daemon as a whole, which have no such fields.
const OF_THE_DAEMON: [Message; 7] = [
    Message::Started,
    Message::Reloaded,
    Message::Refused,
    Message::ReloadRefused,
    Message::Stopping,
    Message::Ordered,
    Message::Notice,
];

/// The fields that stand as `@FIELD@` in a text.
fn fields(text: &str) -> BTreeSet<&str> {
    text.split('@')
        .skip(1)
        .step_by(2)
        .inspect(|field| assert!(NODE_FIELDS.contains(field), "@{field}@ is no field of ours"))
        .collect()
}

#[test]
fn every_message_and_nothing_else_is_explained() {
    let explained: BTreeSet<_> = entries().into_keys().collect();
    let said: BTreeSet<_> = Message::all().map(Message::id).collect();
    assert_eq!(explained, said);
}

/// The page for people has every kind of message, as the catalog words it, and no other.
#[test]
fn the_page_lists_what_the_catalog_explains() {
    let page = include_str!("../docs/usage/journal.md");
    let listed =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
    let listed: BTreeMap<_, _> = listed.filter(|(id, _)| id.len() == 32).collect();
    let entries = entries();
    let explained: BTreeMap<_, _> =
        entries.iter().map(|(id, (headers, _))| (*id, subject(headers))).collect();
    assert_eq!(listed, explained.iter().map(|(id, subject)| (*id, subject.as_str())).collect());
    for field in NODE_FIELDS {
        assert!(page.contains(&format!("| `{field}` |")), "{field}");
    }
}

#[test]
fn every_entry_has_a_subject_and_a_text_with_the_fields_that_its_message_has() {
    let entries = entries();
    for message in Message::all() {
        let (headers, text) = entries[message.id()];
        let subject =
            headers.lines().next().and_then(|line| line.strip_prefix("Subject: ")).expect("a subject");
        assert!(headers.contains("\nDefined-By: vault-unseal"), "{message:?}");
        assert!(text.trim().len() > 80, "{message:?}: says too little");
        assert!(text.lines().all(|line| line.len() <= 100), "{message:?}: lines for a terminal");
        let named: BTreeSet<_> = fields(subject).union(&fields(text)).copied().collect();
        if OF_THE_DAEMON.contains(&message) {
            assert!(named.is_empty(), "{message:?} has none of {named:?}");
        } else {
            assert!(named.contains("VAULT_CLUSTER"), "{message:?}: which cluster?");
            assert!(subject.contains("@VAULT_NODE@"), "{message:?}: which node?");
        }
    }
}

#[test]
fn subjects_differ() {
    let entries = entries();
    let subjects: BTreeSet<_> =
        entries.values().map(|(headers, _)| headers.lines().next().unwrap_or_default()).collect();
    assert_eq!(subjects.len(), entries.len());
}

/// The catalog does not know which of the two a server is.
#[test]
fn commands_are_those_of_vault_and_of_openbao() {
    for (id, (_, text)) in entries() {
        let of = |program: &str| text.matches(&format!("{program} operator ")).count();
        assert_eq!(of("vault"), of("bao"), "{id}: {text}");
    }
}
