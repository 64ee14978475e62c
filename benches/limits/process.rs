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
                rss: number(&exact, "Rss:"),
                anonymous: number(&exact, "Anonymous:"),
                pss: Some(number(&exact, "Pss:")),
            };
        }
        let status = status(pid);
        Self { rss: number(&status, "VmRSS:"), anonymous: number(&status, "RssAnon:"), pss: None }
    }
}

/// How many threads it has.
pub(crate) fn threads(pid: u32) -> f64 {
    number(&status(pid), "Threads:")
}

/// How many descriptors it has open; `None` where its user may not look, since the daemon lets nobody but root.
pub(crate) fn descriptors(pid: u32) -> Option<f64> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as f64)
}

/// How often its threads woke up: each wait that had to wait.
pub(crate) fn wake_ups(pid: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let texts = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok());
    texts.map(|text| number(&text, "voluntary_ctxt_switches:")).sum()
}

fn status(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs")
}

fn number(text: &str, name: &str) -> f64 {
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

/// Connections that were begun in the network namespace of a process, one SYN each; `"thread-self"` is this thread.
pub(crate) fn connects(process: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/net/snmp")).expect("it runs");
    let mut rows = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (rows.next().unwrap_or_default(), rows.next().unwrap_or_default());
    let mut columns = names.split(' ').zip(values.split(' '));
    columns
        .find(|(name, _)| *name == "ActiveOpens")
        .and_then(|(_, value)| value.parse().ok())
        .expect("a count")
}
