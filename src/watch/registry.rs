//! The states of all nodes, for whoever shows them.

use super::holds::{HoldRecord, HoldStore, Requester};
use super::key::{NodeKey, SearchKey};
use crate::api::Unreachable;
use crate::cluster::Discovery;
use crate::discovery::NodeInventory;
use crate::explain::Remark;
use crate::ordered::SortedList;
use crate::report;
use crate::telemetry::{NodeRecorder, Telemetry};
use crate::unseal::{ForeignNode, Hold, State};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// How long whoever gave an order waits until it is written down, within what a connection to the control socket may take.
const KEPT_WITHIN: Duration = Duration::from_secs(1);

/// What a person may tell a node's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Leave the node alone.
    Hold,
    /// Look after it again.
    Resume,
}

/// How a node was found that is not itself in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryStatus {
    /// The name that stands for it.
    pub discovery: Discovery,
    /// The name that its certificate must have, where it is not the address's host.
    pub tls_name: Option<String>,
    /// The last lookup that succeeded had it.
    pub in_dns: bool,
}

/// One node as its task last published it.
#[derive(Debug, Clone)]
pub struct NodeStatus {
    /// Which node.
    pub key: NodeKey,
    /// Its state; `None` before its first answer.
    pub state: Option<State>,
    /// How it was found; `None` when the configuration has its address.
    pub finding: Option<DiscoveryStatus>,
    /// Why it is no member of the cluster it is configured in, if it is none.
    pub outsider: Option<ForeignNode>,
    /// Since when it is held, and who wanted it, if it is.
    pub held: Option<HoldRecord>,
    /// When its last answer came, if one did.
    pub last_confirmed: Option<Confirmation>,
}

/// When a node's answer came.
#[derive(Debug, Clone, Copy)]
pub struct Confirmation {
    at: Instant,
    clock: SystemTime,
}

impl Confirmation {
    pub(super) fn now() -> Self {
        Self { at: Instant::now(), clock: SystemTime::now() }
    }

    /// How long ago that was.
    pub fn age(&self) -> Duration {
        self.at.elapsed()
    }

    /// The time of day then (RFC 3339).
    pub fn timestamp(&self) -> String {
        report::timestamp(self.clock.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }
}

/// What every node's task last published, and the way to tell each something.
#[derive(Debug, Default)]
pub struct StatusRegistry {
    entries: Mutex<Entries>,
    searches: Mutex<BTreeMap<SearchKey, NodeInventory>>,
    /// What is wrong beside the nodes.
    warnings: Mutex<Vec<String>>,
    /// Why the configuration in use is older than the file's.
    reload_refused: Mutex<Option<Remark>>,
    pub(super) changed: Notify,
    holds: Arc<HoldStore>,
    telemetry: Arc<Telemetry>,
}

/// Every node, and what is counted of them as they change.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) nodes: SortedList<NodeKey, Entry>,
    tally: report::state::Tally,
    /// How many nodes of each cluster have keys, as far as was seen last.
    initialised: BTreeMap<String, usize>,
}

impl Entries {
    /// A node is in this state from now on.
    pub(super) fn count(&mut self, cluster: &str, state: Option<&State>) {
        self.tally.add(state);
        if state.is_some_and(State::is_initialised) {
            *self.initialised.entry(cluster.to_owned()).or_default() += 1;
        }
    }

    /// All states in one line, and of the nodes that are silent the one that has been so for the longest.
    fn summary(&self) -> String {
        let mut line = self.tally.to_string();
        let silent = self.nodes.behind(None).iter().filter(|(_, entry)| {
            matches!(entry.state, Some(State::Unreachable { cause: Unreachable::Timeout(_) }))
        });
        let confirmed = silent.filter_map(|(key, entry)| Some((entry.confirmed?, key)));
        if let Some((confirmed, key)) = confirmed.min_by_key(|(confirmed, _)| confirmed.at) {
            let _ = write!(line, "; {} last confirmed at {}", key.address, confirmed.timestamp());
        }
        line
    }

    /// A node is in this state no longer.
    pub(super) fn discount(&mut self, cluster: &str, state: Option<&State>) {
        self.tally.remove(state);
        if state.is_some_and(State::is_initialised) {
            match self.initialised.get_mut(cluster) {
                Some(nodes) if *nodes > 1 => *nodes -= 1,
                _ => drop(self.initialised.remove(cluster)),
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) state: Option<State>,
    pub(super) outsider: Option<ForeignNode>,
    finding: Option<DiscoveryStatus>,
    added: Instant,
    /// When it answered last.
    pub(super) confirmed: Option<Confirmation>,
    /// When the task must have come round again, or it hangs.
    pub(super) due: Option<Instant>,
    orders: watch::Sender<Option<Order>>,
}

impl StatusRegistry {
    /// A registry without nodes, whose orders are booked in `holds`.
    pub(super) fn new(holds: Arc<HoldStore>) -> Self {
        Self { holds, ..Self::default() }
    }

    /// A new node without a state; its task hears orders from what is returned.
    pub(super) fn add(
        &self,
        key: &NodeKey,
        finding: Option<DiscoveryStatus>,
    ) -> watch::Receiver<Option<Order>> {
        let orders = watch::Sender::default();
        let entry = Entry {
            state: None,
            outsider: None,
            finding,
            added: Instant::now(),
            confirmed: None,
            due: None,
            orders,
        };
        let orders = entry.orders.subscribe();
        self.telemetry.enter(&key.cluster, &key.address.to_string());
        let mut entries = self.entries();
        entries.count(&key.cluster, None);
        entries.nodes.insert(key.clone(), entry);
        drop(entries);
        self.changed.notify_one();
        orders
    }

    pub(super) fn remove(&self, key: &NodeKey) {
        self.telemetry.leave(&key.cluster, &key.address.to_string());
        let mut entries = self.entries();
        if let Some(entry) = entries.nodes.remove(key) {
            entries.discount(&key.cluster, entry.state.as_ref());
        }
        drop(entries);
        self.changed.notify_one();
    }

    /// What is remembered of all nodes for whoever observes them.
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// What the task of a node reports to beside this.
    pub(super) fn recorder(&self, key: &NodeKey) -> NodeRecorder {
        NodeRecorder::new(Arc::clone(&self.telemetry), &key.cluster, &key.address.to_string())
    }

    /// A node is found in another way than it was.
    pub(super) fn found(&self, key: &NodeKey, finding: Option<DiscoveryStatus>) {
        if let Some(entry) = self.entries().nodes.get_mut(key).filter(|entry| entry.finding != finding) {
            entry.finding = finding;
            self.changed.notify_one();
        }
    }

    /// Whether another node of its cluster has keys, as far as was seen last.
    pub(super) fn peer_is_initialised(&self, key: &NodeKey) -> bool {
        let entries = self.entries();
        let itself = entries.nodes.get(key).and_then(|entry| entry.state.as_ref());
        let itself = usize::from(itself.is_some_and(State::is_initialised));
        entries.initialised.get(&key.cluster).is_some_and(|nodes| *nodes > itself)
    }

    /// How long a node has not answered. One without a task never did.
    pub(super) fn silence(&self, key: &NodeKey) -> Duration {
        let since = |entry: &Entry| {
            entry.confirmed.map_or_else(|| entry.added.elapsed(), |confirmed| confirmed.age())
        };
        self.entries().nodes.get(key).map_or(Duration::MAX, since)
    }

    /// What is known of a name; `None` when it is no longer looked up.
    pub(super) fn search(&self, key: &SearchKey, inventory: Option<NodeInventory>) {
        let mut searches = self.inventories();
        match inventory {
            Some(inventory) => drop(searches.insert(key.clone(), inventory)),
            None => drop(searches.remove(key)),
        }
        drop(searches);
        self.changed.notify_one();
    }

    /// What is known of every name.
    pub fn searches(&self) -> Vec<(SearchKey, NodeInventory)> {
        self.inventories().iter().map(|(key, inventory)| (key.clone(), inventory.clone())).collect()
    }

    /// Waits until anything that is shown has changed since the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Every node.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        let seen = |(key, entry): &(NodeKey, Box<Entry>)| NodeStatus {
            key: key.clone(),
            state: entry.state.clone(),
            finding: entry.finding.clone(),
            outsider: entry.outsider.clone(),
            held: self.holds.record(key),
            last_confirmed: entry.confirmed,
        };
        self.entries().nodes.behind(None).iter().map(seen).collect()
    }

    /// Gives an order to the tasks of nodes, which follow it when their requests under way are done. When this returns it is
    /// written down: an order that was given outlives the daemon, followed or not. Returns false where it could not be
    /// written, or not within a second, and may not outlive it.
    pub async fn order(&self, keys: &[NodeKey], order: Order, by: &Requester) -> bool {
        self.tell(keys, order, by);
        // Whoever asked waits for an answer; the write goes on.
        timeout(KEPT_WITHIN, self.holds.keep()).await.unwrap_or(false)
    }

    fn tell(&self, keys: &[NodeKey], order: Order, by: &Requester) {
        let entries = self.entries();
        let (keys, known): (Vec<_>, Vec<_>) =
            keys.iter().filter_map(|key| Some((key, entries.nodes.get(key)?))).unzip();
        let hold = match order {
            Order::Hold => Some((Hold::Request, None)),
            Order::Resume => None,
        };
        self.holds.book_all(keys.into_iter(), hold, Some(by));
        for entry in known {
            entry.orders.send_replace(Some(order));
        }
    }

    /// Replaces what is wrong beside the nodes: it is shown with their states for as long as it lasts.
    pub fn warn(&self, warnings: Vec<String>) {
        let mut current = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != warnings {
            *current = warnings;
            self.changed.notify_one();
        }
    }

    /// Notes why a reload changed nothing, or that one did: shown with the states until then.
    pub fn set_reload_refused(&self, why: Option<Remark>) {
        self.telemetry.reloaded(why.is_some());
        *self.reload_refused.lock().unwrap_or_else(PoisonError::into_inner) = why;
        self.changed.notify_one();
    }

    /// Why the last reload changed nothing, if it did not.
    pub fn reload_refused(&self) -> Option<Remark> {
        self.reload_refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All states in one line, which names are in trouble, and what is wrong beside them.
    pub fn summary(&self) -> String {
        let mut line = self.entries().summary();
        for (key, inventory) in self.inventories().iter() {
            if let Some(words) = inventory.brief() {
                line = format!("{line}; {}: {words}", key.discovery);
            }
        }
        for warning in self.warnings.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            line = format!("{line}; warning: {warning}");
        }
        if let Some(refused) = self.reload_refused() {
            // A line of its own would be another assignment for sd_notify(3).
            let why = refused.message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
            line = format!("{line}; reload refused, the old configuration stays: {why}");
        }
        line
    }

    /// No task is later than it said it would be.
    pub fn is_alive(&self, now: Instant) -> bool {
        self.entries().nodes.behind(None).iter().all(|(_, entry)| entry.due.is_none_or(|due| now <= due))
    }

    fn inventories(&self) -> MutexGuard<'_, BTreeMap<SearchKey, NodeInventory>> {
        self.searches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
