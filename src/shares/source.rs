//! Where shares come from.

use super::{Notice, ShareError, ShareSet};
use std::path::PathBuf;

/// Where the shares of a cluster are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file that is owned and protected as `shares/file.rs` demands.
    File(PathBuf),
    /// A systemd credential of this name, below `$CREDENTIALS_DIRECTORY` (systemd.exec(5), `LoadCredential=`).
    Credential(String),
}

/// What reading a source gave.
pub struct Loaded {
    /// The shares.
    pub shares: ShareSet,
    /// What is odd about them.
    pub notices: Vec<Notice>,
}

/// Identity and time of change of a source: two equal stamps mean that nothing was rewritten between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {}

impl Source {
    /// Reads, checks and parses the source. Blocks on the file system: call it off the loop.
    pub fn load(&self) -> Result<Loaded, ShareError> {
        Err(ShareError::Unreadable)
    }

    /// The source's current stamp; `None` while it cannot be looked at.
    pub fn stamp(&self) -> Option<Stamp> {
        None
    }
}
