//! Reads the shares of nodes off the loop, so that a slow disk delays nobody. All nodes of a cluster join one read.

use crate::accounts::Trusted;
use crate::cluster::ShareSource;
use crate::files::FileVersion;
use crate::shares::{LoadedShares, ShareError};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How often a source is looked at for a change while only a change can help.
const LOOK_AT_SOURCE: Duration = Duration::from_secs(1);

/// How long a read that nobody needs any more may take to end before its node goes on.
const WIPED_WITHIN: Duration = Duration::from_millis(50);

/// How long what was read serves others, while a node waits for it or is being unsealed with it: of a thousand that come back
/// one after the other, most would otherwise read it once more.
const FRESH: Duration = Duration::from_millis(50);

/// The share source of a cluster. Its nodes share what is read: a thousand of them that are sealed at once read it
/// once, and one that hangs keeps one thread from others, and not a thousand.
#[derive(Debug)]
pub(super) struct SharedSource {
    source: ShareSource,
    trusted: Arc<Trusted>,
    reads: SingleFlight<Outcome>,
    recent: Arc<Mutex<Recent>>,
    looks: SingleFlight<Option<FileVersion>>,
}

/// What a read of a source gave, and what the source looked like before: a change during the read is then seen as one.
pub(super) struct Outcome {
    begun: Instant,
    version: Option<FileVersion>,
    pub(super) loaded: Result<LoadedShares, ShareError>,
}

/// What was read last, if a node still has it or waits for it: nothing is kept for others alone.
#[derive(Debug, Default)]
struct Recent {
    read: Weak<Outcome>,
    /// How often there was news of the source. What began to be read before serves those who joined that read, and nobody after
    /// it; its version tells them that it is old.
    news: u64,
}

impl Recent {
    fn serves(&self) -> Option<Arc<Outcome>> {
        self.read.upgrade().filter(|read| read.begun.elapsed() < FRESH)
    }
}

impl SharedSource {
    /// Of a source that may be those accounts' that are trusted.
    pub(super) fn of(source: &ShareSource, trusted: &Arc<Trusted>) -> Self {
        Self {
            source: source.clone(),
            trusted: Arc::clone(trusted),
            reads: SingleFlight::default(),
            recent: Arc::default(),
            looks: SingleFlight::default(),
        }
    }

    pub(super) fn source(&self) -> &ShareSource {
        &self.source
    }

    /// There is news: what was read before it serves nobody any more.
    pub(super) fn begin_anew(&self) {
        let mut recent = locked(&self.recent);
        recent.read = Weak::new();
        recent.news = recent.news.wrapping_add(1);
    }

    fn read(&self) -> InFlight<Outcome> {
        let news = {
            let recent = locked(&self.recent);
            if let Some(read) = recent.serves() {
                return InFlight::over(read);
            }
            recent.news
        };
        let (source, trusted, recent) =
            (self.source.clone(), Arc::clone(&self.trusted), Arc::clone(&self.recent));
        self.reads.join(move || {
            let begun = Instant::now();
            let outcome =
                Arc::new(Outcome { begun, version: source.version(), loaded: source.load(&trusted) });
            let mut recent = locked(&recent);
            if recent.news == news {
                // Before the first node takes it: many may come until then.
                recent.read = Arc::downgrade(&outcome);
            }
            outcome
        })
    }

    async fn look(&self) -> Option<FileVersion> {
        let source = self.source.clone();
        let now = self.looks.join(move || Arc::new(source.version())).outcome().await;
        now.as_deref().cloned().flatten()
    }
}

/// Reads for one node; at most one read at a time.
#[derive(Default)]
pub(super) struct ShareLoader {
    running: Option<(Arc<Mutex<Recent>>, InFlight<Outcome>)>,
    /// What the source looked like when it was last read.
    version: Option<FileVersion>,
}

impl ShareLoader {
    /// Begins to read what will probably be asked for in a moment; not of a TPM or a service, which are asked when it is known
    /// that they are needed. What comes of it waits for [`read`](Self::read), or is [forgotten](Self::forget).
    pub(super) fn read_ahead(&mut self, source: &SharedSource) {
        if !matches!(source.source(), ShareSource::Socket(_) | ShareSource::Tpm2 { .. }) {
            self.begin(source);
        }
    }

    /// The read that is under way, or a new one.
    fn begin(&mut self, source: &SharedSource) -> &mut InFlight<Outcome> {
        // A read of what is no longer the source, or judged by whom that may be no longer, is of no use, however long it hangs.
        self.running.take_if(|(of, _)| !Arc::ptr_eq(of, &source.recent));
        let begin = || (Arc::clone(&source.recent), source.read());
        &mut self.running.get_or_insert_with(begin).1
    }

    /// What is on `source`; `None` when it does not answer within `limit`: the read goes on and is asked for again later.
    pub(super) async fn read(&mut self, source: &SharedSource, limit: Duration) -> Option<Arc<Outcome>> {
        let outcome = timeout(limit, self.begin(source).outcome()).await.ok()?;
        self.running = None;
        // A read that was cancelled: the runtime ends, and so does this task.
        let outcome = outcome?;
        self.version.clone_from(&outcome.version);
        Some(outcome)
    }

    /// Drops what was read ahead, and what a slow read may still bring: nobody needs it any more. When this returns it is
    /// wiped, unless the source is slow.
    pub(super) async fn forget(&mut self) {
        if let Some((_, mut running)) = self.running.take() {
            let _ = timeout(WIPED_WITHIN, running.end()).await;
        }
    }

    /// Returns when the source is not what it was when it was last read.
    pub(super) async fn changed(&self, source: &SharedSource) {
        // Looks first and sleeps then: whoever waits for less than the pause and asks again would never look.
        let now = loop {
            let now = source.look().await;
            if now != self.version {
                break now;
            }
            sleep(LOOK_AT_SOURCE).await;
        };
        // Others of a thousand may have seen the change before, and read what is new.
        let is_new = |read: Arc<Outcome>| read.version == now;
        if !locked(&source.recent).serves().is_some_and(is_new) {
            source.begin_anew();
        }
    }
}

/// One piece of work at a time: whoever asks while it is under way gets its outcome too. However many ask, and however
/// long it hangs, it takes one thread.
pub(super) struct SingleFlight<T>(Arc<Mutex<Option<InFlight<T>>>>);

/// Work under way.
pub(super) struct InFlight<T>(watch::Receiver<Option<Arc<T>>>);

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Without the outcome, which may be secret.
impl<T> fmt::Debug for SingleFlight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> SingleFlight<T> {
    /// Joins the work that is under way, or begins it.
    pub(super) fn join(&self, work: impl FnOnce() -> Arc<T> + Send + 'static) -> InFlight<T> {
        let mut current = locked(&self.0);
        // Only work that died leaves something that is over.
        current.take_if(|pending| pending.0.has_changed().is_err());
        let pending = current.get_or_insert_with(|| {
            let (sender, receiver) = watch::channel(None);
            let place = Arc::clone(&self.0);
            tokio::task::spawn_blocking(move || {
                let outcome = work();
                // Whoever comes now begins anew.
                *locked(&place) = None;
                sender.send_replace(Some(outcome));
            });
            InFlight(receiver)
        });
        InFlight(pending.0.clone())
    }
}

impl<T> InFlight<T> {
    /// Of work that is done.
    fn over(outcome: Arc<T>) -> Self {
        Self(watch::channel(Some(outcome)).1)
    }

    /// Returns when it is done; `None` if it died, or the runtime ends.
    pub(super) async fn outcome(&mut self) -> Option<Arc<T>> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Returns when whoever does the work has let go of what came of it.
    async fn end(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

fn locked<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[tokio::test]
    async fn who_comes_meanwhile_joins_and_who_comes_later_begins_anew() {
        let joint = SingleFlight::default();
        let count = Arc::new(AtomicUsize::new(0));
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let work = || {
            let (count, gate) = (Arc::clone(&count), Arc::clone(&gate));
            move || {
                gate.lock().unwrap().recv().unwrap();
                Arc::new(count.fetch_add(1, Ordering::SeqCst))
            }
        };
        let mut all: Vec<_> = (0..1000).map(|_| joint.join(work())).collect();
        open.send(()).unwrap();
        for pending in &mut all {
            assert_eq!(pending.outcome().await.as_deref(), Some(&0));
        }
        let mut later = joint.join(work());
        open.send(()).unwrap();
        assert_eq!(later.outcome().await.as_deref(), Some(&1));
    }

    #[tokio::test]
    async fn an_outcome_that_nobody_wants_any_more_is_dropped() {
        let joint = SingleFlight::default();
        let kept = Arc::new(());
        let (begun, seen) = mpsc::channel();
        let (open, gate) = mpsc::channel::<()>();
        let outcome = Arc::clone(&kept);
        drop(joint.join(move || {
            begun.send(()).unwrap();
            gate.recv().unwrap();
            outcome
        }));
        seen.recv().unwrap();
        open.send(()).unwrap();
        // A thread that is done has dropped all that it had.
        while Arc::strong_count(&kept) > 1 {
            tokio::task::yield_now().await;
        }
    }

    /// Returns when the thread that did the work has dropped what came of it, too.
    async fn gone<T>(outcome: Arc<T>) {
        let weak = Arc::downgrade(&outcome);
        drop(outcome);
        while weak.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_that_died_is_begun_anew() {
        let joint = SingleFlight::default();
        assert!(joint.join(|| panic!("on purpose")).outcome().await.is_none());
        assert_eq!(joint.join(|| Arc::new(1)).outcome().await.as_deref(), Some(&1));
    }

    /// What a node reads ahead, as soon as it is there.
    async fn read_ahead(loader: &mut ShareLoader, source: &SharedSource) -> Arc<Outcome> {
        loader.read_ahead(source);
        let (_, ahead) = loader.running.as_ref().unwrap();
        InFlight(ahead.0.clone()).outcome().await.unwrap()
    }

    #[tokio::test]
    async fn what_a_node_has_from_just_now_serves_others_and_no_longer() {
        let file = SharedSource::of(&ShareSource::File("/nonexistent/shares".into()), &Arc::default());
        let patience = Duration::from_secs(60);
        let [mut one, mut other] = [ShareLoader::default(), ShareLoader::default()];
        let ahead = read_ahead(&mut one, &file).await;
        let same = read_ahead(&mut other, &file).await;
        assert!(Arc::ptr_eq(&ahead, &same) || ahead.begun.elapsed() >= FRESH, "it waits for them");
        drop(same);
        other.forget().await;
        let read = one.read(&file, patience).await.unwrap();
        assert!(Arc::ptr_eq(&ahead, &read), "its own");
        drop(ahead);
        gone(read).await;
        assert!(locked(&file.recent).read.upgrade().is_none(), "nothing is kept for others alone");

        let loaded = file.source.load(&file.trusted);
        let begun = Instant::now().checked_sub(FRESH).unwrap();
        let old = Arc::new(Outcome { begun, version: None, loaded });
        locked(&file.recent).read = Arc::downgrade(&old);
        let new = one.read(&file, patience).await.unwrap();
        assert!(!Arc::ptr_eq(&old, &new) && new.begun > old.begun, "they are from earlier");
    }

    #[tokio::test]
    async fn what_was_read_before_news_of_the_source_serves_nobody() {
        let file = SharedSource::of(&ShareSource::File("/nonexistent/shares".into()), &Arc::default());
        let mut one = ShareLoader::default();
        // As if it took no time until then.
        let begun = Instant::now() + Duration::from_secs(60);
        let read = |version| Arc::new(Outcome { begun, version, loaded: file.source.load(&file.trusted) });
        let kept = read(FileVersion::of("/dev/null".as_ref()));
        locked(&file.recent).read = Arc::downgrade(&kept);
        one.changed(&SharedSource::of(&ShareSource::File("/dev/null".into()), &Arc::default())).await;
        assert!(Arc::ptr_eq(&kept, &locked(&file.recent).serves().unwrap()), "of another source");
        one.version = FileVersion::of("/dev/null".as_ref());
        one.changed(&file).await;
        assert!(locked(&file.recent).serves().is_none(), "it is known that the source changed since");

        let new = read(file.look().await);
        locked(&file.recent).read = Arc::downgrade(&new);
        one.changed(&file).await;
        assert!(
            Arc::ptr_eq(&new, &locked(&file.recent).serves().unwrap()),
            "another node has read what is new"
        );
    }

    #[tokio::test]
    async fn what_was_begun_to_be_read_before_a_reload_is_read_again() {
        let source = || SharedSource::of(&ShareSource::File("/nonexistent/shares".into()), &Arc::default());
        let (before, after, mut loader) = (source(), source(), ShareLoader::default());
        let old = read_ahead(&mut loader, &before).await;
        let new = loader.read(&after, Duration::from_secs(60)).await.unwrap();
        assert!(!Arc::ptr_eq(&old, &new), "others may be trusted by now");
    }

    #[test]
    fn what_is_being_read_when_there_is_news_serves_nobody_who_comes_later() {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let file = SharedSource::of(&ShareSource::File("/nonexistent/shares".into()), &Arc::default());
            let (open, gate) = mpsc::channel::<()>();
            tokio::task::spawn_blocking(move || gate.recv().unwrap());
            let mut early = file.read();
            file.begin_anew();
            open.send(()).unwrap();
            let read = early.outcome().await.unwrap();
            assert!(read.loaded.is_err() && locked(&file.recent).serves().is_none());
            let later = file.read().outcome().await.unwrap();
            assert!(!Arc::ptr_eq(&read, &later));
        });
    }

    #[tokio::test]
    async fn what_is_read_ahead_serves_the_next_read_and_nothing_of_a_tpm_or_a_service_is() {
        let path = || "/nonexistent/shares".into();
        let mut loader = ShareLoader::default();
        for source in [ShareSource::Tpm2 { path: path(), tcti: None }, ShareSource::Socket(path())] {
            loader.read_ahead(&SharedSource::of(&source, &Arc::default()));
            assert!(loader.running.is_none(), "{source} is asked when the server is known to be sealed");
        }
        let file = SharedSource::of(&ShareSource::File(path()), &Arc::default());
        loader.read_ahead(&file);
        let (_, ahead) = loader.running.as_ref().unwrap();
        let ahead = InFlight(ahead.0.clone()).outcome().await.unwrap();
        let read = loader.read(&file, Duration::from_secs(60)).await.unwrap();
        assert!(Arc::ptr_eq(&ahead, &read) && read.loaded.is_err());
        drop(ahead);
        gone(read).await;
        // What was read ahead and not asked for serves nobody.
        loader.read_ahead(&file);
        let (_, ahead) = loader.running.as_ref().unwrap();
        let ahead = Arc::downgrade(&InFlight(ahead.0.clone()).outcome().await.unwrap());
        loader.forget().await;
        assert!(loader.running.is_none());
        while ahead.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
