//! Why an answer cannot be kept, or not be had back.

use crate::explain::Explain;
use crate::external::error;
use crate::external::quote;
use crate::shares::home::{AS_ROOT, HomeError};
use std::io;
use std::path::PathBuf;

/// Why an answer cannot be kept, or not be had back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RescueError {
    /// The key cannot be sealed, or not be opened.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The operating system failed.
    #[error("cannot {doing} {}: {}", quote::sentence(path), error::io(error))]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, a verb.
        doing: &'static str,
        /// What it said.
        error: io::Error,
    },
    /// An answer is kept there that nothing has come of yet.
    #[error(
        "an earlier init was interrupted: what its server answered is still in {}",
        quote::sentence(path)
    )]
    Unfinished {
        /// The file.
        path: PathBuf,
    },
    /// Another process is at it.
    #[error("another init is at work on {}", quote::sentence(path))]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// No answer is kept.
    #[error("there is nothing to resume: no answer of a server is in {}", quote::sentence(path))]
    Nothing {
        /// The file.
        path: PathBuf,
    },
    /// The key does not fit what is there.
    #[error("what is in {} does not open with its key", quote::sentence(path))]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

impl Explain for RescueError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Home(error) => error.kind(),
            Self::Io { .. } => "rescue-io",
            Self::Unfinished { .. } => "init-unfinished",
            Self::Busy { .. } => "init-busy",
            Self::Nothing { .. } => "init-nothing-to-resume",
            Self::Damaged { .. } => "rescue-damaged",
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Home(error) => return error.advice(),
            Self::Io { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                AS_ROOT.to_owned()
            }
            Self::Io { path, .. } => {
                format!("Is there room? df {}", quote::shell(path.parent().unwrap_or(path)))
            }
            Self::Unfinished { path } => format!(
                "Give the same command once more with --resume: it finishes that one. If the shares of that server are \
                 of no use any more, remove the file: rm {}",
                quote::shell(path)
            ),
            Self::Busy { .. } => "Wait for it to end.".to_owned(),
            Self::Nothing { .. } => {
                "Say the same --tpm2, --credential, --plain and --output as before; without --resume a new server is \
                 initialised."
                    .to_owned()
            }
            Self::Damaged { .. } => {
                "It was written by another init, or cut off. If nobody has the shares of that server, it holds nothing \
                 that could be read: stop it, remove its storage, start it, and initialise it anew."
                    .to_owned()
            }
        })
    }
}
