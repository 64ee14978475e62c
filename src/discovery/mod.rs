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
