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
    running: Option<(Source, JoinHandle<Outcome>)>,
    /// What the source looked like when it was last read.
    stamp: Option<Stamp>,
    looking: Option<JoinHandle<Option<Stamp>>>,
}

type Outcome = (Option<Stamp>, Result<Loaded, ShareError>);

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
        // A read of what is no longer the source is of no use, however long it hangs.
        self.running.take_if(|(of, _)| of != source);
        let (_, running) = self.running.get_or_insert_with(|| (source.clone(), begin(source.clone())));
        let Ok(outcome) = timeout(limit, running).await else {
            return Err(Failure::Slow);
        };
        self.running = None;
        // A read that was cancelled: the runtime ends, and so does this task.
        let (stamp, loaded) = outcome.map_err(|_| Failure::Slow)?;
        self.stamp = stamp;
        loaded.map_err(Failure::Refused)
    }

    /// Drops what a slow read may still bring: nobody needs it any more.
    pub(super) fn forget(&mut self) {
        self.running = None;
    }

    /// Returns when `source` is not what it was when it was last read. A look that hangs is the only one: a call that
    /// is cut short leaves it to the next.
    pub(super) async fn changed(&mut self, source: &Source) {
        // Looks first and sleeps then: whoever waits for less than the pause and asks again would never look.
        loop {
            let looking = self.looking.get_or_insert_with(|| {
                let source = source.clone();
                tokio::task::spawn_blocking(move || source.stamp())
            });
            let now = looking.await.ok().flatten();
            self.looking = None;
            if now != self.stamp {
                return;
            }
            sleep(LOOK_AT_SOURCE).await;
        }
    }
}

fn begin(source: Source) -> JoinHandle<Outcome> {
    // The stamp comes first: a change during the read is then seen as one.
    tokio::task::spawn_blocking(move || (source.stamp(), source.load()))
}
