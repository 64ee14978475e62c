//! What is kept of a round that failed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::accounts::{Stamp, now};
use crate::cluster::Cluster;

/// What happened in a round, with times by the clock of the servers' logs.
pub(crate) struct Story {
    pub(crate) began: Stamp,
    started: Instant,
    text: String,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self { began: now(), started: Instant::now(), text: String::new() }
    }

    pub(crate) fn tell(&mut self, what: &str) {
        let second = now().as_secs() % 86400;
        let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        let at = self.started.elapsed().as_secs_f64();
        writeln!(self.text, "{clock} {at:7.3} s  {what}").unwrap();
    }
}

/// Keeps the story and the logs of a round; `logs` are what each server logged in it. Returns where, and the end of all
/// of it.
pub(crate) fn keep(
    cluster: &Cluster,
    story: &Story,
    seed: u64,
    round: usize,
    logs: &[String],
) -> (PathBuf, String) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{seed}-{round}"));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("story"), &story.text).unwrap();
    let mut shown = story.text.clone();
    for (node, log) in cluster.nodes.iter().zip(logs) {
        let lines = node.daemon_lines().into_iter().filter(|line| line.at >= story.started);
        // Its own clock may be another.
        let daemon = lines.fold(String::new(), |mut text, line| {
            let at = line.at.saturating_duration_since(story.started).as_secs_f64();
            writeln!(text, "{at:7.3} s  {}", line.text).unwrap();
            text
        });
        fs::write(directory.join(format!("server-{}", node.index)), log).unwrap();
        fs::write(directory.join(format!("daemon-{}", node.index)), &daemon).unwrap();
        writeln!(shown, "\nserver {}:\n{}", node.index, tail(log)).unwrap();
        writeln!(shown, "daemon {}:\n{}", node.index, tail(&daemon)).unwrap();
    }
    (directory, shown)
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}
