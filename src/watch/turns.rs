//! Whose turn it is, where there are too few file descriptors for all nodes at a time.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many nodes may have a connection at a time; as many as there are, if nothing is said.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<Limit>);

#[derive(Debug, Default)]
struct Limit {
    nodes: Option<usize>,
    turns: Option<Arc<Semaphore>>,
}

impl Turns {
    /// From now on so many nodes have one at a time.
    pub(super) fn limit(&self, nodes: Option<usize>) {
        let mut limit = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if limit.nodes != nodes {
            *limit = Limit { nodes, turns: nodes.map(|nodes| Arc::new(Semaphore::new(nodes))) };
        }
    }

    /// Nodes take turns.
    pub(super) fn are_taken(&self) -> bool {
        self.turns().is_some()
    }

    /// Waits for a turn, in the order in which they are asked for; `None` where nobody has to. `waits` is told of it first.
    pub(super) async fn next(&self, waits: impl FnOnce()) -> Option<OwnedSemaphorePermit> {
        let turns = self.turns()?;
        waits();
        turns.acquire_owned().await.ok()
    }

    fn turns(&self) -> Option<Arc<Semaphore>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).turns.clone()
    }
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
}
