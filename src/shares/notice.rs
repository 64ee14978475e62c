//! What is odd about shares that were accepted.

use super::{Source, quote};
use crate::explain::Explain;
use std::path::Path;

/// Something a careful owner wants to know about shares that were accepted. Never carries a byte of a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Notice {
    /// The root token lies beside the shares: whoever reads the source needs no unsealing any more.
    #[error("{origin} holds the root token beside the shares")]
    RootToken {
        /// Where it lies.
        origin: Source,
        /// Whether it is a member of a JSON object, or a line of text.
        json: bool,
    },
    /// The same share more than once, which counts once.
    #[error("{origin} holds the same share more than once (shares {}); it counts once", list(positions))]
    Duplicate {
        /// Where they lie.
        origin: Source,
        /// Where each copy stood in the source, counted from 1; the first is used.
        positions: Vec<usize>,
    },
}

impl Explain for Notice {
    fn kind(&self) -> &'static str {
        match self {
            Self::RootToken { .. } => "root-token",
            Self::Duplicate { .. } => "duplicate-share",
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::RootToken { origin: Source::File(path), json: true } => {
                format!("Keep a copy without it: {}", without_token(path))
            }
            Self::RootToken { origin: Source::File(path), json: false } => {
                format!("Delete its line: sed -i '/Root Token:/d' {}", quote::shell(path))
            }
            Self::RootToken { origin: Source::Credential(_), json: true } => {
                "Make the credential from a copy without it: jq 'del(.root_token)' OLD > NEW".to_owned()
            }
            Self::RootToken { origin: Source::Credential(_), json: false } => {
                "Make the credential from a copy without it: sed '/Root Token:/d' OLD > NEW".to_owned()
            }
            Self::RootToken { origin: Source::Tpm2 { .. }, .. } => {
                "Seal the shares anew without it: vault-unseal enroll".to_owned()
            }
            Self::Duplicate { .. } => {
                "If they should differ, copy the missing share again from where the shares are kept."
                    .to_owned()
            }
        })
    }
}

/// The command that rewrites a JSON file without its root token. The copy is never readable by others.
fn without_token(path: &Path) -> String {
    let mut copy = path.as_os_str().to_owned();
    copy.push(".new");
    let (old, new) = (quote::shell(path), quote::shell(Path::new(&copy)));
    format!("(umask 077; jq 'del(.root_token)' {old} > {new} && mv {new} {old})")
}

/// `1, 3 and 4`.
fn list(positions: &[usize]) -> String {
    match positions {
        [] => String::new(),
        [only] => only.to_string(),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            format!("{} and {last}", first.join(", "))
        }
    }
}
