//! Where all of it is kept.

use super::cluster::ClusterRecord;
use super::event::{EventKind, EventRing, RecordedEvent};
use super::node::{NodeName, NodeRecord};
use crate::ordered::{Place, SortedList};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is remembered of all nodes, of their clusters, and of what happened.
#[derive(Debug)]
pub struct Telemetry {
    instance: String,
    started: Duration,
    memory: Mutex<Memory>,
}

/// What changes.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) events: EventRing,
    pub(super) nodes: SortedList<Arc<NodeName>, NodeRecord>,
    pub(super) clusters: SortedList<String, ClusterRecord>,
    /// The last reload was refused.
    reload_refused: bool,
}

impl Memory {
    /// Notes an event, and that it is the last of its node.
    pub(super) fn push(&mut self, event: RecordedEvent) {
        self.push_of(&Place::default(), event);
    }

    /// The same of a node that was found in this place.
    pub(super) fn push_of(&mut self, place: &Place, event: RecordedEvent) {
        let node = event.node.clone();
        let number = self.events.push(event, now());
        if let Some(record) = node.and_then(|node| self.nodes.find(&node, place)) {
            record.event = number;
        }
    }
}

/// Some of the events after a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPage {
    /// How many of them are no longer kept.
    pub lost: u64,
    /// The number of the last event that there is.
    pub last: u64,
}

impl Default for Telemetry {
    fn default() -> Self {
        let mut memory = Memory::default();
        memory.push(RecordedEvent::new(EventKind::Started, None));
        Self { instance: format!("{:016x}", fastrand::u64(..)), started: now(), memory: Mutex::new(memory) }
    }
}

/// The time, since 1970.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Telemetry {
    /// Names this life of the daemon: numbers of events are of no use in another.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// When the daemon was started, since 1970.
    pub fn started(&self) -> Duration {
        self.started
    }

    /// The time by the clock that all times here are of, since 1970.
    pub fn now(&self) -> Duration {
        now()
    }

    /// A node is watched from now on.
    pub fn enter(&self, cluster: &str, address: &str) {
        let node = Arc::new(NodeName { cluster: cluster.to_owned(), address: address.to_owned() });
        let mut memory = self.memory();
        memory.nodes.insert(Arc::clone(&node), NodeRecord::default());
        memory.clusters.enter(cluster.to_owned());
        memory.push(RecordedEvent::new(EventKind::Watched, Some(&node)));
    }

    /// A node is no longer watched: nothing is kept of it, nor of a cluster without nodes.
    pub fn leave(&self, cluster: &str, address: &str) {
        let node = Arc::new(NodeName { cluster: cluster.to_owned(), address: address.to_owned() });
        let mut memory = self.memory();
        if memory.nodes.remove(&node).is_none() {
            return;
        }
        let first = Arc::new(NodeName { cluster: cluster.to_owned(), address: String::new() });
        if memory.nodes.behind(Some(&first)).first().is_none_or(|(left, _)| left.cluster != cluster) {
            memory.clusters.remove(cluster);
        }
        memory.push(RecordedEvent::new(EventKind::Gone, Some(&node)));
    }

    /// The share source of a cluster was read, and has so many; or it is there, and is opened only when shares are needed:
    /// then what was read of it before stays, unless it could not be read.
    pub fn shares_read(&self, cluster: &str, held: Option<usize>) {
        let mut memory = self.memory();
        if let Some(record) = memory.clusters.get_mut(cluster) {
            if held.is_some() || record.share_source_up == Some(false) {
                (record.shares_held, record.share_source_up) = (held, held.map(|_| true));
            }
        }
    }

    /// A new configuration is used, or was refused.
    pub fn reloaded(&self, refused: bool) {
        let mut memory = self.memory();
        memory.reload_refused = refused;
        let kind = if refused { EventKind::ReloadRefused } else { EventKind::Reloaded };
        memory.push(RecordedEvent::new(kind, None));
    }

    /// Whether the last reload was refused.
    pub fn reload_refused(&self) -> bool {
        self.memory().reload_refused
    }

    /// The number of the last event.
    pub fn last_event(&self) -> u64 {
        self.memory().events.last()
    }

    /// Goes through at most `most` nodes behind `cursor`, and returns the last of them.
    pub fn nodes(
        &self,
        cursor: Option<&Arc<NodeName>>,
        most: usize,
        mut each: impl FnMut(&NodeName, &NodeRecord),
    ) -> Option<Arc<NodeName>> {
        let memory = self.memory();
        let mut last = None;
        for (name, record) in memory.nodes.behind(cursor).iter().take(most) {
            each(name, record);
            last = Some(name);
        }
        last.cloned()
    }

    /// Goes through at most `most` clusters behind `cursor`, and returns the name of the last of them.
    pub fn clusters(
        &self,
        cursor: Option<&String>,
        most: usize,
        mut each: impl FnMut(&str, &ClusterRecord),
    ) -> Option<String> {
        let memory = self.memory();
        let mut last = None;
        for (name, record) in memory.clusters.behind(cursor).iter().take(most) {
            each(name, record);
            last = Some(name);
        }
        last.cloned()
    }

    /// Goes through at most `most` events after this number.
    pub fn events(&self, after: u64, most: usize, each: impl FnMut(&RecordedEvent)) -> EventPage {
        let memory = self.memory();
        let page = EventPage { lost: memory.events.lost_after(after), last: memory.events.last() };
        memory.events.after(after, most).for_each(each);
        page
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
