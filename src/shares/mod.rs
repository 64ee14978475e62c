//! What we hold: Shamir key shares, where they come from, and how they are checked before any leaves
//! the machine.
//!
//! `ShareSource::load` is the way in: `crate::files`, `credential` or `tpm` gives the bytes, `format` finds the shares
//! in them. [`ShareSet::plan`] (`consistency`) says which of them to submit. [`load`] also reads what is handed over
//! once, [`store`] puts it where a source finds it, [`Split`] says who gets which.

mod consistency;
mod credential;
mod error;
mod format;
pub mod load;
pub mod offline;
pub mod recovery;
mod share;
mod socket;
mod source;
mod split;
pub mod store;
pub mod tpm;

pub use crate::files::FileRefusal;
pub use consistency::Plan;
pub use credential::CredentialRefusal;
pub use error::ShareError;
pub use format::{ContentRefusal, Encrypted, Label, ShareFlaw, SharePosition, Spot};
pub(crate) use format::{Value as DocumentValue, read_yaml};
pub use load::InitAnswer;
pub use share::{Share, ShareSet};
pub use socket::SocketRefusal;
pub use source::{LoadedShares, Notice, positions_in_words};
pub use split::{Split, SplitRefusal};
