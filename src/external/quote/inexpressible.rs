//! What a grammar has no way to say.

use super::sentence;
use crate::explain::Explain;
use crate::external::text::is_plain;
use std::path::{Component, Path};

/// A path or name that a directive of a unit, or a configuration file, cannot express.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{directive} cannot name {what}: {reason}")]
pub struct Inexpressible {
    /// The directive, as in `LoadCredential=`.
    directive: &'static str,
    /// What was to be named, fit for a sentence.
    what: String,
    /// Why not.
    reason: &'static str,
}

impl Inexpressible {
    pub(super) fn new(directive: &'static str, what: &Path, reason: &'static str) -> Self {
        Self { directive, what: sentence(what), reason }
    }
}

impl Explain for Inexpressible {
    fn kind(&self) -> &'static str {
        "not-expressible"
    }

    fn advice(&self) -> Option<String> {
        Some("Take another path or name: letters, digits and `/._-` are good everywhere.".to_owned())
    }
}

/// The path, if it is absolute and of characters that systemd reads from a unit file (systemd.syntax(7)) and a person can
/// see there. systemd refuses `..` in the paths of units.
pub(super) fn absolute<'a>(directive: &'static str, path: &'a Path) -> Result<&'a str, Inexpressible> {
    let refused = |reason| Err(Inexpressible::new(directive, path, reason));
    let Some(text) = path.to_str() else { return refused("it is not UTF-8 text") };
    if !text.chars().all(is_plain) {
        return refused("it has a line break or another invisible character in it");
    }
    if !path.is_absolute() {
        return refused("it does not begin with `/`");
    }
    if path.components().any(|part| part == Component::ParentDir) || text.split('/').any(|part| part == ".") {
        return refused("it has `.` or `..` in it");
    }
    Ok(text)
}
