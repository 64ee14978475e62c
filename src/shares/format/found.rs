//! What was found in a source, and where, so that it can be named without being shown.

use super::name::Label;
use crate::cluster::Scheme;
use std::fmt;

/// More shares than a split key can have: x is one byte and never 0.
pub(super) const MOST_SHARES: usize = 255;

/// A place in the text of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1.
    pub column: usize,
}

impl Spot {
    /// The place of the byte at `offset`.
    pub(super) fn of(text: &[u8], offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let line = before.split(|&byte| byte == b'\n').count();
        Self { line, column: before.len() - line_start + 1 }
    }

    /// The place of `part`, a slice of `text`.
    pub(super) fn of_part(text: &str, part: &str) -> Self {
        Self::of(text.as_bytes(), part.as_ptr().addr().saturating_sub(text.as_ptr().addr()))
    }
}

/// `line 5, column 3`.
impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Which share, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharePosition {
    /// The number of the share in its source, counted from 1.
    pub position: usize,
    /// Where it begins.
    pub spot: Spot,
}

/// `share 2 (line 5, column 3)`.
impl fmt::Display for SharePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "share {} ({})", self.position, self.spot)
    }
}

/// A string that should be a share, still in the buffer of the source.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) text: &'a str,
    pub(super) place: SharePosition,
    /// The number in its name: of `Unseal Key 2`.
    pub(super) number: Option<usize>,
}

/// Strings of one list.
#[derive(Default)]
pub(super) struct List<'a> {
    /// Its name; `None` for a list without one.
    pub(super) label: Option<Label>,
    pub(super) entries: Vec<Entry<'a>>,
}

impl<'a> List<'a> {
    /// Which share comes next, where it is `part` of the source's text.
    pub(super) fn next(&self, text: &str, part: &str) -> SharePosition {
        SharePosition { position: self.entries.len() + 1, spot: Spot::of_part(text, part) }
    }

    /// Takes the shares in one string of the source's text.
    pub(super) fn take(&mut self, text: &str, string: &'a str, number: Option<usize>) {
        for part in split(string) {
            let place = self.next(text, part);
            self.entries.push(Entry { text: part, place, number });
        }
    }
}

/// A string that looks like a share, under a name that does not say so.
pub(super) struct Stray<'a> {
    pub(super) text: &'a str,
    /// The name; `None` where there is none.
    pub(super) label: Option<Label>,
    pub(super) spot: Spot,
}

/// What was found in a source before any share was decoded.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(super) struct Found<'a> {
    /// The shares.
    pub(super) list: List<'a>,
    /// The same shares once more, in further lists.
    pub(super) again: Vec<List<'a>>,
    /// What looks like a share elsewhere.
    pub(super) strays: Vec<Stray<'a>>,
    /// Whether there are recovery keys.
    pub(super) recovery: bool,
    /// Whether there is a root token.
    pub(super) root_token: bool,
    /// Whether they are of a rekey that takes effect only when it is verified.
    pub(super) unverified: bool,
    /// Whether the source has members, as JSON and YAML do.
    pub(super) json: bool,
    /// What it says of the server's scheme.
    pub(super) scheme: Option<Scheme>,
}

/// The shares in one string: in a file of variables, several stand in one. An empty string is one that is no share.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let separator = |c: char| c.is_whitespace() || ",;".contains(c);
    let none = text.trim().is_empty().then_some(text.trim());
    text.split(separator).filter(|part| !part.is_empty()).chain(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_an_editor_does() {
        let text = "ab\ncd\r\n\nef";
        for (part, line, column) in [("ab", 1, 1), ("b", 1, 2), ("cd", 2, 1), ("ef", 4, 1), ("f", 4, 2)] {
            let offset = text.find(part).unwrap();
            assert_eq!(Spot::of_part(text, text.split_at(offset).1), Spot { line, column }, "{part}");
        }
        assert_eq!(Spot::of(text.as_bytes(), 99), Spot { line: 4, column: 3 });
    }
}
