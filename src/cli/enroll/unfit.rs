//! Why shares are not enrolled although they could be read.

use crate::explain::Explain;
use crate::shares::{Misfit, positions_in_words};

/// Why these shares are not enrolled.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("{0}")]
    Misfit(Misfit),
    #[error("share {} does not fit the others: a machine that got it could not help the others", positions_in_words(.0))]
    Corrupt(Vec<usize>),
    #[error("the shares do not all belong together, and there are too few to tell which is wrong")]
    Ambiguous,
    #[error("how many shares are needed is not known: no configured server says so")]
    NoThreshold,
    #[error("there is no share {position}; there are {}", positions_in_words(held))]
    NoSuchShare { position: usize, held: Vec<usize> },
    #[error("share {0} is named twice")]
    Twice(usize),
    #[error("the sealed file holds {before}, and {now} would take their place")]
    AnotherNumber { before: String, now: usize },
    #[error(
        "how many shares the encrypted credential holds is not known while it does not open, and {now} would take \
         their place"
    )]
    UnknownNumber { now: usize },
}

impl Explain for Unfit {
    fn kind(&self) -> &'static str {
        match self {
            Self::Misfit(misfit) => misfit.kind(),
            Self::Corrupt(_) => "corrupt-share",
            Self::Ambiguous => "inconsistent-shares",
            Self::NoThreshold => "threshold-unknown",
            Self::NoSuchShare { .. } => "no-such-share",
            Self::Twice(_) => "share-named-twice",
            Self::AnotherNumber { .. } => "another-number-of-shares",
            Self::UnknownNumber { .. } => "number-of-shares-unknown",
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Misfit(misfit) => return misfit.advice(),
            Self::Corrupt(_) => "Replace it by a good copy, or remove it from the file.".to_owned(),
            Self::Ambiguous => {
                "Remove the wrong one. The server tells: submit them with `vault operator unseal` or \
                 `bao operator unseal`."
                    .to_owned()
            }
            Self::NoThreshold => "Say it: --threshold 3. `vault status` or `bao status` shows it.".to_owned(),
            Self::AnotherNumber { .. } => {
                "Say which of them belong to this machine: --only 1,3, or --split N --node K as before. To put others \
                 there on purpose: enroll --force without --rebind."
                    .to_owned()
            }
            Self::UnknownNumber { .. } => {
                "Say which of them belong to this machine, and all of them if all do: --only 1,3, or --split N --node K as \
                 before."
                    .to_owned()
            }
            Self::NoSuchShare { .. } | Self::Twice(_) => {
                "Shares are counted from 1, as they stand in the file.".to_owned()
            }
        })
    }
}
