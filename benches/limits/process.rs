//! What the kernel says of a process: proc(5).

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// A process's memory, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) rss: f64,
    /// Resident and its own: heap, stacks, written data.
    pub(crate) anonymous: f64,
    /// Resident, shared pages divided by their users. Only for root: the daemon lets nobody else look.
    pub(crate) pss: Option<f64>,
}

impl Memory {
    /// Of a running process.
    pub(crate) fn of(pid: u32) -> Self {
        if let Ok(exact) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
            return Self {
                rss: kibibytes(&exact, "Rss:"),
                anonymous: kibibytes(&exact, "Anonymous:"),
                pss: Some(kibibytes(&exact, "Pss:")),
            };
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        Self { rss: kibibytes(&status, "VmRSS:"), anonymous: kibibytes(&status, "RssAnon:"), pss: None }
    }
}

fn kibibytes(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(name)).expect("a line of this name");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// CPU time that the threads of a process have used, user and system.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let times = threads.filter_map(|thread| on_processor(thread.ok()?.path().join("schedstat")));
    times.sum()
}

/// `None` when the thread has just ended.
fn on_processor(schedstat: PathBuf) -> Option<Duration> {
    let text = fs::read_to_string(schedstat).ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
