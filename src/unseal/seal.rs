//! What a server is to whoever would unseal it: the one classification of health and seal status, for the core and for
//! `status`, `wait` and `check`.

use super::{Delay, State};
use crate::api::{Health, Product, SealState, SealStatus};
use crate::external::ExternalText;

/// Most shares a server can ask for (the x coordinate is one byte, and not 0).
const MOST_SHARES: usize = 255;

/// What an answer shows of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seal {
    /// An operator removed it from its raft cluster.
    Removed,
    /// It says that it has no keys; `None` where only its health did, which tells no more.
    WithoutKeys(Option<SealState>),
    /// It is unsealed.
    Unsealed,
    /// An operator is moving it to another seal.
    Migrating,
    /// Its seal does not take unseal shares; the seal's type where it is known.
    Foreign(Option<ExternalText>),
    /// It asks for so many shares, more than can exist.
    OutOfBounds(usize),
    /// It is sealed and takes shares.
    Sealed,
}

impl Seal {
    /// What a health answer shows.
    pub(super) fn of_health(health: &Health) -> Self {
        if health.removed {
            Self::Removed
        } else if !health.initialized {
            Self::WithoutKeys(None)
        } else if health.sealed {
            Self::Sealed
        } else {
            Self::Unsealed
        }
    }

    /// What a seal status shows.
    pub(super) fn of_status(status: &SealStatus) -> Self {
        Self::of(status, status.foreign_type())
    }

    /// What the answer to a share or a reset shows, of which no text is kept.
    pub(super) fn of_answer(status: &SealState) -> Self {
        Self::of(status, None)
    }

    fn of(status: &SealState, seal_type: Option<&ExternalText>) -> Self {
        if status.removed {
            Self::Removed
        } else if !status.initialized || (status.sealed && status.threshold == 0) {
            Self::WithoutKeys(Some(*status))
        } else if !status.sealed {
            Self::Unsealed
        } else if status.migration {
            // First: a move away from Shamir has the new seal's type already.
            Self::Migrating
        } else if !status.takes_unseal_shares() {
            Self::Foreign(seal_type.cloned())
        } else if status.threshold > MOST_SHARES {
            Self::OutOfBounds(status.threshold)
        } else {
            Self::Sealed
        }
    }

    /// The state of a server that is left alone for its seal's sake; `None` for any other.
    pub(super) fn left_alone(&self, product: Product) -> Option<State> {
        Some(match self {
            Self::Removed => State::Removed,
            Self::Migrating => State::Migrating { product },
            Self::Foreign(seal_type) => State::ForeignSeal { seal_type: seal_type.clone() },
            Self::OutOfBounds(threshold) => State::Sealed { delay: Some(Delay::out_of_bounds(*threshold)) },
            Self::WithoutKeys(_) | Self::Unsealed | Self::Sealed => return None,
        })
    }
}
