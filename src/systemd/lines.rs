//! Lines on standard error: those of one turn of the loop in one write. A thousand servers that come back say three each.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use tracing_subscriber::fmt::MakeWriter;

/// So many bytes are written even if the turn goes on.
const ENOUGH: usize = 4096;

/// Standard error, as a log writes to it.
#[derive(Debug, Default, Clone)]
pub(super) struct Lines(Arc<Mutex<Gathered>>);

#[derive(Debug, Default)]
struct Gathered {
    bytes: Vec<u8>,
    /// Whose lines are gathered: those of another thread are written at once, after them.
    thread: Option<ThreadId>,
}

/// While this is there, lines of the thread that made it wait for the end of its turn.
#[derive(Debug)]
pub struct Gathering(Lines);

impl Gathering {
    pub(super) fn of(lines: &Lines) -> Self {
        lines.gathered().thread = Some(thread::current().id());
        Self(lines.clone())
    }

    /// What is to be done at the end of each turn, before the thread waits.
    pub fn at_end_of_turn(&self) -> impl Fn() + Send + Sync + 'static {
        let lines = self.0.clone();
        move || lines.gathered().write_out(&mut io::stderr())
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        let mut gathered = self.0.gathered();
        gathered.thread = None;
        gathered.write_out(&mut io::stderr());
    }
}

impl Lines {
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathered {
    fn take(&mut self, line: &[u8], to: &mut impl Write) {
        self.bytes.extend_from_slice(line);
        if self.bytes.len() >= ENOUGH || self.thread != Some(thread::current().id()) {
            self.write_out(to);
        }
    }

    /// Nobody reads what cannot be written; it is not tried again, for what comes then.
    fn write_out(&mut self, to: &mut impl Write) {
        if !self.bytes.is_empty() {
            let _ = to.write_all(&self.bytes);
            self.bytes.clear();
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.gathered().take(line, &mut io::stderr());
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

    #[test]
    fn lines_of_one_turn_are_one_write_and_those_of_another_thread_come_at_once_and_after_them() {
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

        let (mut gathered, mut writes) = (Gathered::default(), Writes::default());
        gathered.take(b"before\n", &mut writes);
        gathered.thread = Some(thread::current().id());
        gathered.take(b"one\n", &mut writes);
        gathered.take(b"two\n", &mut writes);
        assert_eq!(writes.0, ["before\n"]);
        gathered.write_out(&mut writes);
        gathered.write_out(&mut writes);
        assert_eq!(
            writes.0,
            ["before\n", "one\ntwo\n"],
            "at the end of the turn, and nothing when nothing was said"
        );
        gathered.take(b"three\n", &mut writes);
        thread::scope(|scope| scope.spawn(|| gathered.take(b"another's\n", &mut writes)).join()).unwrap();
        assert_eq!(writes.0.last().unwrap(), "three\nanother's\n");
        gathered.take(&[b'x'; ENOUGH], &mut writes);
        assert_eq!(writes.0.len(), 4, "a long turn");
    }
}
