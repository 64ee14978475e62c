//! What is remembered of one cluster.

use super::histogram::{BUCKETS, Histogram};
use std::time::Duration;

/// Upper bounds of how long answers take.
const LATENCY: [Duration; BUCKETS] = [
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(10),
];
/// Upper bounds of how long unsealings take.
const UNSEALING: [Duration; BUCKETS] = [
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
];

/// What is known of one cluster, and what was counted of all its nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRecord {
    /// How many shares its source had when it was read last.
    pub shares_held: Option<usize>,
    /// How many its servers need.
    pub shares_threshold: Option<usize>,
    /// Whether its source could be read last.
    pub share_source_up: Option<bool>,
    /// When the first of the authorities ends that the configuration names, in seconds since 1970.
    pub ca_not_after: Option<u64>,
    /// Between two polls of a server that is unsealed.
    pub poll_interval: Option<Duration>,
    /// From a request to its answer.
    pub request_latency: Histogram,
    /// From when a server is first seen sealed to when it is seen unsealed.
    pub unseal_duration: Histogram,
}

impl Default for ClusterRecord {
    fn default() -> Self {
        Self {
            shares_held: None,
            shares_threshold: None,
            share_source_up: None,
            ca_not_after: None,
            poll_interval: None,
            request_latency: Histogram::new(&LATENCY),
            unseal_duration: Histogram::new(&UNSEALING),
        }
    }
}
