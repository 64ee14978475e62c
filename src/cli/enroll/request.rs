//! From what was typed to what is to be done, and what makes no sense together.

use super::EnrollArguments;
use crate::explain::Explain;
use crate::shares::home::{CredentialKey, CredentialSealing, Existing, Home};
use crate::shares::tpm::{PcrBank, PcrSelection, Sealing};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where shares rest unless --output says otherwise.
const DIRECTORY: &str = "/etc/vault-unseal";

/// What is to be done.
pub(super) struct Request {
    /// Where the shares come from.
    pub(super) from: From,
    /// Where they go; with [`Parts::Split`] and no node, the pattern of it.
    pub(super) home: Home,
    /// Which of them.
    pub(super) parts: Parts,
    /// Whether a file may be replaced.
    pub(super) existing: Existing,
}

/// Where shares come from.
pub(super) enum From {
    /// A file that was named.
    File(PathBuf),
    /// `-`.
    StandardInput,
    /// The home itself, or this file where it no longer opens.
    Home(Option<PathBuf>),
}

/// Which shares go where.
pub(super) enum Parts {
    /// All to one home.
    All,
    /// Those at these positions to one home.
    Only(Vec<usize>),
    /// A part for each machine; all of them, or one.
    Split {
        /// How many machines.
        machines: usize,
        /// Which of them, counted from 1; all when `None`.
        node: Option<usize>,
    },
}

/// What makes no sense.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misuse {
    #[error("it was not said how the shares are to rest")]
    NoHome,
    #[error("a part for another machine cannot be sealed on this one: only the machine that seals can open")]
    SealedForOthers,
    #[error("--node {node} is beyond --split {machines}")]
    NoSuchNode { node: usize, machines: usize },
    #[error("--pcrs needs a TPM: --tpm2, --credential tpm2 or --credential host+tpm2")]
    PcrsWithoutTpm,
    #[error("systemd credentials are bound to PCRs of the bank sha256, not {}", .0.word())]
    Bank(PcrBank),
}

impl Explain for Misuse {
    fn kind(&self) -> &'static str {
        "usage"
    }

    fn advice(&self) -> Option<String> {
        let advice = match self {
            Self::NoHome => {
                "--tpm2              sealed to this machine's TPM\n\
                 --credential KEYS   a systemd credential, with host, tpm2 or host+tpm2\n\
                 --plain             a file that only its owner can read"
            }
            Self::SealedForOthers => {
                "Either write plain parts and carry them (--split N alone), or on each machine only its own: \
                 --split N --node K."
            }
            Self::NoSuchNode { .. } => "Machines are counted from 1.",
            Self::PcrsWithoutTpm => "Leave --pcrs out, or name a TPM.",
            Self::Bank(_) => "Leave the bank out: --pcrs 7+11.",
        };
        Some(advice.to_owned())
    }
}

impl Request {
    /// What these arguments ask for.
    pub(super) fn of(arguments: &EnrollArguments) -> Result<Self, Misuse> {
        let node = arguments.node.map(usize::from);
        let parts = match arguments.split.map(usize::from) {
            Some(machines) => {
                if let Some(node) = node.filter(|node| *node > machines) {
                    return Err(Misuse::NoSuchNode { node, machines });
                }
                Parts::Split { machines, node }
            }
            None if arguments.only.is_empty() => Parts::All,
            None => Parts::Only(arguments.only.iter().copied().map(usize::from).collect()),
        };
        let carried = matches!(parts, Parts::Split { node: None, .. });
        if carried && (arguments.tpm2 || arguments.credential.is_some() || arguments.rebind) {
            return Err(Misuse::SealedForOthers);
        }
        Ok(Self {
            from: from(arguments),
            home: home(arguments, carried)?,
            parts,
            existing: if arguments.force || arguments.rebind { Existing::Replace } else { Existing::Keep },
        })
    }

    /// Every home that is written to, in the order of the machines.
    pub(super) fn homes(&self) -> Vec<Home> {
        match self.parts {
            Parts::Split { machines, node: None } => (1..=machines)
                .map(|machine| Home::Plain { path: numbered(self.home.path(), machine) })
                .collect(),
            _ => vec![self.home.clone()],
        }
    }
}

fn from(arguments: &EnrollArguments) -> From {
    match &arguments.file {
        file if arguments.rebind => From::Home(file.clone()),
        Some(file) if file.as_os_str() != "-" => From::File(file.clone()),
        _ => From::StandardInput,
    }
}

/// The home; `carried` when parts of it go to other machines.
fn home(arguments: &EnrollArguments, carried: bool) -> Result<Home, Misuse> {
    let path = |name: &str| {
        let default = if carried { PathBuf::from(name) } else { Path::new(DIRECTORY).join(name) };
        let path = arguments.output.clone().unwrap_or(default);
        // As units and configurations need it. Fails only for an empty path, which is refused where it is written.
        std::path::absolute(&path).unwrap_or(path)
    };
    let pcrs = arguments.pcrs.clone();
    if let Some(key) = arguments.credential {
        if pcrs.is_some() && key == CredentialKey::Host {
            return Err(Misuse::PcrsWithoutTpm);
        }
        if let Some(bank) = pcrs.as_ref().map(PcrSelection::bank).filter(|bank| *bank != PcrBank::Sha256) {
            return Err(Misuse::Bank(bank));
        }
        let (name, device) = (arguments.name.clone(), arguments.tcti.clone());
        return Ok(Home::Credential {
            path: path("shares.cred"),
            sealing: CredentialSealing { name, key, pcrs, device },
        });
    }
    if arguments.tpm2 || arguments.rebind {
        let sealing = Sealing { pcrs, tcti: arguments.tcti.clone() };
        return Ok(Home::Tpm2 { path: path("shares.tpm2"), sealing });
    }
    if !arguments.plain && !carried {
        return Err(Misuse::NoHome);
    }
    if pcrs.is_some() { Err(Misuse::PcrsWithoutTpm) } else { Ok(Home::Plain { path: path("shares.json") }) }
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
