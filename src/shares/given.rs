//! Shares that are handed over once, to be kept elsewhere from now on: by a person, or by a server that has just got its keys,
//! in its answer to `PUT /v1/sys/init`.
//!
//! The rules for share files are for what the daemon trusts day after day. What a person hands over once may be anybody's
//! and may lie anywhere; that others could read it is told, not refused, for refusing would not make it unread.

use super::error::ShareError;
use super::format::{self, ContentRefusal};
use super::share::{LIMIT, ShareSet};
pub use super::source::STANDARD_INPUT;
use super::source::{Loaded, ShareSource};
use crate::accounts::Trusted;
use crate::cluster::Scheme;
use crate::files::{self, FileRefusal};
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat};
use secrecy::{SecretBox, SecretString};
use serde::Deserialize;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

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
    pub fn read(&self) -> Result<Loaded, ShareError> {
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
pub fn text(text: &[u8], origin: &Path) -> Result<Loaded, ShareError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

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
}
