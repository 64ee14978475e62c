//! The states of all nodes, for whoever shows them.

use crate::config::NodeAddress;
use crate::report;
use crate::unseal::State;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Names one node of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey {
    /// The cluster's name.
    pub cluster: String,
    /// The node's address.
    pub address: NodeAddress,
}

/// What every node's task last published.
#[derive(Debug, Default)]
pub struct Board {
    entries: Mutex<BTreeMap<NodeKey, Entry>>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Entry {
    state: Option<State>,
    /// When the task must have come round again, or it hangs.
    due: Option<Instant>,
}

impl Board {
    pub(super) fn add(&self, key: &NodeKey) {
        self.entries().insert(key.clone(), Entry::default());
        self.changed.notify_one();
    }

    pub(super) fn remove(&self, key: &NodeKey) {
        self.entries().remove(key);
        self.changed.notify_one();
    }

    pub(super) fn publish(&self, key: &NodeKey, state: Option<&State>, due: Instant) {
        if let Some(entry) = self.entries().get_mut(key) {
            entry.due = Some(due);
            if entry.state.as_ref() != state {
                entry.state = state.cloned();
                self.changed.notify_one();
            }
        }
    }

    /// Waits until a state differs from what it was at the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// All states in one line.
    pub fn summary(&self) -> String {
        report::state::summary(self.entries().values().map(|entry| entry.state.as_ref()))
    }

    /// No task is later than it said it would be.
    pub fn is_alive(&self, now: Instant) -> bool {
        self.entries().values().all(|entry| entry.due.is_none_or(|due| now <= due))
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<NodeKey, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
