//! What happened beside a change of state, worth telling a person.

/// An occurrence within the work on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Shares that are not ours are in the round.
    StrangerInRound {
        /// Shares the server counts.
        progress: usize,
        /// How many of them are ours.
        ours: usize,
    },
    /// Somebody reset or completed the round that we were in.
    RoundLost,
    /// A complete round was refused.
    RoundFailed {
        /// No share but ours was in it, as far as can be seen.
        ours_alone: bool,
        /// The server's words.
        text: String,
    },
    /// A set of shares unsealed the server after other sets had failed.
    ///
    /// The indices are those of the set, so that the shares which do not fit it can be named.
    FoundGoodShares {
        /// Indices into the loaded set.
        shares: Vec<usize>,
    },
    /// The server said `sealed: false` to a share of ours.
    Unsealed,
}
