//! `exporter.toml`.

use crate::document::{self, DocumentError, Table};
use std::fmt;
use std::path::Path;

/// Where and how metrics are served.
#[derive(Debug)]
pub struct ExporterSettings {}

impl ExporterSettings {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        document::read(path, Self::of)
    }

    fn of(_top: &Table<'_>) -> Result<Self, DocumentError> {
        Ok(Self {})
    }
}

/// What it says, in a few words.
impl fmt::Display for ExporterSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("good")
    }
}
