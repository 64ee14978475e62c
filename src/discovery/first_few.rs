//! Lists that DNS can make as long as it likes, in sentences.

use std::fmt::{self, Display};

/// How many of a list are shown.
pub const FEW: usize = 5;

/// The first few of a list, and how many more there are: `a, b and 12 more`.
pub struct FirstFew {
    shown: Vec<String>,
    count: usize,
}

impl FirstFew {
    /// Of a whole list.
    pub fn of<T: Display>(all: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) -> Self {
        let all = all.into_iter();
        let count = all.len();
        Self::of_all(all, count)
    }

    /// Of a list of `count`, whose beginning is known.
    pub fn of_all<T: Display>(beginning: impl Iterator<Item = T>, count: usize) -> Self {
        Self { shown: beginning.take(FEW).map(|item| item.to_string()).collect(), count }
    }
}

impl Display for FirstFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.join(", "))?;
        match self.count.saturating_sub(self.shown.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
