//! What we hold: Shamir key shares, where they come from, and how they are checked before any leaves
//! the machine.
//!
//! [`Source::load`] is the way in: `crate::files`, `credential` or `tpm` gives the bytes, `format` finds the shares in them.
//! [`ShareSet::plan`] (`consistency`, on the arithmetic of `field`) says which of them to submit.
//! [`given`] reads what a person hands over, [`home`] puts it where a source finds it, [`Split`] says who gets which.

mod answer;
mod child;
mod consistency;
mod conversation;
mod credential;
mod error;
mod field;
mod format;
pub mod given;
pub mod home;
mod notice;
pub mod offline;
pub mod rescue;
mod share;
mod source;
mod split;
pub mod tpm;

pub use crate::cluster::{Misfit, Scheme, ShareSource as Source};
pub use crate::files::FileRefusal;
pub use answer::InitAnswer;
pub use consistency::Plan;
pub use credential::CredentialRefusal;
pub use error::ShareError;
pub use format::{ContentRefusal, Encrypted, Flaw, Label, Place, Spot};
pub use notice::{Notice, positions_in_words};
pub use share::{Share, ShareSet};
pub use source::Loaded;
pub use split::{Split, SplitRefusal};

/// The largest source that is read, in bytes: 255 shares in hex and base64 are below 32 KiB.
const LIMIT: usize = 64 * 1024;
