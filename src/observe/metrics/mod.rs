//! Writes metrics in the text format of Prometheus (0.0.4), a slice at a time. All samples of a metric stand together,
//! so each metric goes through all nodes before the next one is begun.

use super::process;
use crate::telemetry::{
    AttemptResult, ClusterRecord, Metric, MetricSource, MetricValue, NodeName, NodeRecord, Telemetry,
};
use crate::unseal::State;
use std::fmt::{self, Display};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// A slice ends once it is as long as this: a tenth of a millisecond.
const ENOUGH: usize = 24 * 1024;
/// Most steps in a slice, some of which have nothing to write.
const STEPS: usize = 64;
/// Most nodes or clusters in a step: what they add to a slice is a quarter of it.
const RECORDS: usize = 4;

/// What is left to write.
#[derive(Debug)]
pub(super) struct MetricsCursor {
    /// The metrics that are to be written, or what is left of them.
    table: &'static [Metric],
    /// Of the first one, its head is written.
    head: bool,
    /// Of the first one, the nodes up to this one are.
    node: Option<Arc<NodeName>>,
    /// Of the first one, the clusters up to this one are.
    cluster: Option<String>,
}

impl MetricsCursor {
    /// At the beginning.
    pub(super) fn of(table: &'static [Metric]) -> Self {
        Self { table, head: false, node: None, cluster: None }
    }
}

/// Writes a slice, and returns what is left then; `None` when that is nothing.
pub(super) fn go_on(
    telemetry: &Telemetry,
    mut cursor: MetricsCursor,
    text: &mut Vec<u8>,
) -> Option<MetricsCursor> {
    for _ in 0..STEPS {
        let (metric, others) = cursor.table.split_first()?;
        step(telemetry, metric, &mut cursor, text);
        if cursor.node.is_none() && cursor.cluster.is_none() {
            cursor = MetricsCursor::of(others);
        }
        if text.len() >= ENOUGH {
            break;
        }
    }
    Some(cursor)
}

/// Writes some samples of a metric. There is a node or a cluster in the cursor then, unless these were the last ones.
fn step(telemetry: &Telemetry, metric: &Metric, cursor: &mut MetricsCursor, text: &mut Vec<u8>) {
    let mut samples = Samples { metric, head: &mut cursor.head, text };
    match metric.source {
        MetricSource::Version => samples.put("", &[env!("CARGO_PKG_VERSION")], Some(number(1))),
        MetricSource::Process(figure) => samples.put("", &[], process::read(figure, telemetry)),
        MetricSource::Node(_)
        | MetricSource::State
        | MetricSource::Attempts
        | MetricSource::ServerVersion => {
            cursor.node =
                telemetry.nodes(cursor.node.as_ref(), RECORDS, |name, record| samples.node(name, record));
        }
        MetricSource::Cluster(_) | MetricSource::Histogram(_) => {
            cursor.cluster = telemetry
                .clusters(cursor.cluster.as_ref(), RECORDS, |name, record| samples.cluster(name, record));
        }
    }
}

/// The samples of a metric.
struct Samples<'a> {
    metric: &'a Metric,
    head: &'a mut bool,
    text: &'a mut Vec<u8>,
}

impl Samples<'_> {
    fn node(&mut self, NodeName { cluster, address }: &NodeName, record: &NodeRecord) {
        match self.metric.source {
            MetricSource::Node(figure) => self.put("", &[cluster, address], figure.of(record)),
            MetricSource::State => {
                let now = record.state.map(|state| state.word);
                for word in State::WORDS {
                    self.put("", &[cluster, address, word], Some(number((now == Some(word)).into())));
                }
            }
            MetricSource::ServerVersion => {
                if let Some(version) = record.version.as_ref().filter(|_| record.is_up()) {
                    self.put("", &[cluster, address, &version.to_string()], Some(number(1)));
                }
            }
            _ => {
                for ((_, word), count) in AttemptResult::ALL.iter().zip(record.counters.attempts) {
                    self.put("", &[cluster, address, word], Some(number(count)));
                }
            }
        }
    }

    fn cluster(&mut self, name: &str, record: &ClusterRecord) {
        match self.metric.source {
            MetricSource::Cluster(figure) => self.put("", &[name], figure.of(record)),
            MetricSource::Histogram(histogram) => {
                let histogram = histogram.of(record);
                let count = Some(number(histogram.count()));
                for (bound, below) in histogram.cumulative() {
                    self.put("_bucket", &[name, &Decimal(bound).to_string()], Some(number(below)));
                }
                self.put("_bucket", &[name, "+Inf"], count);
                self.put("_sum", &[name], Some(histogram.sum()));
                self.put("_count", &[name], count);
            }
            _ => {}
        }
    }

    /// Writes a sample with the values of its labels, behind the head of its metric.
    fn put(&mut self, suffix: &str, labels: &[&str], value: Option<MetricValue>) {
        let Some(value) = value else { return };
        let Metric { text: name_and_help, kind, labels: names, .. } = *self.metric;
        let name = self.metric.name();
        if !std::mem::replace(self.head, true) {
            self.push(&["# HELP ", name_and_help, "\n# TYPE ", name, " ", kind.word(), "\n"]);
        }
        self.push(&[name, suffix]);
        let mut before = "{";
        for (name, value) in names.names().iter().zip(labels) {
            self.push(&[before, name, "=\""]);
            for byte in value.bytes() {
                let (escapes, byte) = match byte {
                    b'\\' | b'"' => (true, byte),
                    b'\n' => (true, b'n'),
                    _ => (false, byte),
                };
                if escapes {
                    self.text.push(b'\\');
                }
                self.text.push(byte);
            }
            before = "\",";
        }
        // Into memory: cannot fail.
        let _ = writeln!(self.text, "{} {}", if labels.is_empty() { "" } else { "\"}" }, Decimal(value));
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.extend_from_slice(part.as_bytes());
        }
    }
}

fn number(number: u64) -> MetricValue {
    Duration::from_secs(number)
}

/// `0.0025`, and `5` of whole numbers: to the millionth.
struct Decimal(MetricValue);

impl Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut rest, mut digits) = (self.0.as_secs(), self.0.subsec_micros(), 6);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        while rest % 10 == 0 {
            (rest, digits) = (rest / 10, digits - 1);
        }
        write!(f, "{whole}.{rest:0digits$}")
    }
}

#[cfg(test)]
mod tests;
