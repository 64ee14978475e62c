//! What is told of the daemon, and what its process takes of the machine. What cannot be read is absent.

use crate::telemetry::{MetricValue, ProcessFigure, Telemetry};
use rustix::process::{Resource, getrlimit};
use std::fs::{self, File};
use std::io::Read;
use std::time::Duration;

/// Most entries of a directory that are counted one by one: a millisecond.
const COUNTED: usize = 1024;

/// A figure, as it is now.
pub(super) fn read(figure: ProcessFigure, telemetry: &Telemetry) -> Option<MetricValue> {
    let number = match figure {
        // Not of /proc/stat, which a service does not see (`ProcSubset=pid`).
        ProcessFigure::Started => return Some(telemetry.started()),
        ProcessFigure::Cpu => return told("/proc/self/stat", cpu).map(Duration::from_millis),
        ProcessFigure::Resident => told("/proc/self/status", resident)?,
        ProcessFigure::OpenDescriptors => open_descriptors()?,
        ProcessFigure::MostDescriptors => getrlimit(Resource::Nofile).current?,
        ProcessFigure::ReloadRefused => telemetry.reload_refused().into(),
    };
    Some(Duration::from_secs(number))
}

/// What is found in a file of the kernel's.
fn told(path: &str, find: fn(&str) -> Option<u64>) -> Option<u64> {
    let mut text = [0; 4096];
    let length = File::open(path).ok()?.read(&mut text).ok()?;
    find(std::str::from_utf8(text.get(..length)?).ok()?)
}

/// In milliseconds, of `proc_pid_stat(5)`: in user mode and in the kernel's, each in hundredths of a second. A clock of the
/// process's own would be more exact, and takes two kilobytes to be found.
fn cpu(stat: &str) -> Option<u64> {
    // Behind the name, which may have anything in it.
    let mut fields = stat.rsplit(')').next()?.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    ticks()?.checked_add(ticks()?)?.checked_mul(10)
}

/// In bytes, of `proc_pid_status(5)`.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Linux 6.2 and later say how many there are. Before, they are counted, unless they are so many that it takes long.
fn open_descriptors() -> Option<u64> {
    const DIRECTORY: &str = "/proc/self/fd";
    match fs::metadata(DIRECTORY).ok()?.len() {
        0 => {
            let entries = fs::read_dir(DIRECTORY).ok()?.take(COUNTED).count();
            // One of them is the directory's own.
            (entries < COUNTED).then(|| u64::try_from(entries).ok()?.checked_sub(1)).flatten()
        }
        open => Some(open),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn figures_are_those_of_this_process() {
        let telemetry = Telemetry::default();
        let figure = |figure| read(figure, &telemetry).unwrap();
        assert_eq!(figure(ProcessFigure::Started), telemetry.started());
        let mut work = 0_u64;
        while figure(ProcessFigure::Cpu).is_zero() {
            work = (0..100_000).fold(work, u64::wrapping_add);
        }
        assert!(figure(ProcessFigure::Cpu) < Duration::from_secs(3600), "{work}");
        assert!((1..1 << 20).contains(&(figure(ProcessFigure::Resident).as_secs() >> 10)));
        let most = figure(ProcessFigure::MostDescriptors);
        assert_eq!(Some(most.as_secs()), getrlimit(Resource::Nofile).current);
        // Other tests open files as well.
        let files: Vec<_> = (0..64).map(|_| File::open("/dev/null").unwrap()).collect();
        let open = figure(ProcessFigure::OpenDescriptors);
        assert!((64..64 + 1024).contains(&open.as_secs()), "{open:?} {}", files.len());
    }

    #[test]
    fn time_is_that_of_both_modes() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 75 13 14 20 0";
        assert_eq!(cpu(stat), Some(3250));
        assert_eq!((cpu(""), cpu("42 (a) S 1"), cpu(&stat.replace("75", "x"))), (None, None, None));
    }

    #[test]
    fn memory_is_read_in_bytes_or_not_at_all() {
        assert_eq!(resident("Name:\tx\nVmHWM:\t  99 kB\nVmRSS:\t    5120 kB\nThreads:\t1\n"), Some(5 << 20));
        for status in
            ["", "VmHWM:\t 1 kB\n", "VmRSS:\n", "VmRSS:\t-1 kB\n", "VmRSS:\t18446744073709551615 kB\n"]
        {
            assert_eq!(resident(status), None, "{status}");
        }
    }
}
