//! What a server is to whoever would unseal it: the one classification of health and seal status, for the core and for
//! `status`, `wait` and `check`.

use super::{Damage, Delay, Objection, State};
use crate::api::{Health, Product, SealState, SealStatus, Unreachable};
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

/// What answers show to somebody who does not take part.
impl State {
    /// What an error in place of a health or a seal status shows to somebody who does not take part.
    pub fn of_error(cause: Unreachable) -> Self {
        match Damage::of_error(&cause) {
            Some(damage) => Self::Damaged { damage },
            None => Self::Unreachable { cause },
        }
    }

    /// What a health answer alone shows; `None` for a server that is sealed or says that it is not initialised, where only
    /// the seal status tells more.
    pub fn of_health(health: &Health) -> Option<Self> {
        match Seal::of_health(health) {
            Seal::Unsealed => Some(Self::Unsealed { role: health.role }),
            seal => seal.left_alone(health.product),
        }
    }

    /// What the seal status of a server that does not serve shows to somebody who does not take part. `initialised`: what
    /// its health said; `objection`: what is known of its cluster.
    pub fn of_seal_status(status: &SealStatus, initialised: bool, objection: Objection) -> Self {
        let seal = Seal::of_status(status);
        if let Some(state) = seal.left_alone(status.product) {
            state
        } else if let Seal::WithoutKeys(_) = seal {
            match Damage::of(status, initialised, false) {
                Some(damage) => Self::Damaged { damage },
                None => Self::Uninitialized { objection, product: status.product },
            }
        } else if status.progress > 0 {
            Self::Unsealing { progress: status.progress, threshold: status.threshold }
        } else {
            Self::Sealed { delay: None }
        }
    }
}

#[cfg(test)]
mod tests;
