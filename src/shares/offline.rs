//! Copies of shares that leave this machine, encrypted to those who will keep them, by a program over pipes and with an
//! environment of our own.
//!
//! Shares exist so that several people hold one each: with several recipients they are dealt in turn, each share to
//! one recipient and in a file of its own, and nobody gets them all. One recipient gets all of them, in one file.

use super::share::{LIMIT as OUTPUT_LIMIT, Share, ShareSet};
use super::store::write::Reserved;
use super::store::{Existing, StoreError};
use crate::explain::Explain;
use crate::external::{ExternalText, error, quote};
use crate::program;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};
use std::{fmt, io};
use zeroize::Zeroizing;

/// Characters of a share in hex, and its line's end.
const LINE: usize = 2 * 33 + 1;

/// Files for copies, each beside its place until there is something in it.
pub struct PreparedCopies(Vec<(Reserved, OfflineCopy)>);

/// One copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineCopy {
    /// The file.
    pub path: PathBuf,
    /// To whom it is encrypted.
    pub recipient: Recipient,
    /// Which shares are in it, counted from 1.
    pub shares: Vec<usize>,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// Nothing can be encrypted to this recipient.
    #[error("cannot encrypt to {0}: {1}")]
    Recipient(Recipient, EncryptError),
    /// The file cannot be written.
    #[error("an encrypted copy cannot be made: {0}")]
    File(StoreError),
}

/// Who gets which of `count` shares: the recipient's index, the shares counted from 1.
pub fn deal(count: usize, recipients: usize) -> Vec<(usize, Vec<usize>)> {
    match recipients {
        0 => Vec::new(),
        1 => vec![(0, (1..=count).collect())],
        several => (1..=count).map(|share| ((share - 1) % several, vec![share])).collect(),
    }
}

/// Does everything that can fail with a text that is nobody's share: finds the programs, encrypts to every recipient,
/// writes beside every file. Disk space stays reserved.
///
/// Blocks. Errors: a program, a recipient, the directory or the disk.
pub fn prepare(
    recipients: &[Recipient],
    count: usize,
    directory: &Path,
    existing: Existing,
) -> Result<PreparedCopies, OfflineError> {
    let trial = vec![b'#'; LINE * count];
    let trials: Vec<Vec<u8>> =
        recipients.iter().map(|recipient| encrypted(recipient, &trial)).collect::<Result<_, _>>()?;
    let mut copies = Vec::new();
    for (index, shares) in deal(count, recipients.len()) {
        let (Some(recipient), Some(sealed)) = (recipients.get(index), trials.get(index)) else { continue };
        let path = directory.join(name(recipient, &shares));
        let reserved = Reserved::beside(&path, existing, None).map_err(OfflineError::File)?;
        reserved.write(sealed).and_then(|()| reserved.keep_room()).map_err(OfflineError::File)?;
        copies.push((reserved, OfflineCopy { path, recipient: recipient.clone(), shares }));
    }
    Ok(PreparedCopies(copies))
}

impl PreparedCopies {
    /// Encrypts and writes every copy; `title` goes before the shares as a comment. When it fails some may be there.
    pub fn store(&mut self, shares: &ShareSet, title: &str) -> Result<Vec<OfflineCopy>, OfflineError> {
        let mut done = Vec::with_capacity(self.0.len());
        for (reserved, copy) in &mut self.0 {
            let chosen: Vec<&Share> =
                shares.iter().filter(|share| copy.shares.contains(&share.position())).collect();
            let sealed = encrypted(&copy.recipient, text(&chosen, title).as_bytes())?;
            reserved.write(&sealed).and_then(|()| reserved.take_place()).map_err(OfflineError::File)?;
            done.push(copy.clone());
        }
        Ok(done)
    }
}

fn encrypted(recipient: &Recipient, text: &[u8]) -> Result<Vec<u8>, OfflineError> {
    recipient.encrypt(text).map_err(|cause| OfflineError::Recipient(recipient.clone(), cause))
}

/// What is in a copy once it is decrypted: a share file of this program's, and easy to read for a person.
fn text(shares: &[&Share], title: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(title.len() + shares.len() * (LINE + 16) + 8));
    text.push_str("# ");
    text.push_str(title);
    text.push('\n');
    for share in shares {
        text.push_str("# share ");
        text.push_str(&share.position().to_string());
        text.push('\n');
        text.push_str(&share.hex());
        text.push('\n');
    }
    text
}

/// `shares.age`, `share-2.asc`.
fn name(recipient: &Recipient, shares: &[usize]) -> String {
    match shares {
        [one] => format!("share-{one}.{}", recipient.extension()),
        _ => format!("shares.{}", recipient.extension()),
    }
}

impl Explain for OfflineError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::Recipient(recipient, EncryptError::Missing(_)) => {
                let advice = format!("Install it: apt install {}", recipient.package());
                return ("recipient-program-missing", Some(advice.into()));
            }
            Self::Recipient(Recipient::Age(_), _) => {
                ("recipient", "A recipient is the line that `age-keygen` prints as public key.")
            }
            Self::Recipient(Recipient::Pgp(_), _) => (
                "recipient",
                "It must be the file of one public key that is not expired: gpg --export --armor NAME > FILE",
            ),
            Self::File(error) => {
                let (kind, advice) = error.kind_and_advice();
                let directory = match error {
                    StoreError::Occupied(_) => "Name another directory with --offline-dir.",
                    error if error.is_denied() => {
                        "Name a directory of your own with --offline-dir, or give the same command as root, with sudo."
                    }
                    StoreError::NotAFile(_) => "Name a directory with --offline-dir.",
                    _ => return (kind, advice),
                };
                (kind, directory)
            }
        };
        (kind, Some(advice.into()))
    }
}

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
                let mut arguments: Vec<&OsStr> = GPG.split(' ').map(OsStr::new).collect();
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

/// No keyring, no options and no agent of anybody's: the file says whose key it is, and giving it here says that it is
/// trusted.
const GPG: &str = "--homedir /nonexistent --no-options --no-keyring --no-random-seed-file --batch --no-tty --quiet \
                   --trust-model always --armor --recipient-file";
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
    let mut command = program::command(&find(program)?);
    command.args(arguments).env("PATH", PATH);
    let (status, answer) = program::ask(&mut command, text, OUTPUT_LIMIT, deadline)
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
    Some(program::sentence(line, &[given]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_what() {
        assert_eq!(deal(3, 1), [(0, vec![1, 2, 3])]);
        assert_eq!(deal(3, 3), [(0, vec![1]), (1, vec![2]), (2, vec![3])]);
        assert_eq!(deal(5, 2), [(0, vec![1]), (1, vec![2]), (0, vec![3]), (1, vec![4]), (0, vec![5])]);
        assert_eq!(deal(5, 0), []);
    }

    #[test]
    fn a_decrypted_copy_is_a_share_file_and_its_text_never_grew() {
        let shares: Vec<Share> = (1..=5)
            .map(|position| {
                let mut bytes = vec![7; 32];
                bytes.push(u8::try_from(position).unwrap());
                Share::new(&bytes, position).unwrap()
            })
            .collect();
        let chosen: Vec<&Share> = shares.iter().collect();
        let text = text(&chosen, "5 shares of a server");
        let room = "5 shares of a server".len() + 5 * (LINE + 16) + 8;
        assert!(text.len() <= room && text.capacity() == room, "a text that grew left a copy behind");
        let read =
            super::super::format::parse(text.as_bytes(), &crate::cluster::ShareSource::File("-".into()))
                .unwrap();
        assert_eq!(read.shares.count(), 5);
    }

    #[test]
    fn what_is_typed() {
        assert_eq!("age1qqq".parse(), Ok(Recipient::Age("age1qqq".to_owned())));
        assert_eq!("keys/anna.asc".parse(), Ok(Recipient::Pgp("keys/anna.asc".into())));
        assert_eq!("AGE-SECRET-KEY-1QQQ".parse::<Recipient>(), Err(RecipientError::SecretKey));
        assert_eq!("age1 --output x".parse::<Recipient>(), Err(RecipientError::Malformed));
        assert_eq!(" ".parse::<Recipient>(), Err(RecipientError::Empty));
    }
}
