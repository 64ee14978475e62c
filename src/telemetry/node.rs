//! What is remembered of one node.

use crate::api::{Health, Role, Unreachable};
use crate::explain::Explain;
use crate::external::ExternalText;
use crate::unseal::{Delay, Hold, State};
use std::time::Duration;

/// Names one node of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeName {
    /// The cluster's name.
    pub cluster: String,
    /// The node's address.
    pub address: String,
}

/// A state, as everybody may know it: words of ours and numbers, no reason in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSummary {
    /// The state's word.
    pub word: &'static str,
    /// What an unsealed server is in its cluster.
    pub role: Option<Role>,
    /// Why it is held.
    pub hold: Option<Hold>,
    /// The kind of error that it is in this state for.
    pub cause: Option<&'static str>,
    /// How many shares are in, and how many it needs.
    pub progress: Option<(usize, usize)>,
}

impl StateSummary {
    /// Leaves out what not everybody is to know.
    pub fn of(state: &State) -> Self {
        let (mut role, mut progress) = (None, None);
        let cause = match state {
            State::Unreachable { cause }
            | State::Sealed { delay: Some(Delay::NotThrough(cause) | Delay::StatusUnread(cause)) } => {
                Some(Unreachable::kind(cause))
            }
            State::Sealed { delay: Some(Delay::RoundFailed(_)) } => Some("round-failed"),
            State::Sealed { delay: Some(Delay::Refused(_)) } => Some("server-error"),
            State::SharesRejected { kind, .. } | State::SharesUnavailable { kind, .. } => Some(*kind),
            State::Unsealed { role: of_server } => {
                role = Some(*of_server);
                None
            }
            State::Unsealing { progress: counted, threshold }
            | State::WaitingForPeers { progress: counted, threshold } => {
                progress = Some((*counted, *threshold));
                None
            }
            _ => None,
        };
        Self { word: state.word(), role, hold: state.hold(), cause, progress }
    }

    /// Whether a server in this state that is held would be shown as held: others say more of it.
    pub(super) fn shows_hold(&self) -> bool {
        !matches!(
            self.word,
            "unreachable" | "uninitialized" | "foreign-seal" | "migrating" | "removed" | "damaged"
        )
    }

    /// It says the same as another, or nothing but that more shares are in.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        Self { progress: None, ..*self } == Self { progress: None, ..*other }
    }
}

/// What a server said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerFlags {
    /// It has keys.
    pub initialized: bool,
    /// It is sealed.
    pub sealed: bool,
    /// It is not the active one; `None` of a sealed one.
    pub standby: Option<bool>,
}

impl ServerFlags {
    pub(super) fn of(health: &Health) -> Self {
        let standby = !health.role.is_active();
        let standby = (health.initialized && !health.sealed).then_some(standby);
        Self { initialized: health.initialized, sealed: health.sealed, standby }
    }
}

/// How a try to unseal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptResult {
    /// A share from here completed the round, and the server is unsealed.
    Unsealed,
    /// The server refused a whole round of shares from here.
    Refused,
    /// A round that others had a part in failed, or was lost.
    Disturbed,
    /// A share got no answer, or an error that says nothing of it.
    Error,
}

impl AttemptResult {
    /// Every result with its word, in the order of [`NodeCounters::attempts`].
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Unsealed, "unsealed"),
        (Self::Refused, "refused"),
        (Self::Disturbed, "disturbed"),
        (Self::Error, "error"),
    ];
}

/// What was counted of one node since the daemon was started, or since the node is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeCounters {
    /// Tries to unseal it, by their result.
    pub attempts: [u64; AttemptResult::ALL.len()],
    /// Restarts of the server that were noticed.
    pub restarts: u64,
    /// Seals by an operator, undone or held.
    pub operator_seals: u64,
    /// Seals of the server's own, soon after it was unsealed.
    pub self_seals: u64,
    /// Holds that somebody asked for.
    pub holds: u64,
}

impl NodeCounters {
    pub(super) fn attempt(&mut self, result: AttemptResult) {
        let place = AttemptResult::ALL.iter().position(|(each, _)| *each == result);
        if let Some(count) = place.and_then(|place| self.attempts.get_mut(place)) {
            *count += 1;
        }
    }
}

/// The last time that a node was seen to become unsealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastUnseal {
    /// When, since 1970.
    pub at: Duration,
    /// How long after it was first seen sealed.
    pub took: Duration,
}

/// What is known of one node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeRecord {
    /// The number of the last event about it.
    pub event: u64,
    /// Its state; `None` before the first answer.
    pub state: Option<StateSummary>,
    /// Since when it is in it, since 1970.
    pub state_since: Option<Duration>,
    /// What the server said last.
    pub flags: Option<ServerFlags>,
    /// Its version.
    pub version: Option<ExternalText>,
    /// When the server itself answered last, since 1970.
    pub last_confirmed: Option<Duration>,
    /// When it was unsealed last.
    pub last_unseal: Option<LastUnseal>,
    /// From when until when the certificate is valid that it showed last, in seconds since 1970.
    pub certificate: Option<(u64, u64)>,
    /// What was counted.
    pub counters: NodeCounters,
}

impl NodeRecord {
    /// The server answers: what it said last holds now.
    pub fn is_up(&self) -> bool {
        self.state.is_some_and(|state| state.word != "unreachable")
    }
}
