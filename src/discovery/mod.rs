//! Turns names into nodes. The lookups are at the edge: `names` asks the system, `service` asks name servers. The
//! rest has no I/O and no clock: `roll` keeps what was found, `schedule` says when to look again.

mod error;
mod first_few;
mod lookup;
mod names;
mod owners;
mod refused;
mod roll;
mod schedule;
mod service;

pub use crate::cluster::Node;
pub use error::LookupError;
pub use first_few::{FEW, FirstFew};
pub use lookup::{Found, look_up};
pub(crate) use names::addresses;
pub use owners::Owners;
pub use refused::{Refused, RefusedTargets};
pub use roll::{Change, Roll};
pub use schedule::{Outcome, Reason, Schedule, Window};
