//! Shares that cannot belong to a server, whatever their values: told from their length and its threshold.

use crate::explain::Explain;
use crate::shares::{Share, ShareSet};

/// Why no share of a set can belong to a server with this threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// Bare keys for a server whose key was split. Such a share has no x byte and would spoil the round.
    #[error(
        "the shares have {bytes} bytes, but the server's key is split with threshold {threshold} and \
         shares of such a key have 33"
    )]
    BareKey {
        /// The length of each share.
        bytes: usize,
        /// The server's threshold.
        threshold: usize,
    },
    /// Shares of a split key for a server whose key is not split: OpenBao answers `invalid key size 33`.
    #[error(
        "the shares have 33 bytes, as shares of a split key have, but the server's threshold is 1 and \
         its key has 32"
    )]
    SplitKey,
}

impl Misfit {
    /// Compares the length of the shares, which is the same for all, with the threshold.
    pub(super) fn of(set: &ShareSet, threshold: usize) -> Option<Self> {
        let share = set.get(0)?;
        match (share.point().is_some(), threshold) {
            (true, 1) => Some(Self::SplitKey),
            (false, 2..) => Some(Self::BareKey { bytes: Share::bytes(share).len(), threshold }),
            _ => None,
        }
    }
}

impl Explain for Misfit {
    fn kind(&self) -> &'static str {
        match self {
            Self::BareKey { .. } => "bare-key-for-split-server",
            Self::SplitKey => "split-key-for-bare-server",
        }
    }

    fn advice(&self) -> Option<String> {
        let advice = "These are the shares of another server. Use those that this one printed when it was \
            initialised.";
        Some(advice.to_owned())
    }
}
