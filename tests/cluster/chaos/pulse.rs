//! Whether this machine had time for the test at all: a round that is late because nothing ran says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const BEAT: Duration = Duration::from_millis(10);

/// Sleeps for a moment again and again, and takes note of how late it wakes.
pub(crate) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    pub(crate) fn start() -> Self {
        let latest = Arc::new(AtomicU64::new(0));
        let shared = Arc::downgrade(&latest);
        thread::spawn(move || {
            loop {
                let began = Instant::now();
                thread::sleep(BEAT);
                let late = began.elapsed().saturating_sub(BEAT).as_millis();
                let Some(latest) = shared.upgrade() else { return };
                latest.fetch_max(u64::try_from(late).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        Self(latest)
    }

    pub(crate) fn begin(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    pub(crate) fn report(&self) -> String {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let pressure = std::fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
        format!(
            "a thread that sleeps {BEAT:?} woke at most {} ms late; load {}; {}",
            self.0.load(Ordering::Relaxed),
            load.trim(),
            pressure.lines().next().unwrap_or("no pressure told")
        )
    }
}
