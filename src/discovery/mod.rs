//! Turns names into nodes. The lookups are at the edge: `lookup` asks the system, `service` asks name servers. The rest has
//! no I/O and no clock: `roll` keeps what was found, `schedule` says when to look again.

mod error;
mod lookup;
mod roll;
mod schedule;
mod service;

pub use crate::cluster::Node;
pub use error::{FEW, FirstFew, LookupError, Refused, RefusedTargets};
pub(crate) use lookup::addresses;
pub use lookup::{Found, look_up};
pub use roll::{Change, Owners, Roll};
pub use schedule::{Outcome, Reason, Schedule, Window};
