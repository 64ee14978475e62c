//! From what was typed to what is to be done, and what makes no sense together.

use super::arguments::{InitArguments, RootToken};
use crate::cli::next_steps::Destination;
use crate::cli::store_choice::{HomeMisuse, Unsaid};
use crate::explain::Explain;
use crate::shares::home::{Existing, Home};
use crate::shares::offline::{NoRecipient, Recipient};
use std::path::PathBuf;

/// How many shares are needed unless --threshold says otherwise.
const THRESHOLD: u8 = 3;

/// What is to be done.
pub(super) struct Request {
    /// How many shares the server makes.
    pub(super) shares: u8,
    /// How many of them are needed.
    pub(super) threshold: u8,
    /// Where shares rest here.
    pub(super) home: Home,
    /// The name that a unit loads them by.
    pub(super) name: String,
    /// The cluster that they are for.
    pub(super) destination: Destination,
    /// Which of them, counted from 1; all when empty.
    pub(super) only: Vec<usize>,
    /// Who gets copies.
    pub(super) recipients: Vec<Recipient>,
    /// Where the copies go.
    pub(super) offline: PathBuf,
    /// Whether the server is initialised although its cluster has, or had, data.
    pub(super) over_existing: bool,
    /// Whether a share file may be replaced.
    pub(super) existing: Existing,
    /// What happens to the root token.
    pub(super) root_token: RootToken,
}

/// What makes no sense.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misuse {
    #[error(transparent)]
    Home(#[from] HomeMisuse),
    #[error("--threshold {threshold} is more than --shares {shares}")]
    Threshold { threshold: u8, shares: u8 },
    #[error("a threshold of 1 makes every one of {shares} shares the whole key")]
    WholeKeys { shares: u8 },
    #[error("--only {position} is beyond --shares {shares}")]
    NoSuchShare { position: usize, shares: u8 },
    // Without what was typed: it may be a secret.
    #[error("a --recipient cannot be used: {0}")]
    Recipient(NoRecipient),
    #[error("there are {recipients} recipients for {shares} shares: some would get none")]
    TooManyRecipients { recipients: usize, shares: u8 },
    #[error("{0} is named twice: each recipient once")]
    SameRecipient(Recipient),
}

impl Explain for Misuse {
    fn kind(&self) -> &'static str {
        "usage"
    }

    fn advice(&self) -> Option<String> {
        let advice = match self {
            Self::Home(misuse) => return misuse.advice(),
            Self::Threshold { .. } => "The threshold says how many of the shares are needed.",
            Self::WholeKeys { .. } => {
                "Either --shares 1 --threshold 1, or a threshold of 2 and more. The servers refuse it too."
            }
            Self::NoSuchShare { .. } => "Shares are counted from 1.",
            Self::Recipient(NoRecipient::SecretKey) => {
                "It is in the shell's history now, and others could see it among the processes: make another key."
            }
            Self::Recipient(_) => "A recipient is age1…, or a file with an OpenPGP public key.",
            Self::TooManyRecipients { .. } => "Make more shares, with --shares.",
            Self::SameRecipient(_) => "Whoever should get two shares can have two keys.",
        };
        Some(advice.to_owned())
    }
}

impl Request {
    /// What these arguments ask for.
    pub(super) fn of(arguments: &InitArguments) -> Result<Self, Misuse> {
        let shares = arguments.shares;
        let threshold = arguments.threshold.unwrap_or(THRESHOLD.min(shares));
        if threshold > shares {
            return Err(Misuse::Threshold { threshold, shares });
        }
        if threshold == 1 && shares > 1 {
            return Err(Misuse::WholeKeys { shares });
        }
        let mut only: Vec<usize> = arguments.only.iter().copied().map(usize::from).collect();
        if let Some(&position) = only.iter().find(|position| **position > usize::from(shares)) {
            return Err(Misuse::NoSuchShare { position, shares });
        }
        only.sort_unstable();
        only.dedup();
        let parsed =
            arguments.recipient.iter().map(|text| text.parse()).collect::<Result<Vec<Recipient>, _>>();
        let recipients = parsed.map_err(Misuse::Recipient)?;
        if recipients.len() > usize::from(shares) {
            return Err(Misuse::TooManyRecipients { recipients: recipients.len(), shares });
        }
        for (index, recipient) in recipients.iter().enumerate() {
            if recipients.iter().take(index).any(|earlier| earlier == recipient) {
                return Err(Misuse::SameRecipient(recipient.clone()));
            }
        }
        let offline = arguments.offline_dir.clone().unwrap_or_else(|| PathBuf::from("."));
        let offline = std::path::absolute(&offline).unwrap_or(offline);
        Ok(Self {
            shares,
            threshold,
            home: arguments.home.home(Unsaid::Refused)?,
            name: arguments.home.name.clone(),
            only,
            recipients,
            offline,
            destination: Destination::default(),
            over_existing: arguments.over_existing,
            existing: if arguments.force_home { Existing::Replace } else { Existing::Keep },
            root_token: arguments.root_token,
        })
    }

    /// The indices of the shares that rest here, of `count`.
    pub(super) fn kept_here(&self, count: usize) -> Vec<usize> {
        (0..count).filter(|index| self.only.is_empty() || self.only.contains(&(index + 1))).collect()
    }
}
