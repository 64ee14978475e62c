//! Reads shares: from their source, day after day; or those that are handed over once, to be kept elsewhere from now
//! on, by a person, or by a server that has just got its keys, in its answer to `PUT /v1/sys/init`.
//!
//! The rules for share files are for what the daemon trusts day after day. What a person hands over once may be anybody's
//! and may lie anywhere; that others could read it is told, not refused, for refusing would not make it unread.

pub use super::source::STANDARD_INPUT;

use super::error::ShareError;
use super::format::{self, ContentRefusal};
use super::share::{LIMIT, ShareSet};
use super::source::{LoadedShares, Notice, ShareSource};
use super::{credential, socket, tpm};
use crate::accounts::Trusted;
use crate::cluster::Scheme;
use crate::files::{self, Content, FileRefusal, FileVersion};
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat};
use secrecy::{SecretBox, SecretString};
use serde::Deserialize;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

const READABLE_BY_OTHERS: u32 = 0o004;
const READABLE_BY_GROUP: u32 = 0o040;

/// A file, a pipe or standard input, open.
pub struct Given {
    path: PathBuf,
    file: File,
    regular: bool,
    mode: u32,
}

impl Given {
    /// Opens a file, or a fifo such as a shell's `<(…)`. Links are followed: the person named it.
    pub fn open(path: &Path) -> Result<Self, ShareError> {
        Self::opened(path).map_err(ShareError::of_file(path))
    }

    fn opened(path: &Path) -> Result<Self, FileRefusal> {
        // A file that is a terminal must not become ours.
        let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
        // A person waits for it: a fifo's other end may take its time, and nothing else runs here.
        let file = openat(CWD, path, flags, Mode::empty())
            .map_err(|errno| files::open_failed(errno, &Trusted::without_servers()))?;
        let stat: Stat = fstat(&file).map_err(io::Error::from)?;
        let regular = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => true,
            FileType::Fifo => false,
            FileType::Directory => return Err(FileRefusal::Directory),
            _ => return Err(FileRefusal::NotRegular),
        };
        Ok(Self { path: path.to_owned(), file: file.into(), regular, mode: stat.st_mode & 0o7777 })
    }

    /// Standard input, whatever it is.
    pub fn standard_input() -> Result<Self, ShareError> {
        let path = Path::new(STANDARD_INPUT);
        let copy = io::stdin().as_fd().try_clone_to_owned().map_err(FileRefusal::from);
        let file = copy.map_err(ShareError::of_file(path))?.into();
        Ok(Self { path: path.to_owned(), file, regular: false, mode: 0 })
    }

    /// Reads to the end and finds the shares.
    pub fn read(&self) -> Result<LoadedShares, ShareError> {
        let bytes = files::read_open(&self.file, LIMIT).map_err(ShareError::of_file(&self.path))?;
        text(&bytes, &self.path)
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, if it is one and not a pipe.
    pub fn regular(&self) -> Option<&File> {
        self.regular.then_some(&self.file)
    }

    /// The permission bits, if they let others than its owner read it.
    pub fn exposed(&self) -> Option<u32> {
        let exposing = READABLE_BY_OTHERS | READABLE_BY_GROUP;
        (self.regular && self.mode & exposing != 0).then_some(self.mode)
    }
}

/// Finds the shares in a text that is in memory already: typed, or a server's answer. `origin` names it in messages.
pub fn text(text: &[u8], origin: &Path) -> Result<LoadedShares, ShareError> {
    ShareSource::File(origin.to_owned()).parse(text)
}

/// What a server hands out once in its life. No Debug, Clone or Serialize.
pub struct InitAnswer {
    /// All its shares, in its order.
    pub shares: ShareSet,
    /// The root token; `None` from a server that gives none.
    pub root_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    /// Borrowed: an escape, which no token has, would be resolved in memory that does not wipe itself.
    #[serde(borrow)]
    root_token: Option<&'a str>,
}

impl InitAnswer {
    /// Reads the body, which does not say how the key is split: `asked` is what the server was asked for, if that is known
    /// for certain. Errors: there are no shares in it that a server would take.
    pub fn parse(body: &[u8], asked: Option<Scheme>) -> Result<Self, ContentRefusal> {
        // Names the answer in messages only.
        let origin = ShareSource::File("the server's answer".into());
        let shares = format::parse(body, &origin)?.shares.of_scheme(asked);
        let wire: Option<Wire<'_>> = serde_json::from_slice(body).ok();
        let root_token = wire.and_then(|wire| wire.root_token).filter(|token| !token.is_empty());
        // In a box of its final size: a `String` with more room would be moved into one, and leave a copy behind.
        let root_token = root_token.map(|token| SecretBox::new(Box::from(token)));
        Ok(Self { shares, root_token })
    }
}

/// What looks at files and the end of the helper may take beside the TPM or the service.
const GRACE: Duration = Duration::from_secs(2);

impl ShareSource {
    /// Reads, checks and parses the source, which may be those accounts' that are trusted. Blocks on the file system,
    /// the TPM, or whoever gives them: call it off the loop, within a runtime.
    pub fn load(&self, trusted: &Trusted) -> Result<LoadedShares, ShareError> {
        let bytes = match self {
            Self::File(path) => {
                files::read(path, Content::Shares, trusted, LIMIT).map_err(ShareError::of_file(path))?
            }
            Self::Credential(name) => credential::read(credential::directory().as_deref(), name)
                .map_err(|cause| ShareError::Credential(name.clone(), cause))?,
            Self::Socket(path) => {
                socket::read(path).map_err(|cause| ShareError::Socket(path.clone(), cause))?
            }
            Self::Tpm2 { path, tcti } => {
                tpm::open(&tpm::SealedFile::configured(path), tcti.as_deref(), trusted)?
            }
        };
        match self.parse(&bytes) {
            Err(ShareError::Content(Self::Credential(name), ContentRefusal::Empty)) => {
                let made_from = credential::made_from(&name);
                Err(ShareError::EmptyCredential(name, made_from))
            }
            loaded => loaded,
        }
    }

    /// Finds the shares in a text that it gave.
    pub(super) fn parse(&self, text: &[u8]) -> Result<LoadedShares, ShareError> {
        format::parse(text, self).map_err(|cause| ShareError::Content(self.clone(), cause))
    }

    /// Reads and parses a file of shares whoever owns it and can read it, as systemd does when it makes a credential.
    ///
    /// For telling what the service gets; shares to submit come through [`ShareSource::load`].
    pub fn load_unjudged(path: &Path) -> Result<LoadedShares, ShareError> {
        let bytes = files::read_unjudged(path, LIMIT).map_err(ShareError::of_file(path))?;
        Self::File(path.to_owned()).parse(&bytes)
    }

    /// What can be proved of the source at once: all of it, or of a sealed file that it is one and may be trusted. Neither the
    /// TPM nor a service behind a socket is asked: they may be slow, or come later than we do. Tells how many shares were read.
    pub fn prove(&self, trusted: &Trusted) -> Result<(Option<usize>, Vec<Notice>), ShareError> {
        match self {
            Self::Tpm2 { path, .. } => {
                tpm::look(&tpm::SealedFile::configured(path), trusted).map(|_| (None, Vec::new()))
            }
            Self::Socket(_) => Ok((None, Vec::new())),
            Self::File(_) | Self::Credential(_) => {
                self.load(trusted).map(|loaded| (Some(loaded.shares.count()), loaded.notices))
            }
        }
    }

    /// How long [`ShareSource::load`] may take at the most, where a request may take `request`.
    pub fn limit(&self, request: Duration) -> Duration {
        match self {
            // Who waits for the TPM ends by itself, and knows more than that it was slow.
            Self::Tpm2 { .. } => tpm::TURN_LIMIT + tpm::OPEN_LIMIT + GRACE,
            // So does who waits for a service.
            Self::Socket(_) => socket::GIVEN_WITHIN + GRACE,
            Self::File(_) | Self::Credential(_) => request,
        }
    }

    /// The source's current version; `None` while it cannot be looked at.
    pub fn version(&self) -> Option<FileVersion> {
        let path = match self {
            Self::File(path) | Self::Socket(path) => path.clone(),
            Self::Credential(name) => credential::directory()?.join(name),
            Self::Tpm2 { path, .. } => tpm::SealedFile::configured(path).location(),
        };
        FileVersion::of(&path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::fs;

    #[test]
    fn shares_and_token_of_an_answer() {
        let (one, two) = ("ab".repeat(32) + "01", "cd".repeat(32) + "02");
        let body = format!(r#"{{"keys":["{one}","{two}"],"root_token":"s.abc"}}"#);
        let answer = InitAnswer::parse(body.as_bytes(), None).unwrap();
        let shares: Vec<_> = answer.shares.iter().map(|share| share.hex().to_string()).collect();
        assert_eq!(shares, [one, two]);
        assert_eq!(answer.root_token.unwrap().expose_secret(), "s.abc");
        // The shares count more than a token that is not there.
        let body = format!(r#"{{"keys":["{}"]}}"#, "ab".repeat(32));
        assert!(InitAnswer::parse(body.as_bytes(), None).unwrap().root_token.is_none());
        assert!(InitAnswer::parse(br#"{"root_token":"s.abc"}"#, None).is_err());
        assert!(InitAnswer::parse(b"<html>", None).is_err());
    }

    #[test]
    fn a_version_changes_with_every_way_to_change_a_file() {
        let directory = crate::testing::directory();
        let path = directory.path().join("shares");
        let source = ShareSource::File(path.clone());
        assert_eq!(source.version(), None);

        fs::write(&path, "one").unwrap();
        let written = source.version();
        assert!(written.is_some());
        assert_eq!(source.version(), written, "nothing changed");

        fs::write(&path, "longer").unwrap();
        let rewritten = source.version();
        assert_ne!(rewritten, written, "another size");

        // Same size, same time, another file: what `mv new old` does after `cp -p`.
        let copy = directory.path().join("copy");
        fs::write(&copy, "LONGER").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&copy).unwrap().set_modified(time).unwrap();
        fs::rename(&copy, &path).unwrap();
        assert_ne!(source.version(), rewritten, "another inode");

        fs::remove_file(&path).unwrap();
        assert_eq!(source.version(), None);
    }
}
