//! Runs targets: each of its seeds once, and then what the fuzzer makes of them.

use crate::table;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

/// Seconds for one input: far more than any takes.
const SLOWEST: u32 = 10;
/// Megabytes for a target: far more than any takes.
const MEMORY: u32 = 1024;

/// What the repository has that is a seed as it is, from its root.
const ELSEWHERE: [(&str, &str); 3] =
    [("config", "tests/config"), ("shares", "src/shares/format/samples"), ("units", "systemd")];

/// What became of one target.
pub(crate) struct Run {
    pub(crate) target: String,
    pub(crate) seeds: usize,
    /// Of the seeds.
    pub(crate) accepted: usize,
    pub(crate) executions: u64,
    pub(crate) seconds: u64,
    /// Edges that were run through, and features: edges by how often, and values compared.
    pub(crate) coverage: u64,
    pub(crate) features: u64,
    pub(crate) added: u64,
    pub(crate) findings: Vec<Finding>,
}

/// An input of which a claim does not hold.
pub(crate) struct Finding {
    pub(crate) input: PathBuf,
    /// What the target said.
    pub(crate) said: String,
}

/// Where the seeds of a target are.
pub(crate) fn seeds(target: &str) -> io::Result<Vec<PathBuf>> {
    let package = crate::here();
    let root = package.join("../..").canonicalize()?;
    let elsewhere = ELSEWHERE.iter().filter(|(name, _)| *name == target).map(|(_, path)| root.join(path));
    Ok([package.join("corpus").join(target)].into_iter().chain(elsewhere).collect())
}

/// As many targets at a time as there are processors, so that all are done after so many seconds.
pub(crate) fn all(fuzzer: &Path, targets: &[String], seconds: u64) -> io::Result<bool> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(targets.len());
    let turns = u64::try_from(targets.len().div_ceil(workers)).unwrap_or(u64::MAX);
    let each = (seconds / turns).max(1);
    println!("{} targets, {workers} at a time, {each} s each", targets.len());
    let found = crate::target_directory()?.join("found");
    let queue = Mutex::new(targets.iter());
    let runs: Mutex<Vec<io::Result<Run>>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some(target) = queue.lock().ok().and_then(|mut queue| queue.next()) else { return };
                    let run = one(fuzzer, target, &found.join(target), each);
                    runs.lock().map(|mut runs| runs.push(run)).unwrap_or_default();
                }
            });
        }
    });
    let mut runs = runs.into_inner().unwrap_or_default().into_iter().collect::<io::Result<Vec<Run>>>()?;
    runs.sort_by(|one, other| one.target.cmp(&other.target));
    Ok(table::print(&runs))
}

/// One target for so many seconds. New inputs are kept in the directory, and begun with the next time.
pub(crate) fn one(fuzzer: &Path, target: &str, found: &Path, seconds: u64) -> io::Result<Run> {
    let corpus = found.join("inputs");
    let findings = found.join("findings");
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&findings)?;
    let directories = seeds(target)?;
    let files: Vec<PathBuf> =
        directories.iter().map(|path| files(path)).collect::<io::Result<Vec<_>>>()?.concat();
    let mut run = Run {
        target: target.to_owned(),
        seeds: files.len(),
        accepted: 0,
        executions: 0,
        seconds,
        coverage: 0,
        features: 0,
        added: 0,
        findings: Vec::new(),
    };
    let once = start(fuzzer, target, found).env("FUZZ_SAY", "1").args(&files).output()?;
    let said = String::from_utf8_lossy(&once.stderr).into_owned();
    run.accepted = said.lines().filter(|line| *line == "accepted").count();
    if !once.status.success() {
        let last = said.lines().rev().find_map(|line| line.strip_prefix("Running: "));
        run.findings.push(Finding { input: last.unwrap_or_default().into(), said: panic(&said) });
        return Ok(run);
    }
    let output = start(fuzzer, target, found)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .args(["-print_final_stats=1", "-use_value_profile=0"])
        .arg(&corpus)
        .args(&directories)
        .output()?;
    run.read(&output);
    Ok(run)
}

impl Run {
    /// What the library prints at its end.
    fn read(&mut self, output: &Output) {
        let said = String::from_utf8_lossy(&output.stderr);
        let statistic = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
        };
        let last = |name: &str| {
            let words: Vec<&str> =
                said.lines().rev().find(|line| line.contains(" cov: "))?.split(' ').collect();
            words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)?.parse().ok())
        };
        self.executions = statistic("stat::number_of_executed_units");
        self.added = statistic("stat::new_units_added");
        self.coverage = last("cov:").unwrap_or_default();
        self.features = last("ft:").unwrap_or_default();
        if !output.status.success() {
            let input =
                said.lines().find_map(|line| line.split_once("Test unit written to ").map(|(_, path)| path));
            self.findings.push(Finding { input: input.unwrap_or_default().into(), said: panic(&said) });
        }
    }
}

/// Whether what the target claims is so of this input.
pub(crate) fn holds(fuzzer: &Path, target: &str, found: &Path, input: &Path) -> io::Result<bool> {
    Ok(start(fuzzer, target, found).arg(input).output()?.status.success())
}

/// Gives a target these files once more, and shows all that it says.
pub(crate) fn again(fuzzer: &Path, target: &[String], files: &[String]) -> io::Result<bool> {
    let found = crate::target_directory()?.join("found");
    let name = target.first().map_or("", String::as_str);
    Ok(start(fuzzer, name, &found).env("FUZZ_SAY", "1").args(files).status()?.success())
}

fn start(fuzzer: &Path, target: &str, directory: &Path) -> Command {
    let mut command = Command::new(fuzzer);
    command.env("FUZZ_TARGET", target).env("FUZZ_DIRECTORY", directory).env("RUST_BACKTRACE", "0");
    command.arg(format!("-timeout={SLOWEST}")).arg(format!("-rss_limit_mb={MEMORY}"));
    command
}

/// What is shown of a finding: lines, and characters of each.
const LINES: usize = 8;
const WIDTH: usize = 300;

/// The first lines with which it ended, as long as a person reads them.
fn panic(said: &str) -> String {
    let from = |line: &&str| !line.contains("panicked at") && !line.contains("ERROR: libFuzzer");
    let lines = said.lines().skip_while(from).filter(|line| !line.starts_with("note: "));
    let mut lines = lines.take_while(|line| !line.starts_with("SUMMARY") && !line.starts_with("=="));
    let short = |line: &str| match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    };
    let mut told: Vec<String> = lines.by_ref().take(LINES).map(short).collect();
    if lines.next().is_some() {
        told.push("…".to_owned());
    }
    told.join("\n")
}

/// Every file below a directory.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
