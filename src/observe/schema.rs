//! The documents that cross the socket. Members may be added within a version of the schema; none is renamed or removed,
//! and none changes its meaning.
//!
//! Times are seconds since 1970, durations seconds. What is not known now is absent. `T` is the text in a document: `String`
//! for the daemon that writes it, [`ExternalText`](crate::external::ExternalText) for whoever reads it from a socket.

use serde::{Deserialize, Serialize};

/// The version of the schema.
pub const SCHEMA: u32 = 1;

/// `GET /v1/nodes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot<T = String> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Names this life of the daemon.
    pub instance: T,
    /// The daemon's version.
    pub version: T,
    /// When the daemon was started.
    pub started_at: f64,
    /// When the snapshot was begun.
    pub at: f64,
    /// The number of the last event that is in it for sure. Nodes may show later ones already: each names its own last one.
    pub event: u64,
    /// The daemon goes on with an older configuration than the file's.
    pub reload_refused: bool,
    /// In the order of their clusters and addresses.
    pub nodes: Vec<ObservedNode<T>>,
    /// In the order of their names.
    pub clusters: Vec<ObservedCluster<T>>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedNode<T = String> {
    /// The cluster's name.
    pub cluster: T,
    /// The address.
    pub address: T,
    /// The number of the last event about it.
    pub event: u64,
    /// The server answers.
    pub up: bool,
    /// The state's word; absent before the first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<T>,
    /// Since when it is in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_since: Option<f64>,
    /// What an unsealed server is in its cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<T>,
    /// Why it is held: `request` or `operator-seal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<T>,
    /// The kind of error that it is in this state for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<T>,
    /// How many shares of the round are in, while shares go in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<usize>,
    /// How many it needs, while shares go in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<usize>,
    /// The server says that it is sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<bool>,
    /// The server says that it has keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initialized: Option<bool>,
    /// The server says that it is not the active one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standby: Option<bool>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<T>,
    /// When the server itself answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_confirmed: Option<f64>,
    /// When it was unsealed last, as far as this life of the daemon saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_unseal: Option<ObservedUnseal>,
    /// The certificate that it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<ObservedCertificate>,
    /// What was counted of it since the daemon was started.
    pub counters: ObservedCounters,
}

/// An unsealing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ObservedUnseal {
    /// When the server was seen unsealed.
    pub at: f64,
    /// How long after it was first seen sealed.
    pub took: f64,
}

/// From when until when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedCertificate {
    /// Its first second.
    pub not_before: u64,
    /// Its last second.
    pub not_after: u64,
}

/// Counters of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedCounters {
    /// Tries to unseal it.
    pub unseal_attempts: ObservedAttempts,
    /// Restarts of the server that were noticed.
    pub restarts: u64,
    /// Seals by an operator, undone or held.
    pub operator_seals: u64,
    /// Seals of the server's own, soon after it was unsealed.
    pub self_seals: u64,
    /// Holds that somebody asked for.
    pub holds: u64,
}

/// Tries to unseal a node, by their result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedAttempts {
    /// A share from here completed the round.
    pub unsealed: u64,
    /// The server refused a whole round of shares from here.
    pub refused: u64,
    /// A round that others had a part in failed, or was lost.
    pub disturbed: u64,
    /// A share got no answer, or an error that says nothing of it.
    pub error: u64,
}

/// One cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedCluster<T = String> {
    /// Its name.
    pub name: T,
    /// How many shares its source had when it was read last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares_held: Option<usize>,
    /// How many its servers need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares_threshold: Option<usize>,
    /// Whether its share source could be read last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_source_up: Option<bool>,
    /// From when that one is valid whose end is next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_not_before: Option<u64>,
    /// When the first of the authorities ends that the configuration names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_not_after: Option<u64>,
    /// Between two polls of a server that is unsealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_interval: Option<f64>,
    /// From a request to its answer.
    pub request_latency: ObservedHistogram,
    /// From when a server is first seen sealed to when it is seen unsealed.
    pub unseal_duration: ObservedHistogram,
}

/// A histogram of durations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedHistogram {
    /// Upper bounds in seconds, each with how many observations are not above it.
    pub buckets: Vec<(f64, u64)>,
    /// All observations together, in seconds.
    pub sum: f64,
    /// How many there were.
    pub count: u64,
}

/// `GET /v1/events?after=N`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventList<T = String> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Names this life of the daemon: in another one events have other numbers.
    pub instance: T,
    /// How many of the events after N are no longer kept.
    pub lost: u64,
    /// The number of the last event that there was.
    pub last: u64,
    /// In their order. Fewer than there are, if they were overtaken by newer ones meanwhile: ask again.
    pub events: Vec<ObservedEvent<T>>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedEvent<T = String> {
    /// Its number.
    pub number: u64,
    /// When it was.
    pub at: f64,
    /// What it is.
    pub kind: T,
    /// The cluster's name, if it is about a node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<T>,
    /// The node's address, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<T>,
    /// The state from then on, where that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<T>,
    /// The state until then, where that changed and there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<T>,
    /// What an unsealed server is in its cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<T>,
    /// Why it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<T>,
    /// The kind of error that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<T>,
    /// How long after it was first seen sealed the server was unsealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took: Option<f64>,
}
