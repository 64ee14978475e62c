//! What can be typed after `init`.

use crate::cli::store_choice::StoreChoice;
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
    /// How the shares are to rest, and where.
    #[command(flatten)]
    pub home: StoreChoice,
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
