//! How the task of one node tells others how the node is.

use super::key::NodeKey;
use super::registry::{Confirmation, StatusRegistry};
use crate::ordered::Place;
use crate::unseal::{ForeignNode, State};
use std::sync::Arc;
use std::time::Instant;

/// One node's line in the registry.
pub(super) struct Publisher {
    registry: Arc<StatusRegistry>,
    key: NodeKey,
    place: Place,
}

impl Publisher {
    /// For a node that was added.
    pub(super) fn new(registry: Arc<StatusRegistry>, key: NodeKey) -> Self {
        Self { registry, key, place: Place::default() }
    }

    /// The node is in this state, and its task comes round again by `due`, or it hangs.
    pub(super) fn publish(&self, state: Option<&State>, outsider: Option<&ForeignNode>, due: Instant) {
        let mut entries = self.registry.entries();
        let Some(entry) = entries.nodes.find(&self.key, &self.place) else { return };
        entry.due = Some(due);
        if entry.outsider.as_ref() != outsider {
            entry.outsider = outsider.cloned();
        }
        if entry.state.as_ref() != state {
            let before = std::mem::replace(&mut entry.state, state.cloned());
            entries.discount(&self.key.cluster, before.as_ref());
            entries.count(&self.key.cluster, state);
            self.registry.changed.notify_one();
        }
    }

    /// The node waits for the others, and promises nothing.
    pub(super) fn waits(&self) {
        if let Some(entry) = self.registry.entries().nodes.find(&self.key, &self.place) {
            entry.due = None;
        }
    }

    /// The node answered.
    pub(super) fn answered(&self) {
        if let Some(entry) = self.registry.entries().nodes.find(&self.key, &self.place) {
            entry.confirmed = Some(Confirmation::now());
        }
    }

    /// When the node answered last.
    pub(super) fn last_confirmed(&self) -> Option<Confirmation> {
        self.registry.entries().nodes.find(&self.key, &self.place)?.confirmed
    }
}
