//! Every metric: its name, type, meaning and labels, and which figure it is. What is scraped is written from this
//! table, and the page for people and the tests are held against it.

use super::figures::{ClusterFigure, ClusterHistogram, NodeFigure, ProcessFigure};
use MetricKind::{Counter, Gauge, Histogram as Buckets};

/// A metric. A row is small, because there are many and the loader goes through what points to something.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name and, behind a space, what it means: one line without a backslash.
    pub text: &'static str,
    /// Its type.
    pub kind: MetricKind,
    /// Its labels.
    pub labels: MetricLabels,
    /// Where its values are.
    pub source: MetricSource,
}

impl Metric {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.text.split_once(' ').map_or(self.text, |(name, _)| name)
    }
}

/// The types that everything knows which reads the text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Goes up and down.
    Gauge,
    /// Goes up, until the daemon ends.
    Counter,
    /// Observations in buckets.
    Histogram,
}

impl MetricKind {
    /// Its word in the text format.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// The labels of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricLabels {
    /// There is one value.
    None,
    /// A version.
    Version,
    /// A cluster.
    Cluster,
    /// A cluster, and an upper bound.
    Bucket,
    /// A node.
    Node,
    /// A node, and a state.
    State,
    /// A node, and a result.
    Result,
    /// A node, under the names of another program.
    Instance,
    /// The same, and a version.
    InstanceVersion,
}

impl MetricLabels {
    /// Their names, in the order of their values.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Version => &["version"],
            Self::Cluster => &["cluster"],
            Self::Bucket => &["cluster", "le"],
            Self::Node => &["cluster", "node"],
            Self::State => &["cluster", "node", "state"],
            Self::Result => &["cluster", "node", "result"],
            Self::Instance => &["cluster", "instance"],
            Self::InstanceVersion => &["cluster", "instance", "version"],
        }
    }
}

/// Where the values of a metric are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricSource {
    /// Always 1, with the daemon's version as label.
    Version,
    /// One of the daemon, or of its process.
    Process(ProcessFigure),
    /// One of each node.
    Node(NodeFigure),
    /// One of each node for every word of a state.
    State,
    /// One of each node for every result of a try to unseal it.
    Attempts,
    /// Always 1 of each node whose version is known, with that as label.
    ServerVersion,
    /// One of each cluster.
    Cluster(ClusterFigure),
    /// One histogram of each cluster.
    Histogram(ClusterHistogram),
}

const fn metric(text: &'static str, kind: MetricKind, labels: MetricLabels, source: MetricSource) -> Metric {
    Metric { text, kind, labels, source }
}

/// Every metric, in the order in which they are written.
pub const METRICS: &[Metric] = &[
    metric(
        "vault_unseal_build_info \
         Always 1; the label is the daemon's version.",
        Gauge,
        MetricLabels::Version,
        MetricSource::Version,
    ),
    metric(
        "vault_unseal_reload_refused \
         Whether the last reload was refused.",
        Gauge,
        MetricLabels::None,
        MetricSource::Process(ProcessFigure::ReloadRefused),
    ),
    metric(
        "vault_unseal_node_up \
         Whether the server answers.",
        Gauge,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::Up),
    ),
    metric(
        "vault_unseal_node_sealed \
         Whether the server says that it is sealed.",
        Gauge,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::Sealed),
    ),
    metric(
        "vault_unseal_node_initialized \
         Whether the server says that it has keys.",
        Gauge,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::Initialized),
    ),
    metric(
        "vault_unseal_node_standby \
         Whether the unsealed server is not the active one.",
        Gauge,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::Standby),
    ),
    metric(
        "vault_unseal_node_state \
         1 for the state that the node is in, 0 for every other; all 0 before the first answer.",
        Gauge,
        MetricLabels::State,
        MetricSource::State,
    ),
    metric(
        "vault_unseal_node_held \
         Whether the server is left alone on purpose; absent in states that do not show it.",
        Gauge,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::Held),
    ),
    metric(
        "vault_unseal_node_last_confirmed_timestamp_seconds \
         When the server itself answered last.",
        Gauge,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::LastConfirmed),
    ),
    metric(
        "vault_unseal_node_state_changed_timestamp_seconds \
         Since when the node is in its state.",
        Gauge,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::StateChanged),
    ),
    metric(
        "vault_unseal_node_last_unseal_timestamp_seconds \
         When the server was last seen to become unsealed.",
        Gauge,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::LastUnseal),
    ),
    metric(
        "vault_unseal_node_certificate_not_before_timestamp_seconds \
         The first second of the certificate that the server shows.",
        Gauge,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::NotBefore),
    ),
    metric(
        "vault_unseal_node_certificate_not_after_timestamp_seconds \
         The last second of the certificate that the server shows.",
        Gauge,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::NotAfter),
    ),
    metric(
        "vault_unseal_node_unseal_attempts_total \
         Tries to unseal the server, by their result.",
        Counter,
        MetricLabels::Result,
        MetricSource::Attempts,
    ),
    metric(
        "vault_unseal_node_restarts_total \
         Restarts of the server that were noticed.",
        Counter,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::Restarts),
    ),
    metric(
        "vault_unseal_node_operator_seals_total \
         Seals of the server by an operator, undone or held.",
        Counter,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::OperatorSeals),
    ),
    metric(
        "vault_unseal_node_self_seals_total \
         Seals of the server's own, soon after it was unsealed.",
        Counter,
        MetricLabels::Node,
        MetricSource::Node(NodeFigure::SelfSeals),
    ),
    metric(
        "vault_unseal_cluster_shares_held \
         How many shares the cluster's source had when it was read last.",
        Gauge,
        MetricLabels::Cluster,
        MetricSource::Cluster(ClusterFigure::SharesHeld),
    ),
    metric(
        "vault_unseal_cluster_shares_threshold \
         How many shares the cluster's servers need.",
        Gauge,
        MetricLabels::Cluster,
        MetricSource::Cluster(ClusterFigure::SharesThreshold),
    ),
    metric(
        "vault_unseal_cluster_share_source_up \
         Whether the source of the shares could be read last.",
        Gauge,
        MetricLabels::Cluster,
        MetricSource::Cluster(ClusterFigure::ShareSourceUp),
    ),
    metric(
        "vault_unseal_cluster_ca_not_after_timestamp_seconds \
         The last second of the first CA to end that the configuration names.",
        Gauge,
        MetricLabels::Cluster,
        MetricSource::Cluster(ClusterFigure::CaNotAfter),
    ),
    metric(
        "vault_unseal_cluster_ca_not_before_timestamp_seconds \
         The first second of the same CA.",
        Gauge,
        MetricLabels::Cluster,
        MetricSource::Cluster(ClusterFigure::CaNotBefore),
    ),
    metric(
        "vault_unseal_cluster_request_latency_seconds \
         From a request to its answer.",
        Buckets,
        MetricLabels::Bucket,
        MetricSource::Histogram(ClusterHistogram::RequestLatency),
    ),
    metric(
        "vault_unseal_cluster_unseal_duration_seconds \
         From when a server is first seen sealed to when it is seen unsealed.",
        Buckets,
        MetricLabels::Bucket,
        MetricSource::Histogram(ClusterHistogram::UnsealDuration),
    ),
    metric(
        "process_cpu_seconds_total \
         Time that the daemon had a processor.",
        Counter,
        MetricLabels::None,
        MetricSource::Process(ProcessFigure::Cpu),
    ),
    metric(
        "process_resident_memory_bytes \
         How much of the daemon's memory is in RAM.",
        Gauge,
        MetricLabels::None,
        MetricSource::Process(ProcessFigure::Resident),
    ),
    metric(
        "process_open_fds \
         How many file descriptors the daemon has open.",
        Gauge,
        MetricLabels::None,
        MetricSource::Process(ProcessFigure::OpenDescriptors),
    ),
    metric(
        "process_max_fds \
         How many file descriptors the daemon may have open; absent without a limit.",
        Gauge,
        MetricLabels::None,
        MetricSource::Process(ProcessFigure::MostDescriptors),
    ),
    metric(
        "process_start_time_seconds \
         When the daemon was started, by its own clock.",
        Gauge,
        MetricLabels::None,
        MetricSource::Process(ProcessFigure::Started),
    ),
];

/// What `grapeshot/vault_exporter` 0.1.2 told of one server, for its dashboard and rules: names and labels are its own, but
/// for `cluster`. `instance`, which Prometheus gave each of its exporters, is the server's address.
pub const VAULT_EXPORTER: &[Metric] = &[
    metric(
        "vault_up \
         Whether the server answers.",
        Gauge,
        MetricLabels::Instance,
        MetricSource::Node(NodeFigure::Up),
    ),
    metric(
        "vault_initialized \
         Whether the server says that it has keys.",
        Gauge,
        MetricLabels::Instance,
        MetricSource::Node(NodeFigure::Initialized),
    ),
    metric(
        "vault_sealed \
         Whether the server says that it is sealed.",
        Gauge,
        MetricLabels::Instance,
        MetricSource::Node(NodeFigure::Sealed),
    ),
    metric(
        "vault_standby \
         Whether the unsealed server is not the active one.",
        Gauge,
        MetricLabels::Instance,
        MetricSource::Node(NodeFigure::Standby),
    ),
    metric(
        "vault_info \
         Always 1; the label is the server's version.",
        Gauge,
        MetricLabels::InstanceVersion,
        MetricSource::ServerVersion,
    ),
];
