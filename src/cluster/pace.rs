//! How often the servers of a cluster are asked, for how long, and what follows an operator's seal.

use std::time::Duration;

/// Intervals and time limits of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks at a healthy node. Default 1 s.
    pub poll_interval: Duration,
    /// Between two looks at a node that needs a person (rejected shares, foreign seal, migration). Default 30 s.
    pub slow_interval: Duration,
    /// Shortest pause before a node that does not answer is asked again. Default 20 ms.
    pub retry_min: Duration,
    /// Longest such pause during the first minute. Default 1 s.
    pub retry_max: Duration,
    /// Limit of one request. Default 10 s.
    pub request_timeout: Duration,
    /// Limit of the request that submits the threshold share, which a joining server may hold. Default 100 s.
    pub unseal_timeout: Duration,
    /// Ask a node as soon as its connection ends, and not at the next poll. Default true.
    pub presence: bool,
    /// Between two lookups of a name that stands for nodes, while all is well. Default 30 s.
    pub resolve_interval: Duration,
    /// How long a node that DNS no longer has, and that does not answer, is still watched. Default 1 h.
    pub forget_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(1),
            slow_interval: Duration::from_secs(30),
            retry_min: Duration::from_millis(20),
            retry_max: Duration::from_secs(1),
            request_timeout: Duration::from_secs(10),
            unseal_timeout: Duration::from_secs(100),
            presence: true,
            resolve_interval: Duration::from_secs(30),
            forget_after: Duration::from_secs(60 * 60),
        }
    }
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
