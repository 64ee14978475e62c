//! Runs a program that encrypts, over pipes, with an environment of our own.

use crate::shares::{bounded, conversation, quote};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where programs are looked for. Never in a PATH that somebody else set.
const DIRECTORIES: [&str; 3] = ["/usr/bin", "/bin", "/usr/local/bin"];
/// Where the programs look for theirs, such as the plugins of age.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How often a process whose pipes are closed is asked for its exit status.
const LOOK_FOR_EXIT: Duration = Duration::from_millis(2);

/// Why there is no ciphertext. Never carries a byte of a share.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramTrouble {
    /// It is not installed.
    #[error("there is no program {0} here")]
    Missing(&'static str),
    /// It cannot be started, or its pipes failed.
    #[error("{program} cannot be used: {error}")]
    Io {
        /// Which.
        program: &'static str,
        /// What the operating system said.
        error: io::Error,
    },
    /// It did not end in time.
    #[error("{0} did not end within {limit}", limit = humantime::format_duration(LIMIT))]
    Timeout(&'static str),
    /// It refused.
    #[error("{program} refuses: {said}")]
    Refused {
        /// Which.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// It said nothing, and wrote nothing or what it was given.
    #[error("{0} did not encrypt")]
    Strange(&'static str),
}

/// Lets `program` with these arguments encrypt `text`; the ciphertext.
pub(super) fn encrypt(
    program: &'static str,
    arguments: &[&std::ffi::OsStr],
    text: &[u8],
) -> Result<Vec<u8>, ProgramTrouble> {
    let deadline = Instant::now() + LIMIT;
    let failed = |error| ProgramTrouble::Io { program, error };
    let mut child = Command::new(find(program)?)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("PATH", PATH)
        .current_dir("/")
        // Ctrl-C is for whoever started it: what that one holds must not get lost here.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(Running)
        .map_err(failed)?;
    let Some(pipes) = child.pipes() else { return Err(ProgramTrouble::Strange(program)) };
    let answer = conversation::hold(pipes, text, bounded::LIMIT, deadline)
        .map_err(failed)?
        .ok_or(ProgramTrouble::Timeout(program))?;
    loop {
        match child.0.try_wait().map_err(failed)? {
            Some(status) if status.success() => break,
            Some(status) => {
                let said = first_line(&answer.complaint).unwrap_or_else(|| format!("it ended with {status}"));
                return Err(ProgramTrouble::Refused { program, said });
            }
            None if Instant::now() >= deadline => return Err(ProgramTrouble::Timeout(program)),
            None => std::thread::sleep(LOOK_FOR_EXIT),
        }
    }
    let sealed = answer.output.map(|mut output| std::mem::take(&mut *output)).unwrap_or_default();
    let in_clear = sealed.is_empty() || sealed.windows(text.len().max(1)).any(|part| part == text);
    if in_clear { Err(ProgramTrouble::Strange(program)) } else { Ok(sealed) }
}

fn find(program: &'static str) -> Result<PathBuf, ProgramTrouble> {
    let mut places = DIRECTORIES.iter().map(|directory| Path::new(directory).join(program));
    places.find(|path| path.exists()).ok_or(ProgramTrouble::Missing(program))
}

/// The process; killed when dropped before its end was seen.
struct Running(Child);

impl Running {
    fn pipes(&mut self) -> Option<conversation::Pipes> {
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

/// The first line that says something, without the program's name, fit for a terminal.
fn first_line(complaint: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(complaint);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line = ["age: ", "gpg: ", "error: "]
        .iter()
        .fold(line, |line, label| line.strip_prefix(label).unwrap_or(line));
    Some(quote::sentence(Path::new(line.trim_end_matches('.'))))
}
