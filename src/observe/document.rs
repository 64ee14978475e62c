//! Makes documents of what is remembered, a slice at a time.

use super::json::Object;
use super::metrics::{self, MetricsCursor};
use super::schema::SCHEMA;
use crate::api::Role;
use crate::telemetry::{
    AttemptResult, ClusterRecord, Histogram, NodeName, NodeRecord, RecordedEvent, Telemetry,
};
use crate::unseal::Hold;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// Most nodes, clusters or events in a slice: a tenth of a millisecond.
const SLICE: usize = 32;

/// What remains to be written of a document.
pub(super) enum Remaining {
    /// Nodes, behind this one.
    Nodes(Option<Arc<NodeName>>),
    /// Clusters, behind this one.
    Clusters(Option<String>),
    /// Events.
    Events {
        /// After this number.
        after: u64,
        /// Up to this one.
        until: u64,
        /// None was written yet.
        first: bool,
    },
    /// Metrics.
    Metrics(MetricsCursor),
    /// Nothing.
    Nothing,
}

/// Begins a snapshot.
pub(super) fn begin_snapshot(telemetry: &Telemetry, version: &str, text: &mut Vec<u8>) -> Remaining {
    let mut object = Object::begin(text);
    object.number("schema", Some(SCHEMA.into()));
    object.text("instance", Some(telemetry.instance()));
    object.text("version", Some(version));
    object.seconds("started_at", Some(telemetry.started()));
    object.seconds("at", Some(telemetry.now()));
    object.number("event", Some(telemetry.last_event()));
    object.flag("reload_refused", Some(telemetry.reload_refused()));
    object.list("nodes");
    Remaining::Nodes(None)
}

/// Begins a list of the events after this number.
pub(super) fn begin_events(telemetry: &Telemetry, after: u64, text: &mut Vec<u8>) -> Remaining {
    let page = telemetry.events(after, 0, |_| {});
    let mut object = Object::begin(text);
    object.number("schema", Some(SCHEMA.into()));
    object.text("instance", Some(telemetry.instance()));
    object.number("lost", Some(page.lost));
    object.number("last", Some(page.last));
    object.list("events");
    Remaining::Events { after: after.saturating_add(page.lost), until: page.last, first: true }
}

/// Writes a slice of what remains, and returns what remains then.
pub(super) fn go_on(telemetry: &Telemetry, remaining: Remaining, text: &mut Vec<u8>) -> Remaining {
    match remaining {
        Remaining::Nodes(cursor) => {
            let mut first = cursor.is_none();
            let last = telemetry.nodes(cursor.as_ref(), SLICE, |name, record| {
                node(item(text, &mut first), name, record);
            });
            if last.is_some() {
                return Remaining::Nodes(last);
            }
            put(text, "],\"clusters\":[");
            Remaining::Clusters(None)
        }
        Remaining::Clusters(cursor) => {
            let mut first = cursor.is_none();
            let last = telemetry.clusters(cursor.as_ref(), SLICE, |name, record| {
                cluster(item(text, &mut first), name, record);
            });
            if last.is_some() {
                return Remaining::Clusters(last);
            }
            put(text, "]}");
            Remaining::Nothing
        }
        Remaining::Events { after, until, mut first } => {
            let mut last = after;
            telemetry.events(after, SLICE, |recorded| {
                // Overtaken by newer ones: what is lost is told when the rest is asked for.
                if recorded.number == last.saturating_add(1) && recorded.number <= until {
                    event(item(text, &mut first), recorded);
                    last = recorded.number;
                }
            });
            if last < until && last > after {
                return Remaining::Events { after: last, until, first };
            }
            put(text, "]}");
            Remaining::Nothing
        }
        Remaining::Metrics(cursor) => {
            metrics::go_on(telemetry, cursor, text).map_or(Remaining::Nothing, Remaining::Metrics)
        }
        Remaining::Nothing => Remaining::Nothing,
    }
}

fn put(text: &mut Vec<u8>, what: &str) {
    text.extend_from_slice(what.as_bytes());
}

/// Begins an item of a list.
fn item<'a>(text: &'a mut Vec<u8>, first: &mut bool) -> Object<'a> {
    if !std::mem::take(first) {
        text.push(b',');
    }
    Object::begin(text)
}

fn node(mut object: Object<'_>, name: &NodeName, record: &NodeRecord) {
    let up = record.is_up();
    let (state, flags) = (record.state, record.flags.filter(|_| up));
    object.text("cluster", Some(&name.cluster));
    object.text("address", Some(&name.address));
    object.number("event", Some(record.event));
    object.flag("up", Some(up));
    shown(
        &mut object,
        state.map(|state| state.word),
        state.and_then(|state| state.role),
        state.and_then(|state| state.hold),
    );
    object.text("cause", state.and_then(|state| state.cause));
    object.seconds("state_since", record.state_since);
    let progress = state.and_then(|state| state.progress);
    object.number("progress", progress.map(|(counted, _)| whole(counted)));
    object.number("threshold", progress.map(|(_, threshold)| whole(threshold)));
    object.flag("sealed", flags.map(|flags| flags.sealed));
    object.flag("initialized", flags.map(|flags| flags.initialized));
    object.flag("standby", flags.and_then(|flags| flags.standby));
    let version = record.version.as_ref().filter(|_| up).map(ToString::to_string);
    object.text("version", version.as_deref());
    object.seconds("last_confirmed", record.last_confirmed);
    if let Some(last) = record.last_unseal {
        let mut unseal = object.object("last_unseal");
        unseal.seconds("at", Some(last.at));
        unseal.seconds("took", Some(last.took));
        unseal.end();
    }
    if let Some((not_before, not_after)) = record.certificate.filter(|_| up) {
        let mut certificate = object.object("certificate");
        certificate.number("not_before", Some(not_before));
        certificate.number("not_after", Some(not_after));
        certificate.end();
    }
    let mut counters = object.object("counters");
    let mut attempts = counters.object("unseal_attempts");
    for ((_, word), count) in AttemptResult::ALL.iter().zip(record.counters.attempts) {
        attempts.number(word, Some(count));
    }
    attempts.end();
    counters.number("restarts", Some(record.counters.restarts));
    counters.number("operator_seals", Some(record.counters.operator_seals));
    counters.number("self_seals", Some(record.counters.self_seals));
    counters.number("holds", Some(record.counters.holds));
    counters.end();
    object.end();
}

/// What a node and an event have in common.
fn shown(object: &mut Object<'_>, state: Option<&str>, role: Option<Role>, hold: Option<Hold>) {
    object.text("state", state);
    object.text("role", role.map(Role::word));
    object.text("hold", hold.map(Hold::word));
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn cluster(mut object: Object<'_>, name: &str, record: &ClusterRecord) {
    object.text("name", Some(name));
    object.number("shares_held", record.shares_held.map(whole));
    object.number("shares_threshold", record.shares_threshold.map(whole));
    object.flag("share_source_up", record.share_source_up);
    object.number("ca_not_before", record.authority.map(|(begins, _)| begins));
    object.number("ca_not_after", record.authority.map(|(_, ends)| ends));
    object.seconds("poll_interval", record.poll_interval);
    histogram(object.object("request_latency"), &record.request_latency);
    histogram(object.object("unseal_duration"), &record.unseal_duration);
    object.end();
}

fn histogram(mut object: Object<'_>, histogram: &Histogram) {
    let mut buckets = String::new();
    for (bound, count) in histogram.cumulative() {
        let comma = if buckets.is_empty() { "" } else { "," };
        let (seconds, rest) = (bound.as_secs(), bound.subsec_micros() / 100);
        let _ = write!(buckets, "{comma}[{seconds}.{rest:04},{count}]");
    }
    object.put("buckets", Some(&format_args!("[{buckets}]")));
    let sum = histogram.sum();
    object.put("sum", Some(&format_args!("{}.{:06}", sum.as_secs(), sum.subsec_micros())));
    object.number("count", Some(histogram.count()));
    object.end();
}

fn event(mut object: Object<'_>, event: &RecordedEvent) {
    object.number("number", Some(event.number));
    object.seconds("at", Some(Duration::from_millis(event.at)));
    object.text("kind", Some(event.kind.word()));
    object.text("cluster", event.node.as_ref().map(|node| node.cluster.as_str()));
    object.text("address", event.node.as_ref().map(|node| node.address.as_str()));
    shown(&mut object, event.state, event.role, event.hold);
    object.text("previous", event.previous);
    object.text("cause", event.cause);
    object.seconds("took", event.took);
    object.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::external::ExternalText;
    use crate::observe::{EventList, Snapshot};
    use crate::telemetry::NodeRecorder;
    use crate::unseal::State;
    use serde_json::Value;

    fn written(telemetry: &Telemetry, begin: impl Fn(&mut Vec<u8>) -> Remaining) -> (Vec<u8>, usize) {
        let mut text = Vec::new();
        let (mut remaining, mut longest) = (begin(&mut text), 0);
        while !matches!(remaining, Remaining::Nothing) {
            let before = text.len();
            remaining = go_on(telemetry, remaining, &mut text);
            longest = longest.max(text.len() - before);
        }
        (text, longest)
    }

    fn fleet(nodes: usize) -> Arc<Telemetry> {
        let telemetry = Arc::new(Telemetry::default());
        for node in 0..nodes {
            let (cluster, address) =
                (format!("cluster-{}", node % 40), format!("https://node-{node}.home:8200"));
            telemetry.enter(&cluster, &address);
            let mut recorder = NodeRecorder::new(Arc::clone(&telemetry), &cluster, &address);
            recorder.state(&State::Sealed { delay: None }, None);
        }
        telemetry
    }

    /// Whatever is written, the types of the schema have, and nothing more.
    #[test]
    fn documents_are_those_of_the_schema() {
        let telemetry = fleet(3);
        let mut recorder = NodeRecorder::new(Arc::clone(&telemetry), "cluster-1", "https://node-1.home:8200");
        recorder.state(&State::Unsealed { role: Role::Active }, Some(Duration::from_millis(1250)));
        telemetry.shares_read("cluster-1", Some(5));
        let (text, _) = written(&telemetry, |text| begin_snapshot(&telemetry, "1.2.3", text));
        let read: Snapshot = serde_json::from_slice(&text).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), serde_json::from_slice::<Value>(&text).unwrap());
        let (text, _) = written(&telemetry, |text| begin_events(&telemetry, 0, text));
        let read: EventList = serde_json::from_slice(&text).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), serde_json::from_slice::<Value>(&text).unwrap());
    }

    fn snapshot(telemetry: &Telemetry) -> Snapshot<ExternalText> {
        let (text, _) = written(telemetry, |text| begin_snapshot(telemetry, "1.2.3", text));
        serde_json::from_slice(&text).unwrap()
    }

    fn events(telemetry: &Telemetry, after: u64) -> EventList<ExternalText> {
        let (text, _) = written(telemetry, |text| begin_events(telemetry, after, text));
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn slices_make_one_document_with_every_node_once() {
        for nodes in [0, 1, SLICE, SLICE + 1, 1000] {
            let telemetry = fleet(nodes);
            let seen = snapshot(&telemetry);
            assert_eq!((seen.nodes.len(), seen.clusters.len()), (nodes, nodes.min(40)));
            assert!(
                seen.nodes
                    .windows(2)
                    .all(|pair| (&pair[0].cluster, &pair[0].address) < (&pair[1].cluster, &pair[1].address))
            );
            assert_eq!(seen.event, telemetry.last_event());
            assert_eq!(events(&telemetry, 0).events.len(), 1 + 2 * nodes);
        }
    }

    /// At most 4 kB a node, as little as that of what the loop is held for.
    #[test]
    fn no_slice_is_long() {
        let telemetry = fleet(1000);
        for begin in [
            &(|text: &mut Vec<u8>| begin_snapshot(&telemetry, "1.2.3", text))
                as &dyn Fn(&mut Vec<u8>) -> Remaining,
            &|text| begin_events(&telemetry, 0, text),
        ] {
            let (_, longest) = written(&telemetry, begin);
            assert!(longest < SLICE * 2048, "{longest}");
        }
    }

    #[test]
    fn snapshot_and_the_events_after_it_have_no_gap() {
        let telemetry = fleet(3);
        let seen = snapshot(&telemetry);
        telemetry.leave("cluster-1", "https://node-1.home:8200");
        telemetry.reloaded(true);
        let later = events(&telemetry, seen.event);
        let told: Vec<_> = later.events.iter().map(|event| (event.number, event.kind.to_string())).collect();
        assert_eq!(
            told,
            [(seen.event + 1, "gone".to_owned()), (seen.event + 2, "reload-refused".to_owned())]
        );
        assert_eq!((later.lost, later.last, later.instance), (0, seen.event + 2, seen.instance));
        let now = snapshot(&telemetry);
        assert!(
            now.reload_refused && now.nodes.len() == 2 && now.clusters.len() == 2,
            "nothing is kept of who left"
        );
        assert!(events(&telemetry, later.last).events.is_empty());
    }

    #[test]
    fn events_that_are_no_longer_kept_are_counted() {
        let telemetry = fleet(2000);
        let seen = events(&telemetry, 10);
        assert_eq!(seen.last, 4001);
        assert_eq!(seen.events[0].number, 10 + seen.lost + 1);
        assert_eq!(seen.events.last().unwrap().number, seen.last);
        assert!(seen.events.windows(2).all(|pair| pair[0].number + 1 == pair[1].number));
    }

    #[test]
    fn list_that_is_overtaken_ends_before_the_gap() {
        let telemetry = fleet(900);
        let mut text = Vec::new();
        let remaining = begin_events(&telemetry, 0, &mut text);
        let remaining = go_on(&telemetry, remaining, &mut text);
        for _ in 0..2000 {
            telemetry.reloaded(false);
        }
        let remaining = go_on(&telemetry, remaining, &mut text);
        assert!(matches!(remaining, Remaining::Nothing));
        let seen: EventList = serde_json::from_slice(&text).unwrap();
        assert_eq!(seen.events.len(), SLICE);
    }
}
