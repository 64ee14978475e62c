//! Every file of this machine that is read: who may have written it, who may read it, and how it is read so that no
//! file can stall or starve this process. And the one way in which files are written: beside their place, to the disk, and
//! then into it (`atomic`).
//!
//! `read` is the way in: it follows the path by descriptors (`path`), judges each directory, link and the file
//! itself (`judgement`), and reads what is regular and within a limit, one thread at a time in a file (`bounded`).
//! Everything here blocks: the loop calls it through `tokio::task::spawn_blocking`, what runs before the loop through
//! `within`.

mod atomic;
mod bounded;
mod credential;
mod judgement;
mod path;
mod refusal;

pub use bounded::{FileVersion, READ_LIMIT, Slow, within};
pub use credential::{SourceVerdict, credentials_directory, judge_source};
pub use judgement::Content;
pub use refusal::FileRefusal;

pub(crate) use atomic::{ReplacementFile, WithoutModes, keep_room, replace};
pub(crate) use bounded::{LARGEST, read_bounded, text};
pub(crate) use refusal::open_failed;

use crate::accounts::Trusted;
use bounded::{READING, Turn};
use judgement::Judge;
use path::{Found, absolute, find};
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::path::Arg;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Reads a file if only those who are trusted can have written it, and if it is secret, can read it.
///
/// `limit` is in bytes, at most [`LARGEST`]. What systemd put into `$CREDENTIALS_DIRECTORY` is read as it is.
pub(crate) fn read(
    path: &Path,
    content: Content,
    trusted: &Trusted,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, FileRefusal> {
    let path = &absolute(path)?;
    if is_credential(path) {
        return read_unjudged(path, limit);
    }
    let _turn = turn(path)?;
    let judge = Judge::new(content, trusted);
    let Found { directory, name, refused, .. } =
        find(path, &judge).map_err(|stop| stop.into_refusal(&judge))?;
    // The directory is open, and its entry is not a link: what is opened is what was judged, or is judged here.
    let Some(name) = name else { return Err(FileRefusal::Directory) };
    // First: whoever can exchange the file is not kept from it by what is mended about the file itself.
    refused.map_or(Ok(()), Err)?;
    let file = openat(&directory, &name, READING | OFlags::NOFOLLOW, Mode::empty())
        .map_err(|errno| open_failed(errno, trusted))?;
    let stat = regular(&file, trusted)?;
    judge.file(&stat, &file, path)?;
    read_open(&file.into(), limit)
}

/// Reads a file whoever can write or read it, links followed.
pub(crate) fn read_unjudged(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileRefusal> {
    let _turn = turn(&absolute(path)?)?;
    read_at(CWD, path, READING, limit)
}

/// Reads a file of an open directory, which is judged already. A link is not followed.
pub(crate) fn read_in(
    directory: &OwnedFd,
    name: &str,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, FileRefusal> {
    read_at(directory, name, READING | OFlags::NOFOLLOW, limit)
}

fn read_at(
    directory: impl AsFd,
    path: impl Arg,
    flags: OFlags,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, FileRefusal> {
    let trusted = &Trusted::without_servers();
    let file = openat(directory, path, flags, Mode::empty()).map_err(|errno| open_failed(errno, trusted))?;
    regular(&file, trusted)?;
    read_open(&file.into(), limit)
}

/// The directory of a file that is to be written, open, if nobody but those who are trusted can exchange one there.
pub(crate) fn directory(path: &Path, content: Content, trusted: &Trusted) -> Result<OwnedFd, FileRefusal> {
    let path = &absolute(path)?;
    let _turn = turn(path)?;
    let judge = Judge::new(content, trusted);
    let Found { directory, name, refused, .. } =
        find(path, &judge).map_err(|stop| stop.into_refusal(&judge))?;
    if name.is_some() {
        return Err(FileRefusal::NotADirectory);
    }
    refused.map_or(Ok(directory), Err)
}

/// What is in a directory whose entries are all read, in the order of their names, without hidden entries, which editors
/// and package tools leave behind. Nobody else may put a file there: a sticky directory will not do.
pub(crate) fn entries(path: &Path, content: Content, trusted: &Trusted) -> Result<Vec<PathBuf>, FileRefusal> {
    let absolute = absolute(path)?;
    if !is_credential(&absolute) {
        let opened = directory(path, content, trusted)?;
        let stat = fstat(&opened).map_err(|errno| open_failed(errno, trusted))?;
        Judge::new(content, trusted).directory(&stat, &opened, path, true)?;
    }
    let _turn = turn(&absolute)?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            names.push(path.join(name));
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a path lies in the directory in which systemd hands its credentials to this process alone (systemd.exec(5)).
/// systemd grants by access control lists there: owner and mode are its business.
fn is_credential(path: &Path) -> bool {
    let upwards = path.components().any(|part| part == std::path::Component::ParentDir);
    !upwards && credentials_directory().is_some_and(|directory| path.starts_with(directory))
}

fn regular(file: &OwnedFd, trusted: &Trusted) -> Result<Stat, FileRefusal> {
    let stat = fstat(file).map_err(|errno| open_failed(errno, trusted))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat),
        FileType::Directory => Err(FileRefusal::Directory),
        _ => Err(FileRefusal::NotRegular),
    }
}

/// Reads an open file to its end, whatever it is.
pub(crate) fn read_open(file: &File, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileRefusal> {
    let oversized = FileRefusal::Oversized { limit };
    // Nothing of it is read; what grows meanwhile is cut below.
    if usize::try_from(file.metadata()?.len()).is_ok_and(|size| size > limit) {
        return Err(oversized);
    }
    read_bounded(file, limit)?.ok_or(oversized)
}

/// The right to be in the file at this absolute path.
fn turn(path: &Path) -> Result<Turn, FileRefusal> {
    Turn::take(path).ok_or(FileRefusal::Busy)
}

#[cfg(test)]
mod tests;
