//! The observation socket: what the daemon knows of its nodes, for everybody on the machine. HTTP/1.1 and JSON over a Unix
//! socket; nothing can be ordered through it.
//!
//! One request a connection, and its answer in chunks: whoever reads an answer that was cut short is told so by its
//! missing end. Readers are bounded in number (`quota`), in time, and in what they take from the loop (`server`).

/// Where the daemon can be observed as a service.
pub const SERVICE_SOCKET: &str = "/run/vault-unseal-observe/observe.sock";

mod answer;
mod client;
mod document;

mod json;
mod metrics;
mod process;
mod quota;
mod request;
mod schema;
mod server;
mod value;

pub(crate) use client::document;
pub use client::{ObserveError, Wanted, events, metrics, snapshot};
pub(crate) use json::Seconds;
pub use schema::{
    EventList, ObservedAttempts, ObservedCertificate, ObservedCluster, ObservedCounters, ObservedEvent,
    ObservedHistogram, ObservedNode, ObservedUnseal, SCHEMA, Snapshot,
};
pub(crate) use server::beside_control;
pub use server::{listen, socket};
pub(crate) use value::ObservedValue;
