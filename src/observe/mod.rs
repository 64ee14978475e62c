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

pub use client::{ObserveError, Wanted, events, metrics, snapshot};
pub(crate) use client::{beside_control, document};
pub(crate) use json::Seconds;
pub use schema::{
    EventList, ObservedAttempts, ObservedCertificate, ObservedCluster, ObservedCounters, ObservedEvent,
    ObservedHistogram, ObservedNode, ObservedUnseal, SCHEMA, Snapshot,
};
pub use server::{listen, socket};
pub(crate) use value::ObservedValue;

/// What tests/fuzz gives any bytes.
#[cfg(feature = "fuzzing")]
pub mod fuzzing {
    use super::request::Asked;
    use super::value::ObservedValue;
    use super::{answer, client};

    /// What the head of a request asks for, in words of ours; or the status code of its refusal.
    pub fn asked(head: &[u8]) -> Result<String, u16> {
        match Asked::of(head) {
            Asked::Unknown(status) => Err(status),
            asked => Ok(format!("{asked:?}")),
        }
    }

    /// The body of an answer.
    pub fn body(answer: &[u8]) -> Result<Vec<u8>, &'static str> {
        client::body(answer)
    }

    /// The answer with this body, in chunks of this size.
    pub fn answer(body: &[u8], size: usize) -> Vec<u8> {
        let mut written = Vec::new();
        answer::begin(&mut written, answer::JSON);
        body.chunks(size.max(1)).for_each(|part| answer::chunk(&mut written, part, false));
        answer::chunk(&mut written, &[], true);
        written
    }

    /// A document that is passed on, as it is written again.
    pub fn passed_on(document: &[u8]) -> Option<String> {
        serde_json::from_slice::<ObservedValue>(document).ok().map(|value| value.to_string())
    }
}
