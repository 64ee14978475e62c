//! The core: decides, for one node, what to do next. Pure: no I/O, no clock, no async.
//!
//! [`NodeMachine::observe`] takes what was just seen and the time, and returns the next [`Step`]. `watch/` carries
//! steps out. Everything difficult about unsealing is decided here and tested under simulated time.

mod attempt;
mod damage;
mod failures;
mod hold;
mod machine;
mod memberships;
mod observation;
mod pacing;
mod phase;
mod probe;
mod seal;
mod state;

pub use damage::{Damage, Objection};
pub use machine::NodeMachine;
pub use memberships::{ForeignNode, Memberships};
pub use observation::{Action, Event, Moment, Observation, ShareCandidates, Step};
pub use probe::{ProbeBudget, probe_pause};
pub use state::{Delay, Hold, State};
