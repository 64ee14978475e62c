//! Turns names into nodes. The lookups are at the edge: `names` asks the system, `service` asks name servers. The
//! rest has no I/O and no clock: `roll` keeps what was found, `schedule` says when to look again.

mod error;
mod lookup;
mod names;
mod node;
mod roll;
mod schedule;
mod service;

pub use error::LookupError;
pub use lookup::{Found, Refused, look_up};
pub(crate) use names::addresses;
pub use node::Node;
pub use roll::{Change, Roll};
pub use schedule::{Outcome, Reason, Schedule, Window};
