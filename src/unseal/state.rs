//! What a node is doing, as everything that a user sees derives from it.

use super::{Damage, Objection};
use crate::api::{Product, Refusal, Role, Unreachable};
use crate::external::ExternalText;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The state of one node. One word each ([`State::word`]), with the data that makes the word useful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// No answer of the node's own comes back.
    Unreachable {
        /// Why not.
        cause: Unreachable,
    },
    /// It says that it has no keys: it waits for an operator's `init`, or for raft to find a leader, or its storage is not
    /// mounted.
    Uninitialized {
        /// What speaks against initialising it.
        objection: Objection,
        /// Whose commands initialise it.
        product: Product,
    },
    /// The round is complete and the server is joining its raft cluster in the background.
    Joining,
    /// Sealed, and not (yet) being unsealed.
    Sealed {
        /// What keeps us from submitting right now; `None` for the instant before we do.
        delay: Option<Delay>,
    },
    /// Our shares are going in.
    Unsealing {
        /// Shares the server holds of this round.
        progress: usize,
        /// Shares it needs.
        threshold: usize,
    },
    /// We hold fewer shares than needed, all of ours are in, and the rest is for others to give.
    WaitingForPeers {
        /// Shares the server holds of this round.
        progress: usize,
        /// Shares it needs.
        threshold: usize,
    },
    /// Done.
    Unsealed {
        /// What it is in its cluster.
        role: Role,
    },
    /// Left alone on purpose.
    Held {
        /// Why.
        hold: Hold,
        /// It is unsealed all the same.
        unsealed: bool,
    },
    /// A round of our shares alone failed, and failed again: they are not this server's. Or they cannot be, by what
    /// their source says, and were not submitted at all.
    SharesRejected {
        /// The error's kind.
        kind: &'static str,
        /// What the server said to them, or why the shares cannot be this server's.
        text: String,
        /// What to do about it, where more is known than that they are not the right ones.
        advice: Option<String>,
    },
    /// The share source cannot be read.
    SharesUnavailable {
        /// The error's kind.
        kind: &'static str,
        /// The error's text.
        text: String,
        /// What to do about it.
        advice: Option<String>,
    },
    /// Not sealed by Shamir shares of its own: auto-unseal, or a recovery seal. We must not touch it.
    ForeignSeal {
        /// `type` of the seal status; not known from the answer to a share, of which no text is kept, nor from Vault, which
        /// tells the type of the recovery keys.
        seal_type: Option<ExternalText>,
    },
    /// An operator is moving it to another seal.
    Migrating {
        /// Whose command finishes it.
        product: Product,
    },
    /// An operator removed it from its raft cluster.
    Removed,
    /// It seals itself soon after each unsealing. Shown until it stays unsealed or restarts, between two unsealings and
    /// during them.
    SealsItself {
        /// How often it did so.
        times: u32,
        /// How soon and how often, in words.
        text: String,
    },
    /// Its storage is damaged or not mounted. Nothing may be initialised over it.
    Damaged {
        /// What shows it.
        damage: Damage,
    },
}

/// Why a node is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// An operator sealed it. Ends with the server, with its time, or with the policy that wants it.
    #[serde(rename = "operator-seal")]
    Seal,
    /// Somebody asked for it. Ends when somebody asks for that.
    #[serde(rename = "request")]
    Request,
}

impl Hold {
    /// Its stable name, in files and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Seal => "operator-seal",
            Self::Request => "request",
        }
    }
}

/// What keeps us from submitting shares to a sealed server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delay {
    /// This.
    Because(String),
    /// A round of shares was refused.
    RoundFailed(Refusal),
    /// The server refused a share or a reset for a reason that lies with itself.
    Refused(Refusal),
    /// It answers questions, and something on the way keeps shares from it, or its answers to them from us.
    NotThrough(Unreachable),
    /// Its health is answered, and its seal status is not.
    StatusUnread(Unreachable),
}

impl Delay {
    /// The server asks for so many shares.
    pub(super) fn out_of_bounds(threshold: usize) -> Self {
        Self::Because(format!("the server asks for {threshold} shares, more than can exist"))
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Because(why) => f.write_str(why),
            Self::RoundFailed(refusal) => write!(f, "a round failed: {refusal}"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NotThrough(cause) => write!(f, "no answer to a share comes back: {cause}"),
            Self::StatusUnread(cause) => write!(f, "its seal status cannot be read: {cause}"),
        }
    }
}

impl State {
    /// Every word, in the order of the documentation.
    pub const WORDS: [&'static str; 15] = [
        "unreachable",
        "uninitialized",
        "joining",
        "sealed",
        "unsealing",
        "waiting-for-peers",
        "unsealed",
        "held",
        "shares-rejected",
        "shares-unavailable",
        "foreign-seal",
        "migrating",
        "removed",
        "seals-itself",
        "damaged",
    ];

    /// The state's stable name: in JSON, journal fields, metrics and STATUS=.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Uninitialized { .. } => "uninitialized",
            Self::Joining => "joining",
            Self::Sealed { .. } => "sealed",
            Self::Unsealing { .. } => "unsealing",
            Self::WaitingForPeers { .. } => "waiting-for-peers",
            Self::Unsealed { .. } => "unsealed",
            Self::Held { .. } => "held",
            Self::SharesRejected { .. } => "shares-rejected",
            Self::SharesUnavailable { .. } => "shares-unavailable",
            Self::ForeignSeal { .. } => "foreign-seal",
            Self::Migrating { .. } => "migrating",
            Self::Removed => "removed",
            Self::SealsItself { .. } => "seals-itself",
            Self::Damaged { .. } => "damaged",
        }
    }

    /// True when clients are served, or forwarded to one that serves them.
    pub fn is_unsealed(&self) -> bool {
        matches!(self, Self::Unsealed { .. } | Self::Held { unsealed: true, .. })
    }

    /// Why it is held, if it is.
    pub fn hold(&self) -> Option<Hold> {
        match self {
            Self::Held { hold, .. } => Some(*hold),
            _ => None,
        }
    }

    /// The server has keys, as far as it was seen last.
    pub fn is_initialised(&self) -> bool {
        !matches!(self, Self::Unreachable { .. } | Self::Uninitialized { .. } | Self::Damaged { .. })
    }
}

#[cfg(test)]
mod tests;
