//! When the line of `systemctl status` is written again.

use crate::watch::StatusRegistry;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Least time between two lines: systemd takes each apart, and a thousand nodes that come back change thousands of times.
const PAUSE: Duration = Duration::from_millis(100);

/// Follows what changes: at once after a quiet time, then at most so often, and the last state in the end.
#[derive(Debug)]
pub(super) struct StatusLine {
    /// Something changed that was not written yet.
    changed: bool,
    next: Instant,
}

impl StatusLine {
    /// Nothing was written yet.
    pub(super) fn new() -> Self {
        Self { changed: false, next: Instant::now() }
    }

    /// Returns when the line is to be written. Whoever gives up waiting for it loses nothing.
    pub(super) async fn due(&mut self, registry: &StatusRegistry) {
        if !self.changed {
            registry.changed().await;
            self.changed = true;
        }
        if Instant::now() < self.next {
            sleep_until(self.next).await;
        }
        self.changed = false;
        self.next = Instant::now() + PAUSE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// Whether it is due without any waiting.
    fn is_due(line: &mut StatusLine, registry: &StatusRegistry) -> bool {
        pin!(line.due(registry)).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[tokio::test]
    async fn first_change_is_told_at_once_and_last_one_in_the_end() {
        let registry = StatusRegistry::default();
        let mut line = StatusLine::new();
        assert!(!is_due(&mut line, &registry), "nothing changed");
        registry.warn(vec!["first".to_owned()]);
        assert!(is_due(&mut line, &registry), "at once");
        line.next += Duration::from_secs(3600);
        for change in 0..50 {
            registry.warn(vec![change.to_string()]);
            assert!(!is_due(&mut line, &registry), "too soon");
        }
        line.next = Instant::now();
        assert!(is_due(&mut line, &registry), "given up so often, it is told all the same");
        assert!(!is_due(&mut line, &registry), "once");
    }
}
