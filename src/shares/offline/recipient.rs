//! To whom a copy is encrypted, and the program that does it, over pipes and with an environment of our own.

use crate::external::{ExternalText, error, quote};
use crate::shares::child;
use crate::shares::share::LIMIT as OUTPUT_LIMIT;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};
use std::{fmt, io};

/// What recipients of age begin with (C2SP age, section X25519; plugins too).
const AGE: &str = "age1";

/// Somebody who keeps shares elsewhere, known by a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// A recipient of age(1).
    Age(String),
    /// A file with an OpenPGP public key, armoured or not, for gpg(1).
    Pgp(PathBuf),
}

/// Not a recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// The secret half.
    #[error("that is a secret key: give its public half, which begins with age1")]
    SecretKey,
    /// Nothing.
    #[error("it is empty")]
    Empty,
    /// Begins like one of age's and goes on otherwise.
    #[error("a recipient of age has lower-case letters and digits only")]
    Malformed,
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        let text = text.trim();
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err(RecipientError::SecretKey);
        }
        if text.is_empty() {
            return Err(RecipientError::Empty);
        }
        // A file of that name would be ./age1…
        if !text.starts_with(AGE) {
            return Ok(Self::Pgp(PathBuf::from(text)));
        }
        let plain =
            text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if plain { Ok(Self::Age(text.to_owned())) } else { Err(RecipientError::Malformed) }
    }
}

impl Recipient {
    /// What the names of files for it end in.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::Age(_) => "age",
            Self::Pgp(_) => "asc",
        }
    }

    /// The Debian package that encrypts for it.
    pub(super) fn package(&self) -> &'static str {
        match self {
            Self::Age(_) => "age",
            Self::Pgp(_) => "gnupg",
        }
    }

    /// Encrypts; text that can be printed. Public keys alone are among the arguments.
    pub(super) fn encrypt(&self, text: &[u8]) -> Result<Vec<u8>, EncryptError> {
        match self {
            Self::Age(recipient) => {
                run("age", &["--encrypt", "--armor", "--recipient", recipient].map(OsStr::new), text)
            }
            Self::Pgp(path) => {
                // The program runs in another directory.
                let path = std::path::absolute(path).map_err(|error| EncryptError::Io("gpg", error))?;
                // No keyring, no options and no agent of anybody's: the file says whose key it is, and giving it here
                // says that it is trusted.
                let mut arguments: Vec<&OsStr> = [
                    "--homedir",
                    "/nonexistent",
                    "--no-options",
                    "--no-keyring",
                    "--no-random-seed-file",
                    "--batch",
                    "--no-tty",
                    "--quiet",
                    "--trust-model",
                    "always",
                    "--armor",
                    "--recipient-file",
                ]
                .map(OsStr::new)
                .to_vec();
                arguments.extend([path.as_os_str(), OsStr::new("--encrypt")]);
                run("gpg", &arguments, text)
            }
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age(recipient) => f.write_str(recipient),
            Self::Pgp(path) => f.write_str(&quote::sentence(Path::new(path))),
        }
    }
}

/// Where programs are looked for. Never in a PATH that somebody else set.
const DIRECTORIES: [&str; 3] = ["/usr/bin", "/bin", "/usr/local/bin"];
/// Where the programs look for theirs, such as the plugins of age.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Why there is no ciphertext. Never carries a byte of a share.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// It is not installed.
    #[error("there is no program {0} here")]
    Missing(&'static str),
    /// It cannot be started, or its pipes failed.
    #[error("{} cannot be used: {}", .0, error::io(.1))]
    Io(&'static str, io::Error),
    /// It did not end in time.
    #[error("{0} did not end within {limit}", limit = humantime::format_duration(LIMIT))]
    Timeout(&'static str),
    /// It refused.
    #[error("{0} refuses: {1}")]
    Refused(&'static str, ExternalText),
    /// It said nothing, and wrote nothing or what it was given.
    #[error("{0} did not encrypt")]
    Strange(&'static str),
}

/// Lets `program` with these arguments encrypt `text`; the ciphertext.
fn run(program: &'static str, arguments: &[&std::ffi::OsStr], text: &[u8]) -> Result<Vec<u8>, EncryptError> {
    let deadline = Instant::now() + LIMIT;
    let failed = |error| EncryptError::Io(program, error);
    let mut command = child::command(&find(program)?);
    command.args(arguments).env("PATH", PATH);
    let (status, answer) = child::ask(&mut command, text, OUTPUT_LIMIT, deadline)
        .map_err(failed)?
        .ok_or(EncryptError::Timeout(program))?;
    if !status.success() {
        let said = first_line(&answer.stderr, text)
            .unwrap_or_else(|| ExternalText::new(format!("it ended with {status}")));
        return Err(EncryptError::Refused(program, said));
    }
    let sealed = answer.stdout.map(|mut output| std::mem::take(&mut *output)).unwrap_or_default();
    let in_clear = sealed.is_empty() || sealed.windows(text.len().max(1)).any(|part| part == text);
    if in_clear { Err(EncryptError::Strange(program)) } else { Ok(sealed) }
}

fn find(program: &'static str) -> Result<PathBuf, EncryptError> {
    let mut places = DIRECTORIES.iter().map(|directory| Path::new(directory).join(program));
    places.find(|path| path.exists()).ok_or(EncryptError::Missing(program))
}

/// The first line that says something, without the program's name, fit for a terminal.
fn first_line(stderr: &[u8], given: &[u8]) -> Option<ExternalText> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line = ["age: ", "gpg: ", "error: "]
        .iter()
        .fold(line, |line, label| line.strip_prefix(label).unwrap_or(line));
    Some(child::sentence(line, &[given]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        assert_eq!("age1qqq".parse(), Ok(Recipient::Age("age1qqq".to_owned())));
        assert_eq!("keys/anna.asc".parse(), Ok(Recipient::Pgp("keys/anna.asc".into())));
        assert_eq!("AGE-SECRET-KEY-1QQQ".parse::<Recipient>(), Err(RecipientError::SecretKey));
        assert_eq!("age1 --output x".parse::<Recipient>(), Err(RecipientError::Malformed));
        assert_eq!(" ".parse::<Recipient>(), Err(RecipientError::Empty));
    }
}
