//! What the core is told, what it asks for, and what it reports.

use crate::api::{ConnectionEpoch, Health, Refusal, SealStatus, Unreachable, UnsealAnswer};
use crate::cluster::{Misfit, Scheme};
use std::time::Duration;

/// A point in time: how long after the watch of the node began, on a clock that never jumps.
pub type Moment = Duration;

/// What was seen when the last [`Action`] was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// The node gave no answer of its own.
    Unreachable(Unreachable),
    /// The answer to [`Action::AskHealth`], and the life of the server that it came from.
    Health(Health, ConnectionEpoch),
    /// The answer to [`Action::ReadSealStatus`], and the life of the server that it came from.
    SealStatus(SealStatus, ConnectionEpoch),
    /// The outcome of [`Action::LoadShares`].
    Shares(ShareCandidates),
    /// No share of the source can be one of this server's, as [`Action::LoadShares`] found.
    Misfit(Misfit),
    /// The share source could not be read.
    SharesUnavailable {
        /// The error's kind.
        kind: &'static str,
        /// Its text.
        text: String,
        /// What to do about it.
        advice: Option<String>,
    },
    /// The answer to [`Action::Submit`] or [`Action::Reset`].
    Answer(UnsealAnswer),
    /// The connection to the node ended while nothing was asked: most likely the server did, too.
    Left,
    /// Something listens again where nothing did.
    Returned,
    /// A person asks to leave the node alone.
    Hold,
    /// A person asks to look after it again.
    Resume,
    /// A person or a changed share source asks to try afresh, cutting a wait short.
    Woken,
}

/// Which shares are worth submitting, by their index in the loaded set. The bytes stay at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareCandidates {
    /// Sets to try one after another; each of `threshold` shares, or one set of all shares when fewer are held.
    pub candidates: Vec<Vec<usize>>,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `GET sys/health`.
    AskHealth,
    /// `GET sys/seal-status`.
    ReadSealStatus,
    /// Read the share source and plan for a server with this scheme.
    LoadShares(Scheme),
    /// `PUT sys/unseal` with one share.
    Submit {
        /// Its index in the loaded set.
        share: usize,
        /// This share may complete the round: the server can hold the answer while it joins its cluster.
        completes: bool,
    },
    /// `PUT sys/unseal` with `reset`.
    Reset,
}

#[expect(clippy::struct_excessive_bools, reason = "each is another matter of the edge's")]
/// The next action and how long to wait before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How long to wait first.
    pub wait: Duration,
    /// What to do then.
    pub action: Action,
    /// Nothing listens at the node since this moment: meanwhile its port may be tried, as often as
    /// `probe_pause` allows.
    pub refused_since: Option<Moment>,
    /// The state that is shown is old once the action has had no answer for so long: then
    /// [`NodeMachine::overdue`](crate::unseal::NodeMachine::overdue) is called, and the answer awaited all the same.
    pub overdue_after: Option<Duration>,
    /// Loaded shares are still needed; if not, whoever holds them drops them.
    pub keep_shares: bool,
    /// A change of the share source would be good news: it is worth watching.
    pub watch_share_source: bool,
    /// Shares will probably be wanted after this answer: a source that asks nobody for them may be read meanwhile. What was
    /// read serves the [`Action::LoadShares`] that follows, and is dropped if something else does.
    pub load_ahead: bool,
    /// What a slow read of the share source may still bring is of use: it is what is asked for, now or next.
    pub load_pending: bool,
}

impl Step {
    /// It is one of those that unseal a server, and nothing is waited for.
    pub fn is_urgent(&self) -> bool {
        self.wait.is_zero() && self.action != Action::AskHealth
    }
}

/// An occurrence within the work on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Shares that are not ours were in a round that failed. A second daemon with our shares is no stranger, and
    /// neither is an operator whose shares are right.
    StrangerInRound {
        /// Shares in the round.
        progress: usize,
        /// How many of them came from us.
        ours: usize,
    },
    /// Somebody reset or completed the round that we were in.
    RoundLost,
    /// A complete round was refused.
    RoundFailed {
        /// No share but ours was in it, as far as can be seen.
        ours_alone: bool,
        /// What the server said.
        refusal: Refusal,
    },
    /// One of several sets of shares unsealed the server.
    ///
    /// The indices are those of the set, so that the shares which do not fit it can be named.
    FoundGoodShares {
        /// Indices into the loaded set.
        shares: Vec<usize>,
    },
    /// The server said `sealed: false` to a share of ours.
    Unsealed,
    /// An operator sealed the server, and it is unsealed again.
    SealUndone,
    /// The server keeps answering with an error that lies with itself.
    KeepsFailing {
        /// The status code.
        status: u16,
        /// The answers are to shares, not to questions.
        to_shares: bool,
        /// They are the server's own, not a proxy's.
        from_server: bool,
        /// How often in a row.
        times: u32,
        /// For how long.
        lasted: Duration,
        /// It has lasted for minutes.
        severe: bool,
    },
    /// Several servers answer in turn where there should be one.
    SeveralServers,
    /// The server is unsealed, and has had no active node for so long.
    NoActiveNode {
        /// For how long.
        lasted: Duration,
    },
}
