//! Runs a program that encrypts, over pipes, with an environment of our own.

use crate::external::{ExternalText, error};
use crate::shares::{self, child};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where programs are looked for. Never in a PATH that somebody else set.
const DIRECTORIES: [&str; 3] = ["/usr/bin", "/bin", "/usr/local/bin"];
/// Where the programs look for theirs, such as the plugins of age.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Why there is no ciphertext. Never carries a byte of a share.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramTrouble {
    /// It is not installed.
    #[error("there is no program {0} here")]
    Missing(&'static str),
    /// It cannot be started, or its pipes failed.
    #[error("{program} cannot be used: {}", error::io(error))]
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
        said: ExternalText,
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
    let mut command = child::command(&find(program)?);
    command.args(arguments).env("PATH", PATH);
    let (status, answer) = child::ask(&mut command, text, shares::LIMIT, deadline)
        .map_err(failed)?
        .ok_or(ProgramTrouble::Timeout(program))?;
    if !status.success() {
        let said = first_line(&answer.complaint, text)
            .unwrap_or_else(|| ExternalText::new(format!("it ended with {status}")));
        return Err(ProgramTrouble::Refused { program, said });
    }
    let sealed = answer.output.map(|mut output| std::mem::take(&mut *output)).unwrap_or_default();
    let in_clear = sealed.is_empty() || sealed.windows(text.len().max(1)).any(|part| part == text);
    if in_clear { Err(ProgramTrouble::Strange(program)) } else { Ok(sealed) }
}

fn find(program: &'static str) -> Result<PathBuf, ProgramTrouble> {
    let mut places = DIRECTORIES.iter().map(|directory| Path::new(directory).join(program));
    places.find(|path| path.exists()).ok_or(ProgramTrouble::Missing(program))
}

/// The first line that says something, without the program's name, fit for a terminal.
fn first_line(complaint: &[u8], given: &[u8]) -> Option<ExternalText> {
    let text = String::from_utf8_lossy(complaint);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line = ["age: ", "gpg: ", "error: "]
        .iter()
        .fold(line, |line, label| line.strip_prefix(label).unwrap_or(line));
    Some(child::sentence(line, &[given]))
}
