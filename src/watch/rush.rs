//! How many nodes are being unsealed at the moment: what nobody waits for is not to keep them waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What a node takes of the loop until it is unsealed, about: a handshake and a few requests.
const EACH: Duration = Duration::from_micros(300);
/// Shorter waits are not worth a timer.
const LEAST: Duration = Duration::from_millis(2);

/// The nodes that are being unsealed.
#[derive(Debug, Default)]
pub(super) struct Rush(AtomicUsize);

/// One of them, until it is dropped.
pub(super) struct Unsealing(Arc<Rush>);

impl Rush {
    pub(super) fn begins(self: &Arc<Self>) -> Unsealing {
        self.0.fetch_add(1, Ordering::Relaxed);
        Unsealing(Arc::clone(self))
    }

    /// How long it takes until all of them are through, but at the most so long: how long whoever is not one of them gives way.
    pub(super) fn lasts(&self, most: Duration) -> Duration {
        let nodes = u32::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        let lasts = EACH.saturating_mul(nodes);
        if lasts < LEAST { Duration::ZERO } else { lasts.min(most) }
    }
}

impl Drop for Unsealing {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_given_way_to_and_few_are_not() {
        let rush = Arc::new(Rush::default());
        let second = Duration::from_secs(1);
        let mut nodes = Vec::new();
        for (count, wait) in [(0, 0), (5, 0), (10, 3), (1000, 300), (10_000, 1000)] {
            nodes.resize_with(count, || rush.begins());
            assert_eq!(rush.lasts(second).as_millis(), wait, "{count}");
        }
        drop(nodes);
        assert_eq!(rush.lasts(second), Duration::ZERO);
    }
}
