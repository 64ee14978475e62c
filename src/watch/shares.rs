//! Reads a node's shares off the loop, so that a slow disk delays nobody.

use super::joint::{Joint, Pending};
use crate::shares::{Loaded, ShareError, Source, Stamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often a source is looked at for a change while only a change can help.
const LOOK_AT_SOURCE: Duration = Duration::from_secs(1);

/// The share source of a cluster. Its nodes share what is read: a thousand of them that are sealed at once read it
/// once, and one that hangs keeps one thread from others, and not a thousand.
#[derive(Debug)]
pub(super) struct Shelf {
    source: Source,
    reads: Joint<Outcome>,
    looks: Joint<Option<Stamp>>,
}

/// What a read of a source gave, and what the source looked like before: a change during the read is then seen as one.
pub(super) struct Outcome {
    stamp: Option<Stamp>,
    pub(super) loaded: Result<Loaded, ShareError>,
}

impl Shelf {
    pub(super) fn of(source: &Source) -> Self {
        Self { source: source.clone(), reads: Joint::default(), looks: Joint::default() }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    fn read(&self) -> Pending<Outcome> {
        let source = self.source.clone();
        self.reads.join(move || Outcome { stamp: source.stamp(), loaded: source.load() })
    }

    async fn look(&self) -> Option<Stamp> {
        let source = self.source.clone();
        let now = self.looks.join(move || source.stamp()).outcome().await;
        now.as_deref().cloned().flatten()
    }
}

/// Reads for one node; at most one read at a time.
#[derive(Default)]
pub(super) struct Reader {
    running: Option<(Source, Pending<Outcome>)>,
    /// What the source looked like when it was last read.
    stamp: Option<Stamp>,
}

impl Reader {
    /// What is on `shelf`; `None` when it does not answer within `limit`: the read goes on and is asked for again later.
    pub(super) async fn read(&mut self, shelf: &Shelf, limit: Duration) -> Option<Arc<Outcome>> {
        // A read of what is no longer the source is of no use, however long it hangs.
        self.running.take_if(|(of, _)| of != shelf.source());
        let (_, running) = self.running.get_or_insert_with(|| (shelf.source().clone(), shelf.read()));
        let outcome = timeout(limit, running.outcome()).await.ok()?;
        self.running = None;
        // A read that was cancelled: the runtime ends, and so does this task.
        let outcome = outcome?;
        self.stamp.clone_from(&outcome.stamp);
        Some(outcome)
    }

    /// Drops what a slow read may still bring: nobody needs it any more.
    pub(super) fn forget(&mut self) {
        self.running = None;
    }

    /// Returns when the source is not what it was when it was last read.
    pub(super) async fn changed(&self, shelf: &Shelf) {
        // Looks first and sleeps then: whoever waits for less than the pause and asks again would never look.
        while shelf.look().await == self.stamp {
            sleep(LOOK_AT_SOURCE).await;
        }
    }
}
