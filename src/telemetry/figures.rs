//! What is told in numbers, and where it is found. What is not known now is `None`, and never 0.

use super::cluster::ClusterRecord;
use super::histogram::Histogram;
use super::node::{NodeRecord, StateSummary};
use std::time::Duration;

/// A number: seconds and their fractions, or so many of something as whole seconds.
pub type MetricValue = Duration;

/// What is told of the daemon itself and of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessFigure {
    /// When it was started.
    Started,
    /// How long it has had a processor.
    Cpu,
    /// How much of its memory is in RAM.
    Resident,
    /// How many file descriptors it has open.
    OpenDescriptors,
    /// How many it may have.
    MostDescriptors,
    /// Whether it goes on with an old configuration.
    ReloadRefused,
}

/// What is told of a node in one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeFigure {
    Up,
    Sealed,
    Initialized,
    Standby,
    Held,
    LastConfirmed,
    StateChanged,
    LastUnseal,
    NotBefore,
    NotAfter,
    Restarts,
    OperatorSeals,
    SelfSeals,
}

impl NodeFigure {
    /// The number; `None` of what is not known now.
    pub fn of(self, node: &NodeRecord) -> Option<MetricValue> {
        let up = node.is_up();
        let flags = node.flags.filter(|_| up);
        let certificate = node.certificate.filter(|_| up);
        let number = match self {
            Self::LastConfirmed => return node.last_confirmed,
            Self::StateChanged => return node.state_since,
            Self::LastUnseal => return node.last_unseal.map(|last| last.at),
            Self::Up => up.into(),
            Self::Sealed => flags?.sealed.into(),
            Self::Initialized => flags?.initialized.into(),
            Self::Standby => flags?.standby?.into(),
            Self::Held => node.state.filter(StateSummary::shows_hold)?.hold.is_some().into(),
            Self::NotBefore => certificate?.0,
            Self::NotAfter => certificate?.1,
            Self::Restarts => node.counters.restarts,
            Self::OperatorSeals => node.counters.operator_seals,
            Self::SelfSeals => node.counters.self_seals,
        };
        Some(Duration::from_secs(number))
    }
}

/// What is told of a cluster in one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterFigure {
    SharesHeld,
    SharesThreshold,
    ShareSourceUp,
    CaNotAfter,
    CaNotBefore,
}

impl ClusterFigure {
    /// The number; `None` of what is not known now.
    pub fn of(self, cluster: &ClusterRecord) -> Option<MetricValue> {
        let count = |count: Option<usize>| u64::try_from(count?).ok();
        let number = match self {
            Self::SharesHeld => count(cluster.shares_held),
            Self::SharesThreshold => count(cluster.shares_threshold),
            Self::ShareSourceUp => cluster.share_source_up.map(u64::from),
            Self::CaNotAfter => cluster.authority.map(|(_, ends)| ends),
            Self::CaNotBefore => cluster.authority.map(|(begins, _)| begins),
        };
        number.map(Duration::from_secs)
    }
}

/// What is told of a cluster in a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterHistogram {
    RequestLatency,
    UnsealDuration,
}

impl ClusterHistogram {
    /// The histogram.
    pub fn of(self, cluster: &ClusterRecord) -> &Histogram {
        match self {
            Self::RequestLatency => &cluster.request_latency,
            Self::UnsealDuration => &cluster.unseal_duration,
        }
    }
}
