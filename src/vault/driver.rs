//! Who reads and writes for the requests over a connection.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Reads and writes for the requests over a connection, by whoever waits for them: a task of its own would be woken, and wake
/// the other, several times a request.
pub(super) struct Driver {
    /// `None` once the connection has ended.
    connection: Open,
    wakes: Arc<Wakes>,
    /// Of `wakes`: what the connection and its exchanges wake.
    waker: Waker,
}

type Open = Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

impl Driver {
    pub(super) fn of(connection: impl Future<Output = ()> + Send + 'static) -> Self {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        Self { connection: Some(Box::pin(connection)), wakes, waker }
    }

    /// Reads and writes what can be now. Ready when the connection has ended.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.wakes.begin(context);
        let ended = proceed(&mut self.connection, &mut Context::from_waker(&self.waker));
        self.wakes.end(ended.is_pending());
        ended
    }

    /// Reads and writes until `exchange`, which asks for something and waits for that, is done.
    pub(super) async fn during<T>(&mut self, exchange: impl Future<Output = T>) -> T {
        let Self { connection, wakes, waker } = self;
        let mut exchange = pin!(exchange);
        poll_fn(|context| {
            wakes.begin(context);
            let mut inner = Context::from_waker(waker);
            let mut outcome = exchange.as_mut().poll(&mut inner);
            if outcome.is_pending() {
                // What it has just asked for is seen to now.
                wakes.lock().again = false;
                let _ = proceed(connection, &mut inner);
                outcome = exchange.as_mut().poll(&mut inner);
            }
            wakes.end(outcome.is_pending());
            outcome
        })
        .await
    }
}

fn proceed(connection: &mut Open, context: &mut Context<'_>) -> Poll<()> {
    let Some(open) = connection else { return Poll::Ready(()) };
    let ended = open.as_mut().poll(context);
    if ended.is_ready() {
        *connection = None;
    }
    ended
}

impl fmt::Debug for Driver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.connection.is_some() { "open" } else { "ended" })
    }
}

/// Wakes the task that waits for a connection. The two ends of hyper's channels wake each other at every step of a request,
/// while that task polls both: each of these would have it run once more for nothing.
#[derive(Default)]
struct Wakes(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    task: Option<Waker>,
    /// The task is polling the connection, or what waits for it.
    polling: bool,
    /// One of them was woken meanwhile.
    again: bool,
}

impl Wakes {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, context: &Context<'_>) {
        let mut waiting = self.lock();
        if !waiting.task.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            waiting.task = Some(context.waker().clone());
        }
        (waiting.polling, waiting.again) = (true, false);
    }

    /// Whoever has an answer polls the connection again before waiting for it: only who has none is woken.
    fn end(&self, pending: bool) {
        let mut waiting = self.lock();
        waiting.polling = false;
        if waiting.again && pending {
            waiting.wake();
        }
    }
}

impl Waiting {
    fn wake(&self) {
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut waiting = self.lock();
        if waiting.polling {
            waiting.again = true;
        } else {
            waiting.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
    use tokio::sync::oneshot;

    /// Counts how often the task is woken that waits for a connection.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Woken {
        fn take(&self) -> usize {
            self.0.swap(0, Ordering::Relaxed)
        }
    }

    type Questions = UnboundedSender<oneshot::Sender<u8>>;

    /// A connection that answers each question with the next byte from outside, and the way to ask it.
    fn connection(mut from_outside: UnboundedReceiver<u8>) -> (Driver, Questions) {
        let (questions, mut asked) = unbounded_channel::<oneshot::Sender<u8>>();
        let driver = Driver::of(async move {
            while let Some(question) = asked.recv().await {
                let Some(byte) = from_outside.recv().await else { return };
                let _ = question.send(byte);
            }
        });
        (driver, questions)
    }

    #[test]
    fn who_waits_for_an_answer_is_woken_by_what_comes_from_outside_alone() {
        let (outside, from_outside) = unbounded_channel();
        let (mut driver, questions) = connection(from_outside);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        // As a node at rest does: it would hear of the end.
        assert!(driver.poll(&mut context).is_pending());
        for byte in 0..3 {
            let mut exchange = pin!(driver.during(async {
                let (question, answer) = oneshot::channel();
                questions.send(question).unwrap();
                answer.await
            }));
            assert!(exchange.as_mut().poll(&mut context).is_pending());
            assert_eq!(woken.take(), 0, "it asked itself");
            outside.send(byte).unwrap();
            assert_eq!(woken.take(), 1);
            assert_eq!(exchange.as_mut().poll(&mut context), Poll::Ready(Ok(byte)));
            assert_eq!(woken.take(), 0, "it has the answer");
        }
        assert!(driver.poll(&mut context).is_pending());
        drop(questions);
        assert_eq!(woken.take(), 1);
        assert!(driver.poll(&mut context).is_ready(), "it has ended");
    }

    /// As hyper does after so many messages at once.
    #[test]
    fn connection_that_gives_way_to_others_goes_on_later() {
        let mut driver = Driver::of(poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::Pending
        }));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        assert!(driver.poll(&mut context).is_pending());
        assert_eq!(woken.take(), 1);
        let mut exchange = pin!(driver.during(std::future::pending::<()>()));
        assert!(exchange.as_mut().poll(&mut context).is_pending());
        assert_eq!(woken.take(), 1);
    }

    #[test]
    fn whoever_waited_last_is_woken() {
        let (outside, from_outside) = unbounded_channel();
        let (mut driver, questions) = connection(from_outside);
        let tasks = [Arc::new(Woken::default()), Arc::new(Woken::default())];
        let (question, answer) = oneshot::channel();
        questions.send(question).unwrap();
        let mut exchange = pin!(driver.during(answer));
        for task in &tasks {
            let waker = Waker::from(Arc::clone(task));
            assert!(exchange.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        outside.send(7).unwrap();
        assert_eq!(tasks.map(|task| task.take()), [0, 1]);
    }
}
