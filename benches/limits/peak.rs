//! The most memory that a process and its children had, looked at all the time.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// The most that was resident, in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Peak {
    /// Of the process.
    pub(crate) daemon: f64,
    /// Of any one of its children.
    pub(crate) child: f64,
}

/// A process that is being looked at.
pub(crate) struct Watched {
    enough: Arc<AtomicBool>,
    looking: JoinHandle<Peak>,
}

impl Watched {
    pub(crate) fn begin(pid: u32) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&enough);
        let looking = thread::spawn(move || {
            let mut peak = Peak::default();
            while !stop.load(Ordering::Relaxed) {
                peak.daemon = peak.daemon.max(kibibytes(pid, "VmRSS:"));
                for child in children(pid) {
                    // Its own highest, which a look between two looks cannot miss but at its very end.
                    peak.child = peak.child.max(kibibytes(child, "VmHWM:"));
                }
                thread::yield_now();
            }
            peak
        });
        Self { enough, looking }
    }

    pub(crate) fn end(self) -> Peak {
        self.enough.store(true, Ordering::Relaxed);
        self.looking.join().expect("it looked")
    }
}

/// Those that have run their own executable already: until then they show what is their parent's.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let all: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    let executable = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let own = executable(pid);
    all.into_iter().filter(|child| executable(*child) != own).collect()
}

/// Zero for a process that has just ended.
fn kibibytes(pid: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0.0)
}
