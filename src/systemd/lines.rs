//! Lines on standard error. Those that follow each other closely are written together, when the loop has nothing else to do: a
//! thousand servers that come back say three each.

use std::io::{self, Write};
use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::MakeWriter;

/// More are not written at once: up to here a write to a pipe is whole (`PIPE_BUF`, pipe(7)).
const MOST: usize = 4096;
/// A line that comes this soon after another waits. One by itself is written at once: it may be the last.
const CLOSELY: Duration = Duration::from_millis(1);

/// Standard error, as a log writes to it.
#[derive(Debug, Default, Clone)]
pub struct Lines(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// When the last line came.
    last: Option<Instant>,
    /// Whose lines may wait: those of another thread are written at once, after them.
    thread: Option<ThreadId>,
}

/// While this is there, lines of the thread that made it may wait for the end of its turn.
#[derive(Debug)]
pub struct Gathering(Lines);

impl Lines {
    /// To be called by the loop whenever it has nothing to do.
    pub fn at_rest(&self) -> impl Fn() + Send + Sync + 'static {
        let lines = self.clone();
        move || lines.waiting().write_out(&mut io::stderr())
    }

    /// From now on lines of this thread may wait. Those that do are still written when the process panics.
    pub fn gather(&self) -> Gathering {
        self.waiting().thread = Some(thread::current().id());
        let (lines, hook) = (self.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |panic| {
            if let Ok(mut waiting) = lines.0.try_lock() {
                waiting.write_out(&mut io::stderr());
            }
            hook(panic);
        }));
        Gathering(self.clone())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        waiting.thread = None;
        waiting.write_out(&mut io::stderr());
    }
}

impl Waiting {
    fn take(&mut self, line: &[u8], now: Instant, to: &mut impl Write) {
        if self.bytes.len() + line.len() > MOST {
            self.write_out(to);
        }
        self.bytes.extend_from_slice(line);
        let closely = self.last.replace(now).is_some_and(|last| now.duration_since(last) < CLOSELY);
        if !closely || self.thread != Some(thread::current().id()) {
            self.write_out(to);
        }
    }

    /// What cannot be written is not tried again: it would keep the later lines out.
    fn write_out(&mut self, to: &mut impl Write) {
        if !self.bytes.is_empty() {
            let _ = to.write_all(&self.bytes);
            self.bytes.clear();
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.waiting().take(line, Instant::now(), &mut io::stderr());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written, write by write.
    #[derive(Default)]
    struct Writes(Vec<String>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_follow_closely_are_one_write_and_those_of_another_thread_come_at_once_and_after_them() {
        let (mut waiting, mut writes) = (Waiting::default(), Writes::default());
        let mut now = Instant::now();
        let mut say = |waiting: &mut Waiting, writes: &mut Writes, line: &str, after: Duration| {
            now += after;
            waiting.take(line.as_bytes(), now, writes);
        };
        let soon = CLOSELY / 2;
        say(&mut waiting, &mut writes, "of one\n", soon);
        say(&mut waiting, &mut writes, "that gathers none\n", soon);
        assert_eq!(writes.0, ["of one\n", "that gathers none\n"]);

        waiting.thread = Some(thread::current().id());
        say(&mut waiting, &mut writes, "alone\n", CLOSELY);
        assert_eq!(writes.0.last().unwrap(), "alone\n", "it may be the last");
        say(&mut waiting, &mut writes, "one\n", soon);
        say(&mut waiting, &mut writes, "two\n", soon);
        assert_eq!(writes.0.len(), 3);
        waiting.write_out(&mut writes);
        waiting.write_out(&mut writes);
        assert_eq!(writes.0[3..], ["one\ntwo\n"], "once, and nothing when nothing waits");
        say(&mut waiting, &mut writes, "three\n", soon);
        say(&mut waiting, &mut writes, "much later\n", CLOSELY);
        assert_eq!(writes.0.last().unwrap(), "three\nmuch later\n");

        say(&mut waiting, &mut writes, "four\n", soon);
        thread::scope(|scope| {
            scope.spawn(|| say(&mut waiting, &mut writes, "another's\n", soon)).join().unwrap();
        });
        assert_eq!(writes.0.last().unwrap(), "four\nanother's\n");

        let long = "x".repeat(MOST - 10);
        say(&mut waiting, &mut writes, &long, soon);
        say(&mut waiting, &mut writes, "does not fit\n", soon);
        assert_eq!(*writes.0.last().unwrap(), long, "a line is never torn");
    }
}
