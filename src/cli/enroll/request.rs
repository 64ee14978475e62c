//! From what was typed to what is to be done, and what makes no sense together.

use super::EnrollArguments;
use crate::cli::store_choice::{HomeMisuse, Unsaid};
use crate::explain::Explain;
use crate::shares::home::{Existing, Home};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

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
    #[error(transparent)]
    Home(#[from] HomeMisuse),
    #[error("a part for another machine cannot be sealed on this one: only the machine that seals can open")]
    SealedForOthers,
    #[error("--node {node} is beyond --split {machines}")]
    NoSuchNode { node: usize, machines: usize },
}

impl Explain for Misuse {
    fn kind(&self) -> &'static str {
        "usage"
    }

    fn advice(&self) -> Option<String> {
        let advice = match self {
            Self::Home(misuse) => return misuse.advice(),
            Self::SealedForOthers => {
                "Either write plain parts and carry them (--split N alone), or on each machine only its own: \
                 --split N --node K."
            }
            Self::NoSuchNode { .. } => "Machines are counted from 1.",
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
        if carried && (arguments.home.tpm2 || arguments.home.credential.is_some() || arguments.rebind) {
            return Err(Misuse::SealedForOthers);
        }
        let unsaid = match arguments.rebind {
            true => Unsaid::Tpm2,
            false if carried => Unsaid::Carried,
            false => Unsaid::Refused,
        };
        Ok(Self {
            from: from(arguments),
            home: arguments.home.home(unsaid)?,
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
