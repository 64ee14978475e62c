//! Reads a node's shares off the loop, so that a slow disk delays nobody.

use super::joint::{Joint, Pending};
use crate::accounts::Trusted;
use crate::files::FileVersion;
use crate::shares::{Loaded, ShareError, Source};
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
    trusted: Arc<Trusted>,
    reads: Joint<Outcome>,
    looks: Joint<Option<FileVersion>>,
}

/// What a read of a source gave, and what the source looked like before: a change during the read is then seen as one.
pub(super) struct Outcome {
    version: Option<FileVersion>,
    pub(super) loaded: Result<Loaded, ShareError>,
}

impl Shelf {
    /// Of a source that may be those accounts' that are trusted.
    pub(super) fn of(source: &Source, trusted: &Arc<Trusted>) -> Self {
        Self {
            source: source.clone(),
            trusted: Arc::clone(trusted),
            reads: Joint::default(),
            looks: Joint::default(),
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    fn read(&self) -> Pending<Outcome> {
        let (source, trusted) = (self.source.clone(), Arc::clone(&self.trusted));
        self.reads.join(move || Outcome { version: source.version(), loaded: source.load(&trusted) })
    }

    async fn look(&self) -> Option<FileVersion> {
        let source = self.source.clone();
        let now = self.looks.join(move || source.version()).outcome().await;
        now.as_deref().cloned().flatten()
    }
}

/// Reads for one node; at most one read at a time.
#[derive(Default)]
pub(super) struct Reader {
    running: Option<(Source, Pending<Outcome>)>,
    /// What the source looked like when it was last read.
    version: Option<FileVersion>,
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
        self.version.clone_from(&outcome.version);
        Some(outcome)
    }

    /// Drops what a slow read may still bring: nobody needs it any more.
    pub(super) fn forget(&mut self) {
        self.running = None;
    }

    /// Returns when the source is not what it was when it was last read.
    pub(super) async fn changed(&self, shelf: &Shelf) {
        // Looks first and sleeps then: whoever waits for less than the pause and asks again would never look.
        while shelf.look().await == self.version {
            sleep(LOOK_AT_SOURCE).await;
        }
    }
}
