//! Work off the loop that everybody joins who wants its outcome.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One piece of work at a time: whoever asks while it is under way gets its outcome too. However many ask, and however
/// long it hangs, it takes one thread.
pub(super) struct Joint<T>(Arc<Mutex<Option<Pending<T>>>>);

/// Work under way.
pub(super) struct Pending<T>(watch::Receiver<Option<Arc<T>>>);

impl<T> Default for Joint<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Without the outcome, which may be secret.
impl<T> fmt::Debug for Joint<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joint").finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> Joint<T> {
    /// Joins the work that is under way, or begins it.
    pub(super) fn join(&self, work: impl FnOnce() -> T + Send + 'static) -> Pending<T> {
        let mut current = locked(&self.0);
        // Only work that died leaves something that is over.
        current.take_if(|pending| pending.0.has_changed().is_err());
        let pending = current.get_or_insert_with(|| {
            let (sender, receiver) = watch::channel(None);
            let place = Arc::clone(&self.0);
            tokio::task::spawn_blocking(move || {
                let outcome = Arc::new(work());
                // Whoever comes now begins anew.
                *locked(&place) = None;
                sender.send_replace(Some(outcome));
            });
            Pending(receiver)
        });
        Pending(pending.0.clone())
    }
}

impl<T> Pending<T> {
    /// Returns when it is done; `None` if it died, or the runtime ends.
    pub(super) async fn outcome(&mut self) -> Option<Arc<T>> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

fn locked<T>(place: &Mutex<Option<Pending<T>>>) -> MutexGuard<'_, Option<Pending<T>>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[tokio::test]
    async fn who_comes_meanwhile_joins_and_who_comes_later_begins_anew() {
        let joint = Joint::default();
        let count = Arc::new(AtomicUsize::new(0));
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let work = || {
            let (count, gate) = (Arc::clone(&count), Arc::clone(&gate));
            move || {
                gate.lock().unwrap().recv().unwrap();
                count.fetch_add(1, Ordering::SeqCst)
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
        let joint = Joint::default();
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

    #[tokio::test]
    async fn work_that_died_is_begun_anew() {
        let joint = Joint::default();
        assert!(joint.join(|| panic!("on purpose")).outcome().await.is_none());
        assert_eq!(joint.join(|| 1).outcome().await.as_deref(), Some(&1));
    }
}
