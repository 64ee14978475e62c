//! How often the servers of a cluster are asked, for how long, and what follows an operator's seal.

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
