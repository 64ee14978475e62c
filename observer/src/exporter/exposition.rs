//! The daemon's metrics as they are exported, and whether there was an answer at all.

use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::path::Path;
use vault_unseal::files;
use vault_unseal::observe::{self, ObserveError, Wanted};

/// The most that the notifier may have to say, in bytes: some hundred targets.
const LONGEST: usize = 64 * 1024;
/// What tells that the daemon answered, or did not, in Prometheus' text format.
const UP: &str = "\
# HELP vault_unseal_daemon_up Whether the daemon answers whoever collects its metrics
# TYPE vault_unseal_daemon_up gauge
vault_unseal_daemon_up ";

/// What there is to export now, and why it is nothing but that the daemon does not answer. Blocks for some seconds at the
/// most, unless the daemon answers drop by drop.
pub(super) fn read(socket: &Path, wanted: Wanted) -> (Vec<u8>, Option<ObserveError>) {
    match observe::metrics(socket, wanted) {
        Ok(metrics) => (up(metrics), None),
        Err(error) => (down(), Some(error)),
    }
}

/// The same, with what the notifier wrote of itself, if it runs.
pub(super) fn read_all(socket: &Path, notifier: &Path) -> (Vec<u8>, Option<ObserveError>) {
    let (mut metrics, error) = read(socket, Wanted::Metrics);
    metrics.extend(of_notifier(notifier).unwrap_or_default());
    (metrics, error)
}

/// What the notifier wrote. It speaks with others and may have been taken over: nothing but metrics of its own names is taken
/// from a file that is one.
fn of_notifier(path: &Path) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let bytes = files::read_bounded(&file, LONGEST).ok().flatten()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let mut own = Vec::new();
    for line in text.lines() {
        let named = ["# HELP ", "# TYPE "].iter().find_map(|head| line.strip_prefix(head)).unwrap_or(line);
        if named.starts_with("vault_unseal_notify_") {
            own.extend_from_slice(line.as_bytes());
            own.push(b'\n');
        }
    }
    Some(own)
}

/// What is exported of a daemon that does not answer.
pub(super) fn down() -> Vec<u8> {
    format!("{UP}0\n").into_bytes()
}

fn up(mut metrics: Vec<u8>) -> Vec<u8> {
    if !metrics.is_empty() && !metrics.ends_with(b"\n") {
        metrics.push(b'\n');
    }
    metrics.extend_from_slice(format!("{UP}1\n").as_bytes());
    metrics
}

/// Without the metrics of the process, which `node_exporter` has of its own: of a name that is there twice it refuses one.
pub(super) fn without_process(metrics: &[u8]) -> Vec<u8> {
    let of_process = |line: &&[u8]| {
        let named = [&b"# HELP "[..], b"# TYPE "].iter().find_map(|head| line.strip_prefix(*head));
        named.unwrap_or(line).starts_with(b"process_")
    };
    metrics
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| !of_process(line))
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_told_beside_the_metrics_and_its_absence_alone() {
        let (up, down) =
            (String::from_utf8(up(b"a 1".to_vec())).unwrap(), String::from_utf8(down()).unwrap());
        assert_eq!(up.lines().next(), Some("a 1"));
        assert_eq!(up.lines().last(), Some("vault_unseal_daemon_up 1"));
        assert_eq!(
            down.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>(),
            ["vault_unseal_daemon_up 0"]
        );
        assert!(down.contains("# TYPE vault_unseal_daemon_up gauge\n") && down.ends_with('\n'), "{down}");
    }

    #[test]
    fn metrics_of_the_process_are_left_out_whole() {
        let all = "# HELP process_open_fds F\n# TYPE process_open_fds gauge\nprocess_open_fds 3\n# HELP a process_x\na 1\nb{c=\"process_\"} 2\n";
        let left = String::from_utf8(without_process(all.as_bytes())).unwrap();
        assert_eq!(left, "# HELP a process_x\na 1\nb{c=\"process_\"} 2\n");
    }
}
