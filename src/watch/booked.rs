//! The hold of one node as it is booked: what is to outlive the daemon.

use super::holds::HoldStore;
use super::key::NodeKey;
use crate::unseal::{Hold, NodeMachine};
use std::sync::Arc;
use std::time::Duration;

/// What is booked of one node.
pub(super) struct BookedHold {
    key: NodeKey,
    holds: Arc<HoldStore>,
    hold: Option<Hold>,
    /// When it ends, by the machine's time.
    until: Option<Duration>,
}

impl BookedHold {
    /// Has the machine hold what is booked. What is left of a hold is when it ends: the machine's time has just begun.
    pub(super) fn restore(key: NodeKey, holds: Arc<HoldStore>, machine: &mut NodeMachine) -> Self {
        let (hold, until) = holds.of(&key).unzip();
        let until = until.flatten();
        machine.restore(hold, until);
        Self { key, holds, hold, until }
    }

    /// Books what has changed, at this moment of the machine's time.
    pub(super) async fn follow(&mut self, machine: &NodeMachine, now: impl Fn() -> Duration) {
        let (hold, until) = (machine.hold(), machine.held_until());
        if (hold, until) == (self.hold, self.until) {
            return;
        }
        (self.hold, self.until) = (hold, until);
        let left = until.map(|until| until.saturating_sub(now()));
        self.holds.book(&self.key, hold.map(|hold| (hold, left)));
        self.holds.keep().await;
    }
}
