//! A program of the system's that is given an input and gives an answer: with pipes, with nothing of our environment, and
//! not for ever.

use super::conversation::{self, Answer, Pipes};
use super::quote;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a process whose pipes are closed is asked for its exit status.
const LOOK_FOR_EXIT: Duration = Duration::from_millis(2);

/// The program, without its arguments, with pipes and with nothing of this process's environment.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C.UTF-8").current_dir("/");
    // Ctrl-C is for whoever started it: what that one holds must not get lost here.
    command.process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it over `input` to its end; `None` when the deadline comes first, and then it is killed. An answer longer than
/// `most` bytes has no output.
pub(super) fn ask(
    command: &mut Command,
    input: &[u8],
    most: usize,
    deadline: Instant,
) -> io::Result<Option<(ExitStatus, Answer)>> {
    let mut running = Running(command.spawn()?);
    let pipes = running.pipes().ok_or_else(|| io::Error::other("it has no pipes"))?;
    let Some(answer) = conversation::hold(pipes, input, most, deadline)? else { return Ok(None) };
    loop {
        if let Some(status) = running.0.try_wait()? {
            return Ok(Some((status, answer)));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(LOOK_FOR_EXIT);
    }
}

/// A line of what it complained of, fit for a terminal.
pub(super) fn sentence(line: &str) -> String {
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    quote::sentence(Path::new(line.trim_end_matches('.')))
}

/// The process; killed when dropped before its end was seen.
struct Running(Child);

impl Running {
    fn pipes(&mut self) -> Option<Pipes> {
        Some((self.0.stdin.take()?, self.0.stdout.take()?, self.0.stderr.take()?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
