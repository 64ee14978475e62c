//! A program of the system's that is given an input and gives an answer: with pipes, with nothing of our environment, and
//! not for ever.

use super::conversation::{self, Answer, Pipes};
use crate::external::ExternalText;
use crate::external::error::OwnWords;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a process whose pipes are closed is asked for its exit status.
const LOOK_FOR_EXIT: Duration = Duration::from_millis(2);
/// So many bytes in a row are no chance.
const REPEATED: usize = 8;

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
    let pipes = running.pipes().ok_or_else(|| io::Error::other(OwnWords("it has no pipes")))?;
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

/// A line of what it complained of; nothing of it where it repeats a part of the `secrets` that went in and out.
pub(super) fn sentence(line: &str, secrets: &[&[u8]]) -> ExternalText {
    let line = line.trim_end_matches('.');
    let of = |secret: &[u8], part: &[u8]| secret.windows(REPEATED).any(|of_secret| of_secret == part);
    let repeated = |part: &[u8]| secrets.iter().any(|secret| of(secret, part));
    if line.as_bytes().windows(REPEATED).any(repeated) {
        return ExternalText::new("what it said repeats its input or output, and is not shown");
    }
    ExternalText::new(line)
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
