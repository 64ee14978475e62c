//! Why a share source was refused, and what is odd about one that was not.

use crate::explain::Explain;

/// Why shares could not be read. Never carries a byte of a share.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// Placeholder: to be written with the real cases.
    #[error("unreadable")]
    Unreadable,
}

impl Explain for ShareError {
    fn kind(&self) -> &'static str {
        "unreadable"
    }
    fn advice(&self) -> Option<String> {
        None
    }
}

/// Something a careful owner wants to know about shares that were accepted. Never carries a byte of a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Notice {
    /// Placeholder: to be written with the real cases.
    #[error("root token")]
    RootToken,
}

impl Explain for Notice {
    fn kind(&self) -> &'static str {
        "root-token"
    }
    fn advice(&self) -> Option<String> {
        None
    }
}
