//! Turns names into nodes. The lookups are at the edge: `lookup` asks the system, `service` asks name servers. The rest has
//! no I/O and no clock: `inventory` keeps what was found, `schedule` says when to look again.

mod error;
mod inventory;
mod lookup;
mod schedule;
mod service;

pub use crate::cluster::Node;
pub use error::{FEW, FirstFew, LookupError, RefusedTarget, RefusedTargets};
pub use inventory::{Change, NodeInventory, Owners};
pub(crate) use lookup::addresses;
pub use lookup::{FoundNodes, look_up};
pub use schedule::{LookupOutcome, LookupReason, LookupWindow, Schedule};

// The names until the imports of the verbs and of the socket are swept.
pub use inventory::NodeInventory as Roll;
pub use lookup::FoundNodes as Found;
pub use schedule::{LookupOutcome as Outcome, LookupReason as Reason};
