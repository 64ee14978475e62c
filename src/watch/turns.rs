//! Whose turn it is, where there are too few file descriptors for all nodes at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many nodes may have a connection at a time; as many as there are, if nothing is said.
#[derive(Debug, Default)]
pub(super) struct Turns(Arc<Mutex<Limit>>);

#[derive(Debug, Default)]
struct Limit {
    nodes: Option<usize>,
    turns: Option<Arc<Semaphore>>,
    /// So many turns end for good with those who have them now.
    surplus: usize,
}

/// A turn, until it is dropped.
pub(super) struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    limit: Arc<Mutex<Limit>>,
}

impl Turns {
    /// From now on so many nodes have one at a time.
    pub(super) fn limit(&self, nodes: Option<usize>) {
        let mut limit = locked(&self.0);
        let limit = &mut *limit;
        if let (Some(turns), Some(before), Some(nodes)) = (&limit.turns, limit.nodes, nodes) {
            // Those who have a turn keep it, and count.
            let more = nodes.saturating_sub(before);
            let reused = more.min(limit.surplus);
            turns.add_permits(more - reused);
            let less = before.saturating_sub(nodes);
            limit.surplus = limit.surplus - reused + less - turns.forget_permits(less);
            limit.nodes = Some(nodes);
        } else {
            let turns = nodes.map(|nodes| Arc::new(Semaphore::new(nodes)));
            *limit = Limit { nodes, turns, surplus: 0 };
        }
    }

    /// Nodes take turns.
    pub(super) fn are_taken(&self) -> bool {
        self.turns().is_some()
    }

    /// Waits for a turn, in the order in which they are asked for; `None` where nobody has to. `waits` is told of it first.
    pub(super) async fn next(&self, waits: impl FnOnce()) -> Option<Turn> {
        let turns = self.turns()?;
        waits();
        let permit = turns.acquire_owned().await.ok()?;
        Some(Turn { permit: Some(permit), limit: Arc::clone(&self.0) })
    }

    fn turns(&self) -> Option<Arc<Semaphore>> {
        locked(&self.0).turns.clone()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut limit = locked(&self.limit);
        let Some(permit) = self.permit.take() else { return };
        let current = limit.turns.as_ref().is_some_and(|turns| Arc::ptr_eq(turns, permit.semaphore()));
        if current && limit.surplus > 0 {
            limit.surplus -= 1;
            permit.forget();
        }
    }
}

fn locked(limit: &Mutex<Limit>) -> MutexGuard<'_, Limit> {
    limit.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn nobody_waits_without_limit_and_everybody_gets_his_turn_with_one() {
        let turns = Turns::default();
        assert!(poll(pin!(turns.next(|| ()))).unwrap().is_none());
        turns.limit(Some(1));
        let first = poll(pin!(turns.next(|| ()))).unwrap().unwrap();
        let (mut second, mut third) = (pin!(turns.next(|| ())), pin!(turns.next(|| ())));
        assert!(poll(second.as_mut()).is_none() && poll(third.as_mut()).is_none());
        // Said again, it changes nothing.
        turns.limit(Some(1));
        drop(first);
        assert!(poll(third.as_mut()).is_none(), "who asked later");
        let second = poll(second).unwrap().unwrap();
        drop(second);
        assert!(poll(third).unwrap().is_some());
        turns.limit(None);
        assert!(!turns.are_taken() && poll(pin!(turns.next(|| ()))).unwrap().is_none());
    }

    #[test]
    fn who_has_a_turn_counts_when_there_are_fewer() {
        let turns = Turns::default();
        turns.limit(Some(3));
        let (first, second, third) = (
            poll(pin!(turns.next(|| ()))).unwrap().unwrap(),
            poll(pin!(turns.next(|| ()))).unwrap().unwrap(),
            poll(pin!(turns.next(|| ()))).unwrap().unwrap(),
        );
        turns.limit(Some(1));
        let mut fourth = pin!(turns.next(|| ()));
        drop(first);
        drop(second);
        assert!(poll(fourth.as_mut()).is_none(), "two were one too many each");
        // And more again: one of the three is still had.
        turns.limit(Some(2));
        let fourth = poll(fourth).unwrap().unwrap();
        assert!(poll(pin!(turns.next(|| ()))).is_none());
        drop((third, fourth));
        let (_one, _two) = (
            poll(pin!(turns.next(|| ()))).unwrap().unwrap(),
            poll(pin!(turns.next(|| ()))).unwrap().unwrap(),
        );
        assert!(poll(pin!(turns.next(|| ()))).is_none());
    }
}
