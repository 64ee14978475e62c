//! Who reads and writes for the requests over a connection.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Reads and writes for the requests over a connection, by whoever waits for them: a task of its own would be woken, and wake
/// the other, several times a request.
pub(super) struct Driver {
    /// `None` once the connection has ended.
    connection: Proceeding,
    wakes: Arc<Wakes>,
    waker: Waker,
}

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

    /// Something is about to be asked for that [`Driver::during`] waits for: nobody has to be woken for it.
    pub(super) fn expect(&self) {
        self.wakes.at_it.store(true, Ordering::SeqCst);
    }

    /// Reads and writes until `exchange`, which waits for that, is done.
    pub(super) async fn during<T>(&mut self, exchange: impl Future<Output = T>) -> T {
        let Self { connection, wakes, waker } = self;
        let mut exchange = pin!(exchange);
        poll_fn(|context| {
            wakes.begin(context);
            let mut inner = Context::from_waker(waker);
            let mut outcome = exchange.as_mut().poll(&mut inner);
            if outcome.is_pending() {
                // What it has just asked for is seen to now.
                wakes.again.store(false, Ordering::SeqCst);
                let _ = proceed(connection, &mut inner);
                outcome = exchange.as_mut().poll(&mut inner);
            }
            wakes.end(outcome.is_pending());
            outcome
        })
        .await
    }
}

type Proceeding = Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

fn proceed(connection: &mut Proceeding, context: &mut Context<'_>) -> Poll<()> {
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

/// Wakes whoever waits for a connection. The two ends of hyper's channels wake each other at every step of a request, while
/// the one task that polls both is at it: each of these would have it run once more for nothing.
#[derive(Default)]
struct Wakes {
    /// Both ends are being polled.
    at_it: AtomicBool,
    /// One of them was woken meanwhile.
    again: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wakes {
    fn begin(&self, context: &Context<'_>) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !task.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            *task = Some(context.waker().clone());
        }
        self.again.store(false, Ordering::Relaxed);
        self.at_it.store(true, Ordering::Relaxed);
    }

    /// Of those who go on with an answer nobody waits: they poll again before they wait for anything.
    fn end(&self, waits: bool) {
        self.at_it.store(false, Ordering::SeqCst);
        if self.again.swap(false, Ordering::SeqCst) && waits {
            self.wake_task();
        }
    }

    fn wake_task(&self) {
        if let Some(task) = &*self.task.lock().unwrap_or_else(PoisonError::into_inner) {
            task.wake_by_ref();
        }
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.again.store(true, Ordering::SeqCst);
        // Or whoever is at it sees it: one of the two does.
        if !self.at_it.load(Ordering::SeqCst) && self.again.swap(false, Ordering::SeqCst) {
            self.wake_task();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
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
            driver.expect();
            let (question, answer) = oneshot::channel();
            questions.send(question).unwrap();
            let mut exchange = pin!(driver.during(answer));
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
        let mut turns = 0;
        let mut driver = Driver::of(poll_fn(move |context| {
            turns += 1;
            context.waker().wake_by_ref();
            if turns == 3 { Poll::Ready(()) } else { Poll::Pending }
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
