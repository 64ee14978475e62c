//! What can be typed after `enroll`.

use crate::cli::store_choice::StoreChoice;
use clap::Args;
use std::path::PathBuf;

/// What the long help shows below the options.
const EXAMPLES: &str = "\
Examples:
  vault-unseal enroll init.json --tpm2                       only this machine's TPM opens it
  vault-unseal enroll init.json --tpm2 --pcrs 7              … and only while Secure Boot is as it is now
  vault-unseal enroll init.json --credential host+tpm2       systemd opens it when it starts the service
  pass show vault/shares | vault-unseal enroll - --plain     a file that only root can read
  vault-unseal enroll - --tpm2                               asks for the shares, and does not show them
  vault-unseal enroll init.json --split 3                    shares-1.json … for three machines, in this directory
  vault-unseal enroll init.json --tpm2 --split 3 --node 2    only what the second of them gets, sealed to its TPM

Before an update of the firmware, or of anything else that PCRs measure, have the shares at hand, on paper or on
another machine. After it the TPM refuses, the journal says so (\"PCR 7 (sha256) no longer holds …\"), and

  vault-unseal enroll --rebind init.json                     seals the same shares to what the machine is now

While the file still opens, --rebind needs no FILE, for example to change the PCRs. A TPM that breaks with its
board takes the shares with it: always keep them somewhere else too.";

/// Options of `enroll`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags that are typed independently")]
#[command(after_long_help = EXAMPLES)]
pub struct EnrollArguments {
    /// File or fifo with the shares; - reads standard input, and on a terminal asks without echo
    #[arg(value_name = "FILE|-", required_unless_present = "rebind")]
    pub file: Option<PathBuf>,
    /// How the shares are to rest, and where.
    #[command(flatten)]
    pub home: StoreChoice,
    /// Only these shares, counted from 1 as in the file: 1,3
    #[arg(long, value_name = "N,…", value_delimiter = ',', conflicts_with = "split",
          value_parser = clap::value_parser!(u8).range(1..))]
    pub only: Vec<u8>,
    /// Split among this many machines, each with fewer shares than needed
    ///
    /// Writes shares-1.json and so on, a plain file for each machine, to be carried there. With --node it stores only that
    /// machine's part, where the daemon finds it. The configured servers say how many shares are needed, unless
    /// --threshold does.
    #[arg(long, value_name = "MACHINES", value_parser = clap::value_parser!(u8).range(1..))]
    pub split: Option<u8>,
    /// With --split: the number of this machine, counted from 1
    #[arg(long, value_name = "K", requires = "split", value_parser = clap::value_parser!(u8).range(1..))]
    pub node: Option<u8>,
    /// How many shares are needed; without it, the configured servers are asked
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u8).range(1..))]
    pub threshold: Option<u8>,
    /// Replace a file that is there already, after the new one was opened and compared
    #[arg(long)]
    pub force: bool,
    /// Overwrite and delete FILE afterwards, without asking
    ///
    /// On flash (SD cards, SSDs, eMMC) and copy-on-write file systems the old data may survive; only a rekey makes it
    /// worthless (vault operator rekey).
    #[arg(long, conflicts_with = "keep", requires = "file")]
    pub shred: bool,
    /// Keep FILE, without asking
    #[arg(long)]
    pub keep: bool,
    /// Seal the shares in the file at --output again, to this machine as it is now
    ///
    /// Opens that file. If it no longer opens, reads FILE, and takes the part that --only, or --split with --node, names; a
    /// credential needs one of them. The PCRs stay the same unless --pcrs names others. The old file stays until the new
    /// one was opened and compared.
    #[arg(long, conflicts_with_all = ["plain", "shred"])]
    pub rebind: bool,
    /// Print what was written as JSON
    #[arg(long)]
    pub json: bool,
}
