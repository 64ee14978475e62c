//! How many shares a server has, and how many of them it needs.

use std::fmt;

/// How a server's key is split. Numbers that the server tells anybody; nothing of them is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme {
    /// Shares needed: `t` of a seal status, `unseal_threshold` of an initialisation. 0 while there is no key.
    pub threshold: usize,
    /// Shares that exist: `n`, `unseal_shares`. 0 where nobody says.
    pub total: usize,
}

impl Scheme {
    /// Of a server of which only the threshold is known.
    pub fn needing(threshold: usize) -> Self {
        Self { threshold, total: 0 }
    }

    /// Whether both can speak of one server.
    pub fn agrees_with(self, other: Self) -> bool {
        let totals = [self.total, other.total];
        self.threshold == other.threshold && (totals.contains(&0) || self.total == other.total)
    }
}

/// As in "a server with": `5 shares, threshold 3`.
impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.total {
            0 => {}
            1 => f.write_str("1 share, ")?,
            total => write!(f, "{total} shares, ")?,
        }
        write!(f, "threshold {}", self.threshold)
    }
}
