//! Where in a source something is, so that it can be named without being shown.

use std::fmt;

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
pub struct Place {
    /// The number of the share in its source, counted from 1.
    pub position: usize,
    /// Where it begins.
    pub spot: Spot,
}

/// `share 2 (line 5, column 3)`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "share {} ({})", self.position, self.spot)
    }
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
