//! What can be told of: the words of `events` in the configuration.

use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// How an event behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// The server does not serve, or soon will not: as long as any of these lasts it is one problem of the server.
    Down,
    /// A problem of its own, which ends.
    Lasting,
    /// It happened, and is over: told once.
    Once,
}

/// Makes the events, and what tells their words, of one table.
macro_rules! events {
    ($($(#[doc = $meaning:literal])* $event:ident = $word:literal, $nature:ident, $after:expr;)*) => {
        /// A kind of event. The words never change: configurations have them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Event {
            $($(#[doc = $meaning])* $event,)*
        }

        impl Event {
            /// Every event.
            pub const ALL: &[Self] = &[$(Self::$event),*];
            /// Their words.
            pub const WORDS: &[&'static str] = &[$($word),*];

            /// Its word.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$event => $word,)*
                }
            }

            /// What it is.
            pub fn nature(self) -> Nature {
                match self {
                    $(Self::$event => Nature::$nature,)*
                }
            }

            /// How long it lasts before it is told, unless the configuration says so.
            pub fn patience(self) -> Duration {
                match self {
                    $(Self::$event => $after,)*
                }
            }

            /// What it means, for the manual page.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$event => concat!($($meaning),*).trim_ascii(),)*
                }
            }
        }
    };
}

events! {
    /// A server is sealed, is being unsealed, or joins its cluster.
    Sealed = "sealed", Down, MINUTE;
    /// A server does not answer.
    Unreachable = "unreachable", Down, MINUTE;
    /// A server waits for the shares of others.
    WaitingForPeers = "waiting-for-peers", Down, 5 * MINUTE;
    /// A server refuses our shares.
    SharesRejected = "shares-rejected", Down, MINUTE;
    /// The shares for a server cannot be read.
    SharesUnavailable = "shares-unavailable", Down, MINUTE;
    /// A server seals itself again and again.
    SealsItself = "seals-itself", Down, MINUTE;
    /// A server cannot use its storage.
    Damaged = "damaged", Down, MINUTE;
    /// A server has no keys yet.
    Uninitialized = "uninitialized", Lasting, 10 * MINUTE;
    /// A server is sealed by other means than shares.
    ForeignSeal = "foreign-seal", Lasting, 10 * MINUTE;
    /// A server is being moved to another seal.
    Migrating = "migrating", Lasting, 10 * MINUTE;
    /// A server was removed from its cluster.
    Removed = "removed", Lasting, 10 * MINUTE;
    /// A server is held: it is left alone, and stays sealed once it is.
    Held = "held", Lasting, 60 * MINUTE;
    /// A cluster of several servers has no active one.
    NoActiveNode = "no-active-node", Lasting, 2 * MINUTE;
    /// One server alone of a cluster of several is unsealed.
    RedundancyLost = "redundancy-lost", Lasting, 5 * MINUTE;
    /// The share source of a cluster could not be read when it was tried last.
    ShareSource = "share-source", Lasting, MINUTE;
    /// Less than a quarter is left of the life of a server's certificate, or it has ended.
    Certificate = "certificate", Lasting, MINUTE;
    /// Less than a quarter, and less than 60 days, is left of the life of the configured CA, or it has ended.
    CaEnds = "ca", Lasting, MINUTE;
    /// The daemon refused its configuration, and goes on with the old one.
    ReloadRefused = "reload-refused", Lasting, MINUTE;
    /// The daemon does not answer: nobody unseals.
    DaemonGone = "daemon-gone", Lasting, MINUTE;
    /// An operator sealed a server.
    OperatorSeal = "operator-seal", Once, Duration::ZERO;
    /// A server sealed itself soon after it was unsealed.
    SelfSeal = "self-seal", Once, Duration::ZERO;
    /// A server was restarted. Told only where it is asked for.
    Restarted = "restarted", Once, Duration::ZERO;
}

impl Event {
    /// The event of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|event| event.word() == word).copied()
    }

    /// Told without being asked for.
    pub fn is_usual(self) -> bool {
        self != Self::Restarted
    }
}
