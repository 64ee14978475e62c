//! The states of all nodes, for whoever shows them.

use super::holds::Holds;
use crate::config::NodeAddress;
use crate::report;
use crate::unseal::{Hold, Outsider, State};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Notify, watch};

/// Names one node of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey {
    /// The cluster's name.
    pub cluster: String,
    /// The node's address.
    pub address: NodeAddress,
}

/// What a person may tell a node's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Leave the node alone.
    Hold,
    /// Look after it again.
    Resume,
}

/// What every node's task last published, and the way to tell each something.
#[derive(Debug, Default)]
pub struct Board {
    entries: Mutex<BTreeMap<NodeKey, Entry>>,
    changed: Notify,
    holds: Arc<Holds>,
}

#[derive(Debug, Default)]
struct Entry {
    state: Option<State>,
    outsider: Option<Outsider>,
    /// When the task must have come round again, or it hangs.
    due: Option<Instant>,
    orders: watch::Sender<Option<Order>>,
}

impl Board {
    /// A board without nodes, whose orders are booked in `holds`.
    pub(super) fn new(holds: Arc<Holds>) -> Self {
        Self { holds, ..Self::default() }
    }

    /// A new node without a state; its task hears orders from what is returned.
    pub(super) fn add(&self, key: &NodeKey) -> watch::Receiver<Option<Order>> {
        let entry = Entry::default();
        let orders = entry.orders.subscribe();
        self.entries().insert(key.clone(), entry);
        self.changed.notify_one();
        orders
    }

    pub(super) fn remove(&self, key: &NodeKey) {
        self.entries().remove(key);
        self.changed.notify_one();
    }

    pub(super) fn publish(
        &self,
        key: &NodeKey,
        state: Option<&State>,
        outsider: Option<&Outsider>,
        due: Instant,
    ) {
        if let Some(entry) = self.entries().get_mut(key) {
            entry.due = Some(due);
            if entry.outsider.as_ref() != outsider {
                entry.outsider = outsider.cloned();
            }
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

    /// Every node and its state; `None` before its first answer.
    pub fn states(&self) -> Vec<(NodeKey, Option<State>)> {
        self.entries().iter().map(|(key, entry)| (key.clone(), entry.state.clone())).collect()
    }

    /// Why a node is no member of the cluster it is configured in, if it is none.
    pub fn outsider(&self, key: &NodeKey) -> Option<Outsider> {
        self.entries().get(key)?.outsider.clone()
    }

    /// Gives an order to a node's task, which follows it when its request under way is done. It is booked now: an
    /// order that was given outlives the daemon, followed or not.
    pub fn order(&self, key: &NodeKey, order: Order) {
        if let Some(entry) = self.entries().get(key) {
            let hold = match order {
                Order::Hold => Some((Hold::Request, None)),
                Order::Resume => None,
            };
            self.holds.book(key, hold);
            entry.orders.send_replace(Some(order));
        }
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
