//! Reads a node's shares off the loop, so that a slow disk delays nobody.

use crate::shares::{Loaded, ShareError, Source, Stamp};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How often a source is looked at for a change while only a change can help.
const LOOK_AT_SOURCE: Duration = Duration::from_secs(1);

/// Reads one source; at most one read at a time.
#[derive(Default)]
pub(super) struct Reader {
    running: Option<JoinHandle<Result<Loaded, ShareError>>>,
}

/// Why no shares came.
pub(super) enum Failure {
    /// The source was refused.
    Refused(ShareError),
    /// It did not answer in time; the read goes on and is asked for again later.
    Slow,
}

impl Reader {
    /// Reads `source` within `limit`.
    pub(super) async fn read(&mut self, source: &Source, limit: Duration) -> Result<Loaded, Failure> {
        let source = source.clone();
        let running = self.running.get_or_insert_with(|| tokio::task::spawn_blocking(move || source.load()));
        let Ok(outcome) = timeout(limit, running).await else {
            return Err(Failure::Slow);
        };
        self.running = None;
        match outcome {
            Ok(loaded) => loaded.map_err(Failure::Refused),
            // The runtime ends: so does this task.
            Err(_) => Err(Failure::Slow),
        }
    }
}

/// Returns when `source` is not what it was when `before` was taken.
pub(super) async fn source_changed(source: Source, before: Option<Stamp>) {
    // Looks first and sleeps then: whoever waits for less than the pause and asks again would never look.
    loop {
        let looked_at = source.clone();
        let now = tokio::task::spawn_blocking(move || looked_at.stamp()).await.ok().flatten();
        if now != before {
            return;
        }
        sleep(LOOK_AT_SOURCE).await;
    }
}
