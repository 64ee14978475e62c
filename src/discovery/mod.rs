//! Turns names into nodes. The lookups are at the edge: `lookup` asks the system, `service` asks name servers. The rest has
//! no I/O and no clock: `inventory` keeps what was found, `schedule` says when to look again.

mod error;
mod inventory;
mod lookup;
mod schedule;
mod service;

pub use error::{FEW, FirstFew, LookupError, RefusedTarget, RefusedTargets};
pub use inventory::{Change, NodeInventory, Owners};
pub(crate) use lookup::addresses;
pub use lookup::{FoundNodes, look_up};
pub use schedule::{LookupOutcome, LookupReason, LookupWindow, Schedule};

/// What tests/fuzz gives any bytes.
#[cfg(feature = "fuzzing")]
pub mod fuzzing {
    use super::service::message::{DnsAnswer, DnsQuery};

    /// The hosts and ports of an answer, without any if there is no such name; `None` if it was cut short.
    pub fn dns_answer(reply: &[u8]) -> Result<Option<Vec<(String, u16)>>, String> {
        Ok(match DnsAnswer::read(reply).map_err(|said| said.to_string())? {
            None => None,
            Some(DnsAnswer::NoSuchName) => Some(Vec::new()),
            Some(DnsAnswer::Targets(targets)) => {
                Some(targets.into_iter().map(|target| (target.host, target.port)).collect())
            }
        })
    }

    /// The question for a name, and whether this is its answer.
    pub fn dns_query(name: &str, reply: &[u8]) -> Option<(Vec<u8>, bool)> {
        let query = DnsQuery::new(name).ok()?;
        Some((query.bytes().to_vec(), query.is_answered_by(reply)))
    }
}
