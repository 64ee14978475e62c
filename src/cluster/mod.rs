//! What settings speak of: where servers are, how they are known, how often they are asked, and what is said of their
//! shares: where they are kept, how many a server needs, and why a set cannot be a server's. Vocabulary alone: nothing here
//! reads a file, opens a connection or parses a configuration.

mod node;

pub(crate) use node::{ADDRESSES, SERVICES};
pub use node::{COMPUTE_PIN, Discovery, Node, NodeAddress, Pin, PinError};

use crate::explain::Explain;
use crate::external::quote;
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Intervals and time limits of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks at a healthy node.
    pub poll_interval: Duration,
    /// Between two looks at a node that needs a person (rejected shares, foreign seal, migration).
    pub slow_interval: Duration,
    /// Shortest pause before a node that does not answer is asked again.
    pub retry_min: Duration,
    /// Longest such pause during the first minute.
    pub retry_max: Duration,
    /// Limit of one request.
    pub request_timeout: Duration,
    /// Limit of the request that submits the threshold share, which a joining server may hold.
    pub unseal_timeout: Duration,
    /// Ask a node as soon as its connection ends, and not at the next poll.
    pub presence: bool,
    /// Between two lookups of a name that stands for nodes, while all is well.
    pub resolve_interval: Duration,
    /// How long a node that DNS no longer has, and that does not answer, is still watched.
    pub forget_after: Duration,
}

/// What to do when an operator seals a server on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOperatorSeal {
    /// Unseal it again.
    #[default]
    Unseal,
    /// Leave it sealed.
    Hold {
        /// How long at the most; `None` until somebody ends it.
        at_most: Option<Duration>,
    },
}

/// Where the shares of a cluster are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareSource {
    /// A file that is owned and protected as `crate::files` demands of shares.
    File(PathBuf),
    /// A systemd credential of this name, below `$CREDENTIALS_DIRECTORY` (systemd.exec(5)).
    Credential(String),
    /// A Unix socket at which a service of root's gives them.
    Socket(PathBuf),
    /// A file that a TPM sealed, protected as a share file is; or, in its place, a credential of the file's name.
    Tpm2 {
        /// The file.
        path: PathBuf,
        /// Which TPM, in the words of tpm2-tss; `None` looks for one.
        tcti: Option<String>,
    },
}

/// As sentences name it: `/etc/vault-unseal/shares.json`, `credential "shares"`.
impl fmt::Display for ShareSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Tpm2 { path, .. } => f.write_str(&quote::sentence(path)),
            Self::Credential(name) => write!(f, "credential {name:?}"),
            Self::Socket(path) => write!(f, "the socket {}", quote::sentence(path)),
        }
    }
}

/// How a server's key is split. Numbers that the server tells anybody; nothing of them is secret.
///
/// ```
/// use vault_unseal::cluster::Scheme;
///
/// let server = Scheme { threshold: 3, total: 5 };
/// assert_eq!(server.to_string(), "5 shares, threshold 3");
/// // A file that names the threshold alone may be this server's; one that names another is not.
/// assert!(server.agrees_with(Scheme::needing(3)));
/// assert!(!server.agrees_with(Scheme { threshold: 2, total: 5 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme {
    /// Shares needed: `t` of a seal status, `unseal_threshold` of an initialisation. 0 while there is no key.
    pub threshold: usize,
    /// Shares that exist: `n`, `unseal_shares`. 0 where nobody says.
    pub total: usize,
}

impl Scheme {
    /// Of a server of which only the threshold is known.
    pub fn needing(threshold: usize) -> Self {
        Self { threshold, total: 0 }
    }

    /// Whether both can speak of one server.
    pub fn agrees_with(self, other: Self) -> bool {
        let totals = [self.total, other.total];
        self.threshold == other.threshold && (totals.contains(&0) || self.total == other.total)
    }
}

/// As in "a server with": `5 shares, threshold 3`.
impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.total {
            0 => {}
            1 => f.write_str("1 share, ")?,
            total => write!(f, "{total} shares, ")?,
        }
        write!(f, "threshold {}", self.threshold)
    }
}

/// Why no share of a set can belong to a server with this scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// The source speaks of a server that is split in another way.
    #[error("the shares are of a server with {source_says}; this one has {server}")]
    AnotherScheme {
        /// What the source says.
        source_says: Scheme,
        /// What the server says.
        server: Scheme,
    },
    /// More different shares than the server was given. Some of them are another server's, or from before a rekey, and
    /// which they are is not for this server to be asked.
    #[error("{held} shares are held, but the server was given only {total}")]
    TooMany {
        /// How many there are.
        held: usize,
        /// How many the server has.
        total: usize,
    },
    /// Bare keys for a server whose key was split. Such a share has no x byte and would spoil the round.
    #[error(
        "the shares have {bytes} bytes, but the server's key is split with threshold {threshold} and \
         shares of such a key have 33"
    )]
    BareKey {
        /// The length of each share.
        bytes: usize,
        /// The server's threshold.
        threshold: usize,
    },
    /// Shares of a split key for a server whose key is not split: OpenBao answers `invalid key size 33`.
    #[error(
        "the shares have 33 bytes, as shares of a split key have, but the server's threshold is 1 and \
         its key has 32"
    )]
    SplitKey,
}

impl Explain for Misfit {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::AnotherScheme { .. } => (
                "shares-of-another-scheme",
                "These are the shares of another server, or from before a rekey, and none of them is submitted. Use those \
                 that this one printed when it was initialised or rekeyed.",
            ),
            Self::TooMany { .. } => (
                "too-many-shares",
                "The source mixes shares of several servers, or of before and after a rekey. None of them is submitted \
                 until it holds those of this server alone.",
            ),
            Self::BareKey { .. } => (
                "bare-key-for-split-server",
                "These are the shares of another server. Use those that this one printed when it was initialised.",
            ),
            Self::SplitKey => (
                "split-key-for-bare-server",
                "These are the shares of another server. Use those that this one printed when it was initialised.",
            ),
        };
        (kind, Some(Cow::Borrowed(advice)))
    }
}
