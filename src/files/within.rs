//! Blocking work under a deadline, before there is a loop.

use crate::explain::Explain;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long all files of one configuration may take together.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Files that are not read in time.
#[derive(Debug, thiserror::Error)]
#[error("the configuration and the files that it names are still being read")]
pub struct Slow;

impl Explain for Slow {
    fn kind(&self) -> &'static str {
        "files-slow"
    }

    fn advice(&self) -> Option<String> {
        Some("See whether the file systems that they lie on answer: findmnt -T FILE".to_owned())
    }
}

/// Does the work in a thread of its own; `None` when it is not done within `limit`. The thread then goes on for as long
/// as the work takes.
pub fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let work = move || drop(sender.send(work()));
    thread::Builder::new().name("files".to_owned()).spawn(work).ok()?;
    receiver.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_hangs_is_given_up_and_other_work_is_not() {
        assert_eq!(within(LIMIT, || 7), Some(7));
        let (_open, gate) = mpsc::channel::<()>();
        assert_eq!(within(Duration::ZERO, move || gate.recv()), None);
    }
}
