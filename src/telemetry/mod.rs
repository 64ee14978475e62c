//! What the daemon remembers of its nodes for whoever observes it: facts, what was counted since it was started, and the
//! last events. All of it may be told to everybody on the machine: there is no path in it, no share, no name of a
//! person, and of a server's own words only its version.
//!
//! What is not known now is absent ([`None`]), and never 0.

mod cluster;
mod event;
mod figures;
mod histogram;
mod metrics;
mod node;
mod recorder;
mod store;

pub use cluster::ClusterRecord;
pub use event::{EventKind, RecordedEvent};
pub use figures::{MetricValue, ProcessFigure};
pub use histogram::Histogram;
pub use metrics::{METRICS, Metric, MetricKind, MetricLabels, MetricSource, VAULT_EXPORTER};
pub use node::{AttemptResult, LastUnseal, NodeCounters, NodeName, NodeRecord, ServerFlags, StateSummary};
pub use recorder::{CertificateDates, NodeRecorder};
pub use store::{EventPage, Telemetry};
