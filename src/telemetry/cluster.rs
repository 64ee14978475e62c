//! What is remembered of one cluster.

use super::histogram::{BUCKETS, Histogram};
use std::time::Duration;

/// Upper bounds of how long answers take, in microseconds.
const LATENCY: [u32; BUCKETS] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000,
];
/// Upper bounds of how long unsealings take, in microseconds.
const UNSEALING: [u32; BUCKETS] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    60_000_000,
    300_000_000,
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
    /// Of the authorities that the configuration names, from when until when the first to end is valid, in seconds since 1970.
    pub authority: Option<(u64, u64)>,
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
            authority: None,
            poll_interval: None,
            request_latency: Histogram::new(&LATENCY),
            unseal_duration: Histogram::new(&UNSEALING),
        }
    }
}
