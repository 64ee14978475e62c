//! Shares that cannot belong to a server, whatever their values: told from what their source says of the server, from
//! their number and their length.

use crate::explain::Explain;
use crate::shares::{Scheme, Share, ShareSet};

/// Why no share of a set can belong to a server with this scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// The source speaks of a server that is split in another way.
    #[error("the shares are of a server with {source_says}; this one has {server}")]
    AnotherScheme {
        /// What the source says.
        source_says: Scheme,
        /// What the server says.
        server: Scheme,
    },
    /// More different shares than the server was given. Some of them are another server's, or from before a rekey, and
    /// which they are is not for this server to be asked.
    #[error("{held} shares are held, but the server was given only {total}")]
    TooMany {
        /// How many there are.
        held: usize,
        /// How many the server has.
        total: usize,
    },
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
    /// Holds the shares against what the server says of itself. A server that lies about it gets nothing for it.
    pub(super) fn of(set: &ShareSet, server: Scheme) -> Option<Self> {
        let share = set.get(0)?;
        if let Some(source_says) = set.scheme().filter(|scheme| !scheme.agrees_with(server)) {
            return Some(Self::AnotherScheme { source_says, server });
        }
        if server.total > 0 && set.count() > server.total {
            return Some(Self::TooMany { held: set.count(), total: server.total });
        }
        // The length is the same for all.
        let threshold = server.threshold;
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
            Self::AnotherScheme { .. } => "shares-of-another-scheme",
            Self::TooMany { .. } => "too-many-shares",
            Self::BareKey { .. } => "bare-key-for-split-server",
            Self::SplitKey => "split-key-for-bare-server",
        }
    }

    fn advice(&self) -> Option<String> {
        let advice = match self {
            Self::AnotherScheme { .. } => {
                "These are the shares of another server, or from before a rekey, and none of them is submitted. Use those \
                 that this one printed when it was initialised or rekeyed."
            }
            Self::TooMany { .. } => {
                "The source mixes shares of several servers, or of before and after a rekey. None of them is submitted \
                 until it holds those of this server alone."
            }
            Self::BareKey { .. } | Self::SplitKey => {
                "These are the shares of another server. Use those that this one printed when it was initialised."
            }
        };
        Some(advice.to_owned())
    }
}
