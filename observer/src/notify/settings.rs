//! `notify.toml`.

use crate::document::{self, DocumentError, Table};
use std::fmt;
use std::path::Path;

/// Who is told what.
#[derive(Debug)]
pub struct NotifySettings {}

impl NotifySettings {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        document::read(path, Self::of)
    }

    fn of(_top: &Table<'_>) -> Result<Self, DocumentError> {
        Ok(Self {})
    }
}

/// What it says, in a few words.
impl fmt::Display for NotifySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("good")
    }
}
