//! What settings speak of: where servers are, how they are known, how often they are asked, and what is said of their
//! shares. Vocabulary alone: nothing here reads a file, opens a connection or parses a configuration.

mod address;
mod pace;
mod pin;
mod scheme;

pub(crate) use address::{ADDRESSES, SERVICES};
pub use address::{Discovery, Node, NodeAddress};
pub use pace::{OnOperatorSeal, Pace};
pub use pin::{COMPUTE as COMPUTE_PIN, Pin, PinError};
pub use scheme::{Misfit, Scheme, ShareSource};
