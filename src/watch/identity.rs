//! What the task of one node tells the others of its server's cluster, and learns from them.

use super::key::NodeKey;
use crate::unseal::{Event, ForeignNode, Memberships, Observation};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The memberships of all nodes.
#[derive(Debug, Default)]
pub(super) struct SharedMemberships(Mutex<Memberships>);

impl SharedMemberships {
    /// A node is no longer watched.
    pub(super) fn strike(&self, key: &NodeKey) {
        self.lock().strike(&key.cluster, &key.address);
    }

    fn lock(&self) -> MutexGuard<'_, Memberships> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One node's line in it.
pub(super) struct Identity {
    memberships: Arc<SharedMemberships>,
    key: NodeKey,
    /// The revision at the last verdict.
    judged: Option<(u64, u64)>,
    outsider: Option<ForeignNode>,
    complete: bool,
}

impl Identity {
    pub(super) fn new(memberships: Arc<SharedMemberships>, key: NodeKey, rank: usize) -> Self {
        let identity = Self { memberships, key, judged: None, outsider: None, complete: false };
        identity.follow(rank);
        identity
    }

    /// Takes the node's place in the configuration.
    pub(super) fn follow(&self, rank: usize) {
        self.memberships.lock().enter(&self.key.cluster, &self.key.address, rank);
    }

    /// Takes in what was just seen. `by_us`: a round of our shares alone unsealed the server.
    pub(super) fn note(&self, seen: &Observation, by_us: bool) {
        let (cluster, address) = (&self.key.cluster, &self.key.address);
        let mut memberships = self.memberships.lock();
        match seen {
            Observation::Health(health, _) if !health.initialized => memberships.forget(cluster, address),
            Observation::Health(health, _) => match health.own_membership() {
                Some(shows) => memberships.unsealed(cluster, address, shows, by_us),
                None => memberships.silent(cluster, address),
            },
            Observation::SealStatus(status, _) if !status.initialized => memberships.forget(cluster, address),
            // Its health was not asked yet, and would not tell more.
            Observation::SealStatus(status, _) if status.sealed => memberships.silent(cluster, address),
            Observation::Unreachable(_) => memberships.silent(cluster, address),
            // Somebody says that it is to be unsealed all the same.
            Observation::Resume if self.outsider.is_some() => memberships.forget(cluster, address),
            _ => {}
        }
    }

    /// Takes in what became of our shares.
    pub(super) fn conclude(&self, events: &[Event]) {
        if events.iter().any(|event| matches!(event, Event::RoundFailed { ours_alone: true, .. })) {
            self.memberships.lock().refuted(&self.key.cluster, &self.key.address);
        }
    }

    /// Judges anew, if anything changed. Why the node is no member of its cluster, if it is none.
    pub(super) fn judge(&mut self) -> Option<&ForeignNode> {
        let memberships = self.memberships.lock();
        let revision = Some(memberships.revision(&self.key.cluster, &self.key.address));
        if self.judged != revision {
            self.judged = revision;
            self.outsider = memberships.outsider(&self.key.cluster, &self.key.address);
            // A node that is added later does not unsay what was said.
            self.complete = self.complete || memberships.is_complete(&self.key.cluster);
        }
        self.outsider.as_ref()
    }

    /// The verdict to tell people: not before all nodes of the cluster were looked at.
    pub(super) fn sure(&self) -> Option<&ForeignNode> {
        self.outsider.as_ref().filter(|_| self.complete)
    }
}
