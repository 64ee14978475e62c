//! What can be typed after `init`, what it asks for, and what makes no sense together.

use crate::cli::next_steps::Destination;
use crate::cli::store_choice::{DefaultStore, StoreChoice};
use crate::explain::Explanation;
use crate::shares::offline::{Recipient, RecipientError};
use crate::shares::store::ShareStore;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What the long help shows below the options.
const EXAMPLES: &str = "\
Examples:
  vault-unseal init --tpm2 --recipient age1…                 shares sealed to this machine's TPM, and all of them in shares.age
  vault-unseal init --plain --shares 1 --threshold 1         one share in a file that only root can read
  vault-unseal init --credential host --recipient anna.asc --recipient age1… --recipient age1…
                                                             and the five shares dealt to three people
  vault-unseal init --tpm2 --only 1 --recipient a.asc --recipient b.asc --recipient c.asc
                                                             one share stays here; two more are needed
  vault-unseal init --tpm2 --recipient age1… --root-token revoke
                                                             nobody ever has the root token

First everything that can fail is tried, with test bytes. Then the server is asked. Its answer is written to disk,
encrypted (FILE.rescue, beside the share file), before anything else. If the machine stops after that, the same command
with --resume finishes the work. If it stops earlier, or the answer is lost, the server may be initialised and nobody has
its shares. It holds nothing yet: stop it, remove its storage, start it, and repeat the command.

Without --recipient the only copy of the shares is on this machine. Shares that are sealed to a TPM are lost with it.";

/// Options of `init`.
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line, each by itself")]
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct InitArguments {
    /// Number of shares
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    pub shares: u8,
    /// Number of shares needed to unseal; default: 3, or all if there are fewer
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u8).range(1..))]
    pub threshold: Option<u8>,
    /// How the shares are stored, and where.
    #[command(flatten)]
    pub store: StoreChoice,
    /// Keep only these shares here, counted from 1: 1,3. Only the recipients have the others
    #[arg(long, value_name = "N,…", value_delimiter = ',', requires = "recipient",
          value_parser = clap::value_parser!(u8).range(1..))]
    pub only: Vec<u8>,
    /// Write an encrypted copy for this recipient: age1…, or a file with an OpenPGP public key. May be repeated
    ///
    /// One recipient gets all shares, in shares.age or shares.asc. Several get them in turn, one share a file
    /// (share-1.age, share-2.asc …), so that nobody has all. Needs age(1) or gpg(1).
    #[arg(long, value_name = "RECIPIENT")]
    pub recipient: Vec<String>,
    /// Where the encrypted copies go; default: the current directory
    #[arg(long, value_name = "DIR", requires = "recipient")]
    pub offline_dir: Option<PathBuf>,
    /// What happens to the root token: show, wrap or revoke
    ///
    /// show prints it once: on the terminal, or in the JSON. wrap unseals the server and prints a wrapping token, good
    /// once, for 24 hours (`vault unwrap` or `bao unwrap`). revoke unseals the server and revokes the token: a new one
    /// takes `operator generate-root` and enough shares, which OpenBao 2.5.3 and newer allow only with
    /// `disable_unauthed_generate_root_endpoints = false` in its listener.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = RootToken::Show, hide_possible_values = true)]
    pub root_token: RootToken,
    /// Which of the configured servers; needed if there are several
    ///
    /// The other servers of its cluster must answer and not be initialised.
    #[arg(long, value_name = "URL")]
    pub node: Option<String>,
    /// Replace a share file that is there already, after the new one was opened and compared
    #[arg(long)]
    pub force_home: bool,
    /// Initialise the server although its cluster seems to have, or to have had, data
    ///
    /// A server whose storage is damaged or not mounted also says that it is not initialised. Initialising it then destroys
    /// what could still be saved, and makes shares that are kept for it worthless. Without this option init refuses where
    /// the server still has a seal, where the daemon saw it unsealed before, and where shares are there already.
    #[arg(long)]
    pub over_existing: bool,
    /// Finish an init that was interrupted after the server had answered
    ///
    /// Needs the same options. Asks the server only for what --root-token needs.
    #[arg(long)]
    pub resume: bool,
    /// Print what was done as JSON; with --root-token show, the root token too
    #[arg(long)]
    pub json: bool,
}

/// What happens to the root token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RootToken {
    /// It is printed once.
    Show,
    /// A token that gives it out once is printed.
    Wrap,
    /// It is made worthless.
    Revoke,
}

/// How many shares are needed unless --threshold says otherwise.
const THRESHOLD: u8 = 3;

/// What is to be done.
pub(super) struct InitRequest {
    /// How many shares the server makes.
    pub(super) shares: u8,
    /// How many of them are needed.
    pub(super) threshold: u8,
    /// Where shares are stored here.
    pub(super) store: ShareStore,
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
            store: arguments.store.chosen(DefaultStore::Refused)?,
            name: arguments.store.name.clone(),
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
