//! From what was typed to what is to be done, and what makes no sense together.

use super::arguments::InitArguments;
use crate::cli::next_steps::Destination;
use crate::cli::store_choice::DefaultStore;
use crate::explain::Explanation;
use crate::shares::offline::{Recipient, RecipientError};
use crate::shares::store::ShareStore;
use std::path::PathBuf;

/// How many shares are needed unless --threshold says otherwise.
const THRESHOLD: u8 = 3;

/// What is to be done.
pub(super) struct InitRequest {
    /// How many shares the server makes.
    pub(super) shares: u8,
    /// How many of them are needed.
    pub(super) threshold: u8,
    /// Where shares are stored here.
    pub(super) home: ShareStore,
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
}

impl InitRequest {
    /// What these arguments ask for. Errors: they make no sense together.
    pub(super) fn of(arguments: &InitArguments) -> Result<Self, Explanation> {
        let shares = arguments.shares;
        let threshold = arguments.threshold.unwrap_or(THRESHOLD.min(shares));
        if threshold > shares {
            return Err(Explanation::usage(
                format!("--threshold {threshold} is more than --shares {shares}"),
                "The threshold says how many of the shares are needed.",
            ));
        }
        if threshold == 1 && shares > 1 {
            return Err(Explanation::usage(
                format!("a threshold of 1 makes every one of {shares} shares the whole key"),
                "Either --shares 1 --threshold 1, or a threshold of 2 and more. The servers refuse it too.",
            ));
        }
        let mut only: Vec<usize> = arguments.only.iter().copied().map(usize::from).collect();
        if let Some(position) = only.iter().find(|position| **position > usize::from(shares)) {
            let message = format!("--only {position} is beyond --shares {shares}");
            return Err(Explanation::usage(message, "Shares are counted from 1."));
        }
        only.sort_unstable();
        only.dedup();
        let recipients = recipients(&arguments.recipient, shares)?;
        let offline = arguments.offline_dir.clone().unwrap_or_else(|| PathBuf::from("."));
        let offline = std::path::absolute(&offline).unwrap_or(offline);
        Ok(Self {
            shares,
            threshold,
            home: arguments.home.home(DefaultStore::Refused)?,
            name: arguments.home.name.clone(),
            only,
            recipients,
            offline,
            destination: Destination::default(),
        })
    }

    /// The indices of the shares that are stored here, of `count`.
    pub(super) fn kept_here(&self, count: usize) -> Vec<usize> {
        (0..count).filter(|index| self.only.is_empty() || self.only.contains(&(index + 1))).collect()
    }
}

/// Those who get copies, each once.
fn recipients(named: &[String], shares: u8) -> Result<Vec<Recipient>, Explanation> {
    let mut recipients: Vec<Recipient> = Vec::new();
    for text in named {
        // Without what was typed: it may be a secret.
        recipients.push(text.parse().map_err(|cause: RecipientError| {
            let advice = match cause {
                RecipientError::SecretKey => {
                    "It is in the shell's history now, and others could see it among the processes: make another key."
                }
                _ => "A recipient is age1…, or a file with an OpenPGP public key.",
            };
            Explanation::usage(format!("a --recipient cannot be used: {cause}"), advice)
        })?);
    }
    let count = recipients.len();
    if count > usize::from(shares) {
        return Err(Explanation::usage(
            format!("there are {count} recipients for {shares} shares: some would get none"),
            "Make more shares, with --shares.",
        ));
    }
    for (index, recipient) in recipients.iter().enumerate() {
        if recipients.iter().take(index).any(|earlier| earlier == recipient) {
            return Err(Explanation::usage(
                format!("{recipient} is named twice: each recipient once"),
                "Whoever should get two shares can have two keys.",
            ));
        }
    }
    Ok(recipients)
}
