//! What can be typed after `enroll`, what it asks for, and which shares go where.

use crate::cli::store_choice::{DefaultStore, StoreChoice};
use crate::cluster::Scheme;
use crate::explain::Explanation;
use crate::shares::store::{Existing, ShareStore};
use crate::shares::{Share, ShareSet, Split, positions_in_words};
use clap::Args;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

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
    /// How the shares are stored, and where.
    #[command(flatten)]
    pub store: StoreChoice,
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
    /// worthless (vault operator rekey, or bao operator rotate-keys).
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

/// What is to be done.
pub(super) struct EnrollRequest {
    /// Where the shares go; with [`ShareSelection::Split`] and no node, the pattern of it.
    pub(super) store: ShareStore,
    /// Which of them.
    pub(super) parts: ShareSelection,
    /// Whether a file may be replaced.
    pub(super) existing: Existing,
}

/// Which shares go where.
pub(super) enum ShareSelection {
    /// All to one store.
    All,
    /// Those at these positions to one store.
    Only(Vec<usize>),
    /// A part for each machine; all of them, or one.
    Split {
        /// How many machines.
        machines: usize,
        /// Which of them, counted from 1; all when `None`.
        node: Option<usize>,
    },
}

impl EnrollRequest {
    /// What these arguments ask for. Errors: they make no sense together.
    pub(super) fn of(arguments: &EnrollArguments) -> Result<Self, Explanation> {
        let node = arguments.node.map(usize::from);
        let parts = match arguments.split.map(usize::from) {
            Some(machines) => {
                if let Some(node) = node.filter(|node| *node > machines) {
                    let message = format!("--node {node} is beyond --split {machines}");
                    return Err(Explanation::usage(message, "Machines are counted from 1."));
                }
                ShareSelection::Split { machines, node }
            }
            None if arguments.only.is_empty() => ShareSelection::All,
            None => ShareSelection::Only(arguments.only.iter().copied().map(usize::from).collect()),
        };
        let carried = matches!(parts, ShareSelection::Split { node: None, .. });
        if carried && (arguments.store.tpm2 || arguments.store.credential.is_some() || arguments.rebind) {
            return Err(Explanation::usage(
                "a part for another machine cannot be sealed on this one: only the machine that seals can open",
                "Either write plain parts and carry them (--split N alone), or on each machine only its own: \
                 --split N --node K.",
            ));
        }
        let unsaid = match arguments.rebind {
            true => DefaultStore::Tpm2,
            false if carried => DefaultStore::Carried,
            false => DefaultStore::Refused,
        };
        let existing = if arguments.force || arguments.rebind { Existing::Replace } else { Existing::Keep };
        Ok(Self { store: arguments.store.chosen(unsaid)?, parts, existing })
    }

    /// Every store that is written to, in the order of the machines.
    pub(super) fn stores(&self) -> Vec<ShareStore> {
        match self.parts {
            ShareSelection::Split { machines, node: None } => (1..=machines)
                .map(|machine| ShareStore::Plain(numbered(self.store.path(), machine)))
                .collect(),
            _ => vec![self.store.clone()],
        }
    }
}

/// `shares-2.json` of `shares.json`.
fn numbered(path: &Path, machine: usize) -> PathBuf {
    let mut name: OsString = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{machine}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Which shares go to each store, as indices, and how many machines bring back a server.
pub(super) struct Distribution {
    pub(super) parts: Vec<Vec<usize>>,
    pub(super) coalition: Option<usize>,
    /// Shares that look wrong, and are stored all the same.
    pub(super) doubt: Option<Explanation>,
}

/// Judges the shares and distributes them. Errors: they cannot be the server's, or not be distributed like this.
pub(super) fn distribute(
    shares: &ShareSet,
    parts: &ShareSelection,
    server: Option<Scheme>,
) -> Result<Distribution, Explanation> {
    let plan = server.map(|server| shares.plan(server)).unwrap_or_default();
    if let Some(misfit) = plan.misfit {
        return Err(Explanation::of(misfit));
    }
    let carried = matches!(parts, ShareSelection::Split { .. });
    let doubt = doubt(&shares.positions(&plan.corrupt), plan.ambiguous, carried);
    let (parts, coalition) = match parts {
        ShareSelection::All => (vec![(0..shares.count()).collect()], None),
        ShareSelection::Only(positions) => (vec![indices(shares, positions)?], None),
        ShareSelection::Split { machines, node } => {
            if let Some(doubt) = doubt {
                return Err(doubt);
            }
            let Some(server) = server else {
                return Err(Explanation::new(
                    "threshold-unknown",
                    "how many shares are needed is not known: no configured server says so",
                    "Say it: --threshold 3. `vault status` or `bao status` shows it.",
                ));
            };
            let split = Split::among(*machines, shares.count(), server.threshold);
            let split = split.map_err(Explanation::of)?;
            let wanted = |machine: usize| node.is_none_or(|node| node == machine);
            let parts = split.parts.into_iter().zip(1..).filter(|(_, machine)| wanted(*machine));
            (parts.map(|(part, _)| part).collect(), Some(split.coalition))
        }
    };
    Ok(Distribution { parts, coalition, doubt })
}

/// What looks wrong with shares. One that is to help others (`carried`) has to be right.
fn doubt(corrupt: &[usize], ambiguous: bool, carried: bool) -> Option<Explanation> {
    let (kind, message) = match corrupt {
        [] if ambiguous => (
            "inconsistent-shares",
            "the shares do not all belong together, and there are too few to tell which is wrong".to_owned(),
        ),
        [] => return None,
        corrupt => {
            let useless = if carried { ": a machine that got it could not help the others" } else { "" };
            let share = positions_in_words(corrupt);
            ("corrupt-share", format!("share {share} does not fit the others{useless}"))
        }
    };
    let advice = match (corrupt, carried) {
        ([], true) => {
            "Remove the wrong one. The server tells: submit them with `vault operator unseal` or \
             `bao operator unseal`."
        }
        ([], false) => "The daemon tries them in turn, and names the wrong one once the server is unsealed.",
        (_, true) => "Replace it by a good copy, or remove it from the file.",
        (_, false) => {
            "The daemon unseals without it while there are enough others. Replace it by a good copy."
        }
    };
    Some(Explanation::new(kind, message, advice))
}

/// Refuses to put another number of shares into a store than was there: with split custody, others' shares too. Where
/// the store does not say how many there were (`None`), whoever asks must have said which.
pub(super) fn as_many_as(
    before: Option<usize>,
    parts: &ShareSelection,
    now: usize,
) -> Result<(), Explanation> {
    let before = match before {
        None if matches!(parts, ShareSelection::All) => {
            return Err(Explanation::new(
                "number-of-shares-unknown",
                format!(
                    "how many shares the encrypted credential holds is not known while it does not open, and {now} would \
                     take their place"
                ),
                "Say which of them belong to this machine, and all of them if all do: --only 1,3, or --split N --node K as \
                 before.",
            ));
        }
        Some(count) if count != now => count,
        _ => return Ok(()),
    };
    let plural = if before == 1 { "" } else { "s" };
    Err(Explanation::new(
        "another-number-of-shares",
        format!("the sealed file holds {before} share{plural}, and {now} would take their place"),
        "Say which of them belong to this machine: --only 1,3, or --split N --node K as before. To put others \
         there on purpose: enroll --force without --rebind.",
    ))
}

/// The indices of the shares at these positions.
fn indices(shares: &ShareSet, positions: &[usize]) -> Result<Vec<usize>, Explanation> {
    const COUNTED: &str = "Shares are counted from 1, as they stand in the file.";
    let held: Vec<usize> = shares.iter().map(Share::position).collect();
    let mut indices = Vec::with_capacity(positions.len());
    for position in positions {
        let Some(index) = held.iter().position(|held| held == position) else {
            let held = positions_in_words(&held);
            let message = format!("there is no share {position}; there are {held}");
            return Err(Explanation::new("no-such-share", message, COUNTED));
        };
        if indices.contains(&index) {
            let message = format!("share {position} is named twice");
            return Err(Explanation::new("share-named-twice", message, COUNTED));
        }
        indices.push(index);
    }
    indices.sort_unstable();
    Ok(indices)
}
