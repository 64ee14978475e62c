//! What speaks against initialising a server that says that it is not initialised, and how a server shows that it cannot
//! use its own storage. `initialized: false` alone proves nothing: it only says that no keyring was found.

use super::Moment;
use crate::api::{Meaning, SealState, Unreachable};
use std::fmt;

/// What speaks against initialising a server of which this is the only thing known: that it has no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Objection {
    /// Nothing.
    #[default]
    Nothing,
    /// Shares are held for its cluster: they are of keys that exist somewhere, or existed.
    SharesHeld,
    /// Another node of its cluster is initialised.
    PeerInitialised,
}

/// How a server shows that its storage is damaged, or not mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It says that it is not initialised, and its seal status still has the scheme of its shares.
    SealWithoutKeyring {
        /// Shares needed.
        threshold: usize,
        /// Shares that exist.
        total: usize,
    },
    /// It says that it is not initialised, and was seen unsealed before.
    SeenUnsealed,
    /// One of its answers says that it is initialised, another that it is not.
    Contradiction,
    /// The shares decrypted its stored keys, and those do not decrypt its keyring.
    Keyring,
    /// Its stored keys or its keyring are missing. Normal while it joins a raft cluster, damage when it lasts.
    NoKeyring,
    /// It has a keyring and no seal configuration.
    NoSealConfiguration,
    /// What the daemon told of it, for whoever only repeats that.
    Told(String),
}

impl Damage {
    /// What a seal status without keys shows beside them. `initialised`: what its health said just before;
    /// `seen_unsealed`: it was unsealed before. `None`: nothing.
    pub(super) fn of(status: &SealState, initialised: bool, seen_unsealed: bool) -> Option<Self> {
        let SealState { threshold, total, .. } = *status;
        if status.initialized || initialised {
            Some(Self::Contradiction)
        } else if threshold > 0 {
            Some(Self::SealWithoutKeyring { threshold, total })
        } else {
            seen_unsealed.then_some(Self::SeenUnsealed)
        }
    }

    /// What an error in place of a health or a seal status shows.
    pub(super) fn of_error(error: &Unreachable) -> Option<Self> {
        (error.meaning() == Some(Meaning::NoSealConfiguration)).then_some(Self::NoSealConfiguration)
    }

    /// Other shares could still be the remedy: a change of their source is worth a try.
    pub(super) fn could_be_shares(&self) -> bool {
        matches!(self, Self::Keyring)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SealWithoutKeyring { threshold, total } => write!(
                f,
                "it says that it is not initialised, and still has a seal of {total} shares, threshold {threshold}"
            ),
            Self::SeenUnsealed => f.write_str("it says that it is not initialised, and was unsealed before"),
            Self::Contradiction => {
                f.write_str("its answers contradict each other on whether it is initialised")
            }
            Self::Keyring => {
                f.write_str("the shares decrypt its stored keys, and those do not decrypt its keyring")
            }
            Self::NoKeyring => f.write_str("its stored keys or its keyring are missing"),
            Self::NoSealConfiguration => f.write_str("it has a keyring, and no seal configuration"),
            Self::Told(text) => f.write_str(text),
        }
    }
}

/// What was seen of a server beside its present answer that says whether it has, or had, keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// Its last health said that it is initialised.
    pub(super) called_initialised: bool,
    /// It was seen unsealed in this run: its data exists, whatever it says later.
    pub(super) seen_unsealed: bool,
    /// Since when its answers look like damage, in this life of it.
    pub(super) suspect_since: Option<Moment>,
    /// When shares are submitted again to a server that answered one with an error, if it does not restart.
    pub(super) again_at: Moment,
    /// What is known of its cluster that speaks against initialising it.
    pub(super) objection: Objection,
}

#[cfg(test)]
mod tests;
