//! What we hold: Shamir key shares, where they come from, and how they are checked before any leaves the machine.

mod error;
mod share;
mod source;

pub use error::{Notice, ShareError};
pub use share::{Share, ShareSet};
pub use source::{Loaded, Source, Stamp};
