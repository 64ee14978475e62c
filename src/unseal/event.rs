//! What happened beside a change of state, worth telling a person.

use crate::api::Refusal;
use std::time::Duration;

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
