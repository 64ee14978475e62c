//! The kinds of journal messages, each with the id that `journalctl MESSAGE_ID=` and the catalog know it by.

use crate::unseal::State;
use std::fmt::Display;
use tracing::Level;

/// Makes the kinds, and what tells their ids, of one table.
macro_rules! messages {
    ($($(#[$meta:meta])* $kind:ident = $id:literal,)*) => {
        /// A kind of message. The ids never change: catalogs, alerts and people's filters are built on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Message {
            $($(#[$meta])* $kind,)*
        }

        impl Message {
            /// Every kind.
            pub fn all() -> impl Iterator<Item = Self> {
                [$(Self::$kind),*].into_iter()
            }

            /// `MESSAGE_ID=` (systemd.journal-fields(7)): 128 random bits in hex.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$kind => $id,)*
                }
            }
        }
    };
}

messages! {
    /// The daemon runs.
    Started = "098cc4a665c8e6504921b80e7bea4e20",
    /// The configuration was reloaded.
    Reloaded = "d32f65e216e5c2d8eb5023f1b350e8a0",
    /// The configuration or a share file was refused at start.
    Refused = "2647a7dd65dc161419f8fe1368f46ef6",
    /// A reload was refused.
    ReloadRefused = "41222246af594dfbb2610335169ffe68",
    /// The daemon ends.
    Stopping = "93a1f8b679b4c73eca25aff6527fb144",
    /// A node gives no answer of its own.
    Unreachable = "1b6128a39ee676f5c9b59d5c1d66d480",
    /// A node has no keys yet.
    Uninitialized = "8e738228e7c2e8ab2380a4d92ab854f2",
    /// A node joins its raft cluster.
    Joining = "2f6757c9337ca74f9129f69624d88e44",
    /// A node is sealed.
    Sealed = "487c5c17a75f8633f745dfa583b5f42e",
    /// Shares go in.
    Unsealing = "6d635d97a998006da1b4014c602215dc",
    /// Our shares are in, others' are missing.
    WaitingForPeers = "4cf14d530da9be396c02411c041d1119",
    /// A node is unsealed.
    Unsealed = "bd93cb818bb64987ce8062113d095336",
    /// A node is left alone on purpose.
    Held = "e5c36afbe1e94ad18ac8d8c4a1b9ad7f",
    /// The shares are not this node's.
    SharesRejected = "619c594472bd153a96d39922660516e9",
    /// The share source cannot be read.
    SharesUnavailable = "59d89410eab08c3a9e4115eb0720e65c",
    /// A node with another seal.
    ForeignSeal = "553620b2a743bda4807e76c82fc529f7",
    /// A node in seal migration.
    Migrating = "93137c90d22928648e790089dc93fbe8",
    /// A node removed from its cluster.
    Removed = "d3c3e1ca88320f6d72e11700a5ac2ec7",
    /// A node seals itself after each unsealing.
    SealsItself = "73cda8584293a7e4cb873d470d7ae829",
    /// An operator's seal is undone.
    SealUndone = "2ae63331ed4c1d534665067bbf77c2c0",
    /// A node keeps answering with errors of its own.
    KeepsFailing = "6d3e117fda185f15ac3328ae55dda3ab",
    /// Several servers answer where there should be one.
    SeveralServers = "da97a2f304653f30798b1eb7c008e6ab",
    /// No node of a cluster has been active for long.
    NoActiveNode = "b4561612ee6f10b7bdf40b5855e05eeb",
    /// What would become of a new connection to a node that is unsealed.
    Reconnect = "44d80dd387d61d944254ce40f4f7a996",
    /// A node cannot use its own storage.
    Damaged = "017423dd0ec857258082318f70cfc5fe",
    /// Somebody else's shares are in the round.
    Stranger = "9cde6ef2e611bd5d659670fe3c7d939c",
    /// A node is a member of another cluster.
    Outsider = "ddd90563b2c9a725e74072a54902b0d2",
    /// A round was lost or failed.
    RoundDisturbed = "7f0ee5ed47d467dd79207ff3ae202ac4",
    /// A share is corrupt.
    CorruptShare = "c8f3d339768e3bf6ca16cffa1391fabc",
    /// Somebody asked to hold a node, or to resume it.
    Ordered = "5b0c6e1f8d2a4937b6f4c81d0e97a352",
    /// A node was found by a name.
    Discovered = "536aaf1eef0d7244e86df7d62164d75e",
    /// A node that was found by a name is no longer in DNS.
    Missing = "a3ee67e36a9d23321822ca920ed9b41a",
    /// Such a node is no longer watched.
    Forgotten = "d677f006e2a399f9f395287118755efe",
    /// What a name stands for may not be a node.
    TargetRefused = "bf71118e501dae02b2f2c4cc431bc0e3",
    /// A name that stands for nodes cannot be looked up.
    LookupFailed = "3735932ca5dff68573a78ee8add9a631",
    /// It can be looked up again.
    LookupWorks = "ec9ad11f50b5c78fcf37df59c952a1ad",
    /// Something odd about the configuration or the shares, said at every start.
    Notice = "ae388a05c1966d08d8991fbcd9fa81d0",
}

impl Message {
    /// The kind that announces a state.
    pub fn of(state: &State) -> Self {
        match state {
            State::Unreachable { .. } => Self::Unreachable,
            State::Uninitialized { .. } => Self::Uninitialized,
            State::Joining => Self::Joining,
            State::Sealed { .. } => Self::Sealed,
            State::Unsealing { .. } => Self::Unsealing,
            State::WaitingForPeers { .. } => Self::WaitingForPeers,
            State::Unsealed { .. } => Self::Unsealed,
            State::Held { .. } => Self::Held,
            State::SharesRejected { .. } => Self::SharesRejected,
            State::SharesUnavailable { .. } => Self::SharesUnavailable,
            State::ForeignSeal { .. } => Self::ForeignSeal,
            State::Migrating { .. } => Self::Migrating,
            State::Removed => Self::Removed,
            State::SealsItself { .. } => Self::SealsItself,
            State::Damaged { .. } => Self::Damaged,
        }
    }

    /// Writes a line about a node, or about a name that stands for some, with its fields for the journal; `states` are that
    /// after it and the one before.
    pub fn log(
        self,
        level: Level,
        node: &dyn Display,
        cluster: &str,
        [state, previous]: [Option<&str>; 2],
        text: &str,
    ) {
        let node = node.to_string();
        let id = self.id();
        macro_rules! at {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    message_id = id,
                    vault_node = node,
                    vault_cluster = cluster,
                    vault_state = state,
                    vault_previous_state = previous,
                    "{text}"
                )
            };
        }
        match level {
            Level::ERROR => at!(Level::ERROR),
            Level::WARN => at!(Level::WARN),
            Level::INFO => at!(Level::INFO),
            _ => at!(Level::DEBUG),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_message_has_an_id_that_the_journal_takes_and_no_other_has() {
        let ids: HashSet<_> = Message::all().map(Message::id).collect();
        assert_eq!(ids.len(), Message::all().count());
        assert!(ids.iter().all(|id| id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit())));
    }
}
