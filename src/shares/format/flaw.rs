//! What is wrong with one string that should be a share.

/// Why a string is not a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// Neither hex nor base64.
    #[error("is neither hex nor base64")]
    Malformed,
    /// Hex with a digit too few or too many.
    #[error("has an odd number of hex digits, so one is missing or too many")]
    OddHex,
    /// Fewer bytes than the server's minimum.
    #[error("has {bytes} bytes, a share has 33 (32 for a server with a single share)")]
    TooShort {
        /// How many it decodes to.
        bytes: usize,
    },
    /// More bytes than the server's maximum.
    #[error("has {bytes} bytes, a share has 33 (32 for a server with a single share)")]
    TooLong {
        /// How many it decodes to.
        bytes: usize,
    },
    /// Hex or base64 of what is hex or base64 itself.
    #[error("is encoded twice: it decodes to hex or base64, not to a share")]
    DoublyEncoded,
    /// A PGP message.
    #[error("is encrypted with PGP")]
    Pgp,
    /// A token of the server.
    #[error("is a token, not a share")]
    Token,
}

impl Flaw {
    /// A stable word for each flaw.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Malformed => "share-malformed",
            Self::OddHex => "share-odd-hex",
            Self::TooShort { .. } => "share-too-short",
            Self::TooLong { .. } => "share-too-long",
            Self::DoublyEncoded => "share-doubly-encoded",
            Self::Pgp => "pgp-encrypted",
            Self::Token => "token",
        }
    }
}
