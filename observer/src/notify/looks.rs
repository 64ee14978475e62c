//! Looks at the daemon once a second, from a thread of its own: a name server that hangs keeps other threads, not this one.

use super::now;
use super::seen::Seen;
use super::tracker::Tracker;
use super::well::Wellness;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use vault_unseal::explain::Explain;
use vault_unseal::external::ExternalText;
use vault_unseal::observe::{self, ObserveError, Snapshot};

/// Between two looks.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// What the last look showed.
#[derive(Debug)]
pub(super) struct Look {
    /// When, by a clock that nobody sets.
    pub now: Duration,
    /// What it showed.
    pub seen: Seen,
    /// How long problems have lasted.
    pub tracker: Tracker,
    /// Whether all is well, or what is not.
    pub well: Wellness,
}

/// Makes looks of what the daemon answers.
#[derive(Debug, Default)]
pub(super) struct Looker {
    tracker: Tracker,
    /// Since when the daemon does not answer, since 1970.
    silent: Option<Duration>,
}

impl Looker {
    /// What an answer, or the lack of one, shows at this time.
    pub(super) fn look(
        &mut self,
        now: Duration,
        at: Duration,
        answer: Result<Snapshot<ExternalText>, &ObserveError>,
    ) -> Look {
        let (seen, well) = match answer {
            Ok(snapshot) => {
                self.silent = None;
                (Seen::of(&snapshot), Wellness::of(&snapshot))
            }
            Err(error) => {
                let since = *self.silent.get_or_insert(at);
                // Its words have the path of the socket, which is nobody's business elsewhere.
                let why = match error.kind() {
                    "no-daemon" => "it does not run",
                    "observe-busy" => "too many observe it",
                    _ => "it gives no proper answer",
                };
                let unknown = Wellness::Unknown(format!("vault-unseal: {why}"));
                (Seen::nothing(at, since, why), unknown)
            }
        };
        self.tracker.follow(now, &seen);
        Look { now, seen, tracker: self.tracker.clone(), well }
    }
}

/// Begins to look; what each look shows is in the channel, and the thread ends with it.
///
/// Errors: there can be no thread.
pub(super) fn begin(socket: PathBuf) -> std::io::Result<watch::Receiver<Option<Arc<Look>>>> {
    let (sender, receiver) = watch::channel(None);
    let began = Instant::now();
    std::thread::Builder::new().name("looks".to_owned()).stack_size(512 * 1024).spawn(move || {
        let mut looker = Looker::default();
        loop {
            let asked = Instant::now();
            let answer = observe::snapshot(&socket);
            let look = looker.look(began.elapsed(), now(), answer.as_ref().map(Clone::clone));
            if sender.send(Some(Arc::new(look))).is_err() {
                return;
            }
            // Of thousands of servers the daemon has more to say: it is not to be busy with that for more than a tenth of the time.
            let took = asked.elapsed();
            std::thread::sleep(PAUSE.saturating_sub(took).max(took * 9));
        }
    })?;
    Ok(receiver)
}
