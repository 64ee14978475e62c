//! `docs/usage/observe.schema.json` is what the types of the observation socket are.

use std::fs;

use serde_json::{Value, json, to_value};
use vault_unseal::observe::{
    EventList, ObservedAttempts, ObservedCertificate, ObservedCluster, ObservedCounters, ObservedEvent,
    ObservedHistogram, ObservedNode, ObservedUnseal, SCHEMA, Snapshot,
};

use super::json_schema::{Findings, check};
use super::pages::root;

fn schema() -> Value {
    let text = fs::read_to_string(root().join("docs/usage/observe.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A member that is there, or not.
fn given<T>(all: bool, value: T) -> Option<T> {
    all.then_some(value)
}

fn text(all: bool) -> Option<String> {
    given(all, "word".to_owned())
}

/// With every member of every type that can be absent, or with none. A member that is added is added here, too.
fn snapshot(all: bool) -> Snapshot {
    let histogram = || ObservedHistogram { buckets: vec![(0.005, 1), (10.0, 2)], sum: 0.5, count: 2 };
    Snapshot {
        schema: SCHEMA,
        instance: "a".to_owned(),
        version: "1.0.0".to_owned(),
        started_at: 1.5,
        at: 2.0,
        event: 3,
        reload_refused: false,
        nodes: vec![ObservedNode {
            cluster: "home".to_owned(),
            address: "https://vault.example:8200".to_owned(),
            event: 3,
            up: true,
            state: text(all),
            state_since: given(all, 1.25),
            role: text(all),
            hold: given(all, "request".to_owned()),
            cause: text(all),
            progress: given(all, 1),
            threshold: given(all, 3),
            sealed: given(all, true),
            initialized: given(all, true),
            standby: given(all, false),
            version: text(all),
            last_confirmed: given(all, 1.75),
            last_unseal: given(all, ObservedUnseal { at: 1.0, took: 0.5 }),
            certificate: given(all, ObservedCertificate { not_before: 1, not_after: 2 }),
            counters: ObservedCounters {
                unseal_attempts: ObservedAttempts { unsealed: 1, refused: 0, disturbed: 0, error: 0 },
                restarts: 1,
                operator_seals: 0,
                self_seals: 0,
                holds: 0,
            },
        }],
        clusters: vec![ObservedCluster {
            name: "home".to_owned(),
            shares_held: given(all, 3),
            shares_threshold: given(all, 3),
            share_source_up: given(all, true),
            ca_not_before: given(all, 1),
            ca_not_after: given(all, 2),
            poll_interval: given(all, 1.0),
            request_latency: histogram(),
            unseal_duration: histogram(),
        }],
    }
}

fn events(all: bool) -> EventList {
    EventList {
        schema: SCHEMA,
        instance: "a".to_owned(),
        lost: 0,
        last: 1,
        events: vec![ObservedEvent {
            number: 1,
            at: 1.0,
            kind: "state".to_owned(),
            cluster: text(all),
            address: text(all),
            state: text(all),
            previous: text(all),
            role: text(all),
            hold: given(all, "operator-seal".to_owned()),
            cause: text(all),
            took: given(all, 0.5),
        }],
    }
}

#[test]
fn the_documents_of_the_socket_are_as_the_schema_says_and_it_has_all_their_members() {
    let schema = schema();
    for all in [true, false] {
        assert_eq!(
            check(&schema, Some("Snapshot"), &to_value(snapshot(all)).unwrap()),
            Findings::default(),
            "{all}"
        );
        assert_eq!(
            check(&schema, Some("EventList"), &to_value(events(all)).unwrap()),
            Findings::default(),
            "{all}"
        );
    }
}

#[test]
fn the_schema_has_no_member_that_is_not_in_the_documents_and_requires_those_that_are_always_there() {
    let schema = schema();
    let (least, most) = (snapshot(false), snapshot(true));
    let documents = |snapshot: &Snapshot, events: EventList| {
        let node = &snapshot.nodes[0];
        [
            ("ObservedAttempts", to_value(node.counters.unseal_attempts).unwrap()),
            ("ObservedCounters", to_value(node.counters).unwrap()),
            ("ObservedNode", to_value(node).unwrap()),
            ("ObservedHistogram", to_value(&snapshot.clusters[0].request_latency).unwrap()),
            ("ObservedCluster", to_value(&snapshot.clusters[0]).unwrap()),
            ("ObservedEvent", to_value(&events.events[0]).unwrap()),
            ("EventList", to_value(events).unwrap()),
            ("Snapshot", to_value(snapshot).unwrap()),
        ]
    };
    let inner = [
        ("ObservedUnseal", to_value(most.nodes[0].last_unseal.unwrap()).unwrap()),
        ("ObservedCertificate", to_value(most.nodes[0].certificate.unwrap()).unwrap()),
    ];
    let names = |object: &Value| {
        let mut names: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let most: Vec<_> = documents(&most, events(true)).into_iter().chain(inner.clone()).collect();
    for (name, document) in &most {
        assert_eq!(names(&schema["$defs"][name]["properties"]), names(document), "{name}");
    }
    for (name, document) in documents(&least, events(false)).into_iter().chain(inner) {
        let mut required: Vec<&str> = schema["$defs"][name]["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap())
            .collect();
        required.sort_unstable();
        assert_eq!(required, names(&document), "{name}");
    }
    assert_eq!(schema["$defs"].as_object().unwrap().len(), most.len());
}

#[test]
fn a_document_of_another_kind_is_found_wrong_and_an_unknown_member_is_not() {
    let schema = schema();
    let mut document = to_value(snapshot(true)).unwrap();
    document["nodes"][0]["later"] = json!(1);
    let findings = check(&schema, Some("Snapshot"), &document);
    assert_eq!((findings.wrong.len(), findings.unknown.as_slice()), (0, &["$.nodes[].later".to_owned()][..]));
    for (place, wrong) in [
        ("/schema", json!(2)),
        ("/at", json!(-1)),
        ("/event", json!(1.5)),
        ("/nodes/0/up", json!("yes")),
        ("/nodes/0/hold", json!("alice")),
        ("/nodes/0/counters/restarts", Value::Null),
        ("/clusters/0/request_latency/buckets", json!({})),
        ("/clusters/0", json!({})),
    ] {
        let mut document = to_value(snapshot(true)).unwrap();
        *document.pointer_mut(place).unwrap() = wrong;
        assert!(!check(&schema, Some("Snapshot"), &document).wrong.is_empty(), "{place}");
    }
}
