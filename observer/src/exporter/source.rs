//! One read of the daemon's socket at a time, for all who ask meanwhile: however many scrape, the daemon has one reader,
//! and at most one read a second of each kind.

use super::exposition;
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout};
use vault_unseal::observe::{ObserveError, Wanted};
use vault_unseal::report::in_one_line;
use vault_unseal::systemd;

/// For how long an answer is given to others, too. It bounds how many of them there are in memory, as well: whoever takes
/// one slowly is given up.
const FRESH: Duration = Duration::from_secs(1);
/// How long a read may take. Prometheus itself waits for 10 s, unless it is told otherwise.
const LIMIT: Duration = Duration::from_secs(8);

/// Most answers of different times that are in memory.
const MOST_TAKEN: usize = 3;

/// An answer whose end is noticed.
struct Answer(Arc<Vec<u8>>);

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

type Read = (Vec<u8>, Option<ObserveError>);

/// What the socket is read by.
type Reader = Box<dyn Fn() -> Read + Send + Sync>;

/// The daemon's metrics, in both kinds of names.
pub(super) struct Source {
    own: Mutex<Kind>,
    of_vault_exporter: Mutex<Kind>,
    /// Whether the daemon answered last, once it was asked.
    answers: std::sync::Mutex<Option<bool>>,
    /// [`FRESH`] and [`LIMIT`].
    fresh: Duration,
    limit: Duration,
}

struct Kind {
    reader: Arc<Reader>,
    latest: Option<(Instant, Bytes)>,
    /// The answers that somebody still takes.
    taken: Vec<Weak<Vec<u8>>>,
    /// A read that took too long. There is no second one meanwhile.
    late: Option<JoinHandle<Read>>,
}

impl Kind {
    fn of(reader: impl Fn() -> Read + Send + Sync + 'static) -> Mutex<Self> {
        Mutex::new(Self { reader: Arc::new(Box::new(reader)), latest: None, taken: Vec::new(), late: None })
    }
}

impl Source {
    /// Of the daemon behind the socket, and of the notifier that writes that file.
    pub(super) fn of(socket: PathBuf, notifier: PathBuf) -> Self {
        let other = socket.clone();
        Self::new(
            move || exposition::read_all(&socket, &notifier),
            move || exposition::read(&other, Wanted::MetricsOfVaultExporter),
        )
    }

    fn new(
        own: impl Fn() -> Read + Send + Sync + 'static,
        of_vault_exporter: impl Fn() -> Read + Send + Sync + 'static,
    ) -> Self {
        let (own, of_vault_exporter) = (Kind::of(own), Kind::of(of_vault_exporter));
        let answers = std::sync::Mutex::default();
        Self { own, of_vault_exporter, answers, fresh: FRESH, limit: LIMIT }
    }

    /// What is exported now.
    pub(super) async fn metrics(&self, names_of_vault_exporter: bool) -> Bytes {
        let kind = if names_of_vault_exporter { &self.of_vault_exporter } else { &self.own };
        // Whoever comes while another reads waits here, and finds what that one read.
        let mut kind = kind.lock().await;
        kind.taken.retain(|taken| taken.strong_count() > 0);
        if let Some((read, metrics)) = &kind.latest {
            // Of thousands of servers an answer is megabytes: whoever takes one slowly does not make them many.
            if read.elapsed() < self.fresh || kind.taken.len() > MOST_TAKEN {
                return metrics.clone();
            }
        }
        let reader = Arc::clone(&kind.reader);
        // One that ended unseen tells how things were then.
        let late = kind.late.take().filter(|task| !task.is_finished());
        let mut task = late.unwrap_or_else(|| spawn_blocking(move || reader()));
        let metrics = match timeout(self.limit, &mut task).await {
            Ok(Ok((metrics, error))) => {
                self.tell(error.as_ref().map(|error| in_one_line(error)));
                metrics
            }
            // It ended by a panic, which says so itself.
            Ok(Err(_)) => exposition::down(),
            Err(_) => {
                kind.late = Some(task);
                self.tell(Some(format!("the daemon did not answer within {} s", self.limit.as_secs())));
                exposition::down()
            }
        };
        let metrics = Arc::new(metrics);
        kind.taken.push(Arc::downgrade(&metrics));
        let metrics = Bytes::from_owner(Answer(metrics));
        kind.latest = Some((Instant::now(), metrics.clone()));
        metrics
    }

    /// Says so in the journal, when that changed.
    fn tell(&self, problem: Option<String>) {
        let answers = problem.is_none();
        let mut last = self.answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match problem {
            Some(problem) if *last != Some(false) => {
                tracing::warn!("{problem}");
                systemd::status("the daemon does not answer");
            }
            None if *last == Some(false) => {
                tracing::info!("the daemon answers again");
                systemd::status("the daemon answers");
            }
            None if last.is_none() => systemd::status("the daemon answers"),
            _ => {}
        }
        *last = Some(answers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use tokio::task::JoinSet;

    /// A source whose reads are counted, and each of which waits for a word.
    fn counted(fresh: Duration, limit: Duration) -> (Arc<Source>, Arc<AtomicUsize>, mpsc::Sender<()>) {
        let (go, gone) = mpsc::channel();
        let (count, gone) = (Arc::new(AtomicUsize::new(0)), std::sync::Mutex::new(gone));
        let counter = Arc::clone(&count);
        let read = move || {
            let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
            gone.lock().unwrap().recv().unwrap();
            (number.to_string().into_bytes(), None)
        };
        let source = Source::new(read, || (b"other".to_vec(), None));
        (Arc::new(Source { fresh, limit, ..source }), count, go)
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_thousand_who_ask_meanwhile_are_one_read() {
        let (source, count, go) = counted(LONG, LONG);
        let mut asking = JoinSet::new();
        for _ in 0..1000 {
            let source = Arc::clone(&source);
            asking.spawn(async move { source.metrics(false).await });
        }
        while count.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(source.metrics(true).await, "other", "the other names do not wait");
        go.send(()).unwrap();
        // A second read would fail.
        drop(go);
        while let Some(answer) = asking.join_next().await {
            assert_eq!(answer.unwrap(), "1");
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn who_asks_later_is_told_what_is_then() {
        let (source, _, go) = counted(Duration::ZERO, LONG);
        for number in ["1", "2"] {
            go.send(()).unwrap();
            assert_eq!(source.metrics(false).await, number);
        }
    }

    #[tokio::test]
    async fn read_that_hangs_is_told_as_down_and_is_the_only_one() {
        let (source, count, go) = counted(Duration::ZERO, Duration::ZERO);
        assert_eq!(source.metrics(false).await, exposition::down());
        assert_eq!(source.metrics(false).await, exposition::down());
        let patient = Arc::into_inner(source).map(|source| Source { limit: LONG, ..source }).unwrap();
        // Not before it waits: of one that ended unseen it wants to know nothing.
        let (metrics, ()) = tokio::join!(patient.metrics(false), async { go.send(()).unwrap() });
        assert_eq!(metrics, "1");
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
