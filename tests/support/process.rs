//! The daemon, and the service manager it reports to.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::PATIENCE;
use super::guarded::Guarded;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Stdout,
    Stderr,
    /// The notification socket.
    Notify,
}

/// A line, and when it arrived.
#[derive(Debug, Clone)]
pub struct Line {
    pub at: Instant,
    pub source: Source,
    pub text: String,
}

/// Lines as they arrive, in order, from any number of threads.
#[derive(Default)]
struct Lines {
    arrived: Mutex<Vec<Line>>,
    more: Condvar,
}

impl Lines {
    fn push(&self, source: Source, text: String) {
        let line = Line { at: Instant::now(), source, text };
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        self.more.notify_all();
    }

    fn all(&self) -> Vec<Line> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first wanted line at or after `*seen`, which moves past it.
    fn wait_for(&self, seen: &mut usize, patience: Duration, wanted: impl Fn(&str) -> bool) -> Option<Line> {
        let deadline = Instant::now() + patience;
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = arrived.iter().skip(*seen).position(|line| wanted(&line.text)) {
                *seen += found + 1;
                return Some(arrived[*seen - 1].clone());
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            arrived = self.more.wait_timeout(arrived, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn text(&self) -> String {
        self.all().iter().map(|line| line.text.clone() + "\n").collect()
    }
}

/// `vault-unseal` with these arguments and nothing in its environment.
pub fn vault_unseal(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vault-unseal"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// The same command after a shell set its limits.
pub fn limited(limits: &str, command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("{limits} && exec \"$@\""), "sh"]).arg(command.get_program());
    shell.args(command.get_args()).env_clear();
    shell
}

/// Runs a verb that ends by itself.
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A running `vault-unseal`. Killed and waited for when dropped.
pub struct Daemon {
    process: Guarded,
    lines: Arc<Lines>,
    readers: Vec<JoinHandle<()>>,
    seen: usize,
}

impl Daemon {
    /// Starts what [`vault_unseal`] made, with its output captured.
    pub fn start(command: &mut Command) -> Self {
        let mut process = Guarded::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let lines = Arc::new(Lines::default());
        let (stdout, stderr) = process.pipes();
        let readers = vec![
            read_lines(stdout.expect("a pipe"), Source::Stdout, &lines),
            read_lines(stderr.expect("a pipe"), Source::Stderr, &lines),
        ];
        Self { process, lines, readers, seen: 0 }
    }

    /// Waits for a line that contains this. Lines are looked at once: the next wait begins behind the found one.
    pub fn wait_for_line(&mut self, text: &str) -> Line {
        self.wait_for(PATIENCE, &format!("a line with {text:?}"), |line| line.contains(text))
    }

    /// As [`Daemon::wait_for_line`] with any condition; `what` is for the message when it does not come.
    pub fn wait_for(&mut self, patience: Duration, what: &str, wanted: impl Fn(&str) -> bool) -> Line {
        self.lines.wait_for(&mut self.seen, patience, wanted).unwrap_or_else(|| {
            panic!("{what} did not come within {patience:?}; its output:\n{}", self.output())
        })
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.all()
    }

    /// Every line so far, as one text.
    pub fn output(&self) -> String {
        self.lines.text()
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// SIGTERM.
    pub fn terminate(&mut self) {
        self.process.signal(Signal::TERM);
    }

    /// SIGHUP.
    pub fn hangup(&mut self) {
        self.process.signal(Signal::HUP);
    }

    /// Any other signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// Waits for its end; all its output is there afterwards.
    pub fn exit_status(&mut self, patience: Duration) -> ExitStatus {
        let status = self.process.wait(patience);
        let status = status.unwrap_or_else(|| panic!("still runs after {patience:?}:\n{}", self.output()));
        for reader in self.readers.drain(..) {
            reader.join().expect("the reader of a pipe ends with it");
        }
        status
    }
}

fn read_lines(pipe: impl Read + Send + 'static, source: Source, lines: &Arc<Lines>) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            lines.push(source, String::from_utf8_lossy(&line).into_owned());
        }
    })
}

/// A service manager's notification socket, `$NOTIFY_SOCKET`.
pub struct Notify {
    directory: tempfile::TempDir,
    lines: Arc<Lines>,
    reader: Option<JoinHandle<()>>,
    seen: usize,
}

/// Ends the reader; no sender of notifications sends an empty message.
const END: &[u8] = b"";

impl Notify {
    /// Listens.
    pub fn new() -> Self {
        let directory = super::directory::named("notify-");
        let socket = UnixDatagram::bind(socket_in(directory.path())).unwrap();
        let lines = Arc::new(Lines::default());
        let kept = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            let mut message = [0; 8192];
            while let Ok(length @ 1..) = socket.recv(&mut message) {
                for assignment in String::from_utf8_lossy(&message[..length]).lines() {
                    kept.push(Source::Notify, assignment.to_owned());
                }
            }
        });
        Self { directory, lines, reader: Some(reader), seen: 0 }
    }

    /// The value for `NOTIFY_SOCKET`.
    pub fn path(&self) -> PathBuf {
        socket_in(self.directory.path())
    }

    /// Waits for an assignment that begins with this, `READY=1` or `STATUS=`. Each is looked at once.
    pub fn wait_for(&mut self, beginning: &str) -> Line {
        self.lines.wait_for(&mut self.seen, PATIENCE, |line| line.starts_with(beginning)).unwrap_or_else(
            || {
                panic!("{beginning} did not come; what came:\n{}", self.lines.text());
            },
        )
    }

    /// Every assignment so far, one a line.
    pub fn assignments(&self) -> Vec<Line> {
        self.lines.all()
    }
}

fn socket_in(directory: &Path) -> PathBuf {
    directory.join("socket")
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to(END, self.path()));
        if let (Ok(_), Some(reader)) = (sent, self.reader.take()) {
            let _ = reader.join();
        }
    }
}
