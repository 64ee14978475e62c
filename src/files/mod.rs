//! Every file of this machine that is read: who may have written it, who may read it, and how it is read so that no
//! file can stall or starve this process. And the one way in which files are written: beside their place, to the disk, and
//! then into it (`atomic`).
//!
//! `read` is the way in: it follows the path by descriptors (`path`), judges each directory, link and the file
//! itself (`judgement`), and reads what is regular and within a limit, one thread at a time in a file (`bounded`).
//! Everything here blocks: the loop calls it through `tokio::task::spawn_blocking`, what runs before the loop through
//! `within`.
//!
//! systemd's credentials (systemd.exec(5)): where this process finds its own, and the file behind one, judged by its path:
//! systemd reads it as root, whoever else can read or write it.

mod atomic;
mod bounded;
mod judgement;
mod path;
mod refusal;

pub use atomic::replace_readable;
pub use bounded::{FileVersion, READ_LIMIT, Slow, read_bounded, within};
pub use judgement::Content;
pub use refusal::FileRefusal;

use crate::accounts::Trusted;
use bounded::{READING, Turn};
use judgement::Judge;
use path::{FoundPath, PLACE, absolute, find};
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::io::Errno;
use rustix::path::Arg;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub use atomic::replace;
pub(crate) use atomic::{ReplacementFile, WithoutModes, keep_room};
pub(crate) use bounded::{LARGEST, text};
pub(crate) use refusal::open_failed;

/// Reads a file if only those who are trusted can have written it, and if it is secret, can read it.
///
/// `limit` is in bytes, at most 1 MiB. What systemd put into `$CREDENTIALS_DIRECTORY` is read as it is.
pub fn read(
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
    let FoundPath { directory, name, refused, .. } =
        find(path, &judge).map_err(|stop| stop.into_refusal(&judge))?;
    // The directory is open, and its entry is not a link: what is opened is what was judged, or is judged here.
    let Some(name) = name else { return Err(FileRefusal::Directory) };
    // First: whoever can exchange the file is not kept from it by what is mended about the file itself.
    refused.map_or(Ok(()), Err)?;
    let file = openat(&directory, &name, READING.union(OFlags::NOFOLLOW), Mode::empty())
        .map_err(|errno| open_failed(errno, trusted))?;
    let stat = regular(&file, trusted)?;
    judge.file(&stat, &file, path)?;
    read_open(&file.into(), limit)
}

/// Where a file of the machine is found whose root directory is `root`.
pub fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
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
    read_at(directory, name, READING.union(OFlags::NOFOLLOW), limit)
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
    let FoundPath { directory, name, refused, .. } =
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
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            names.insert(path.join(name));
        }
    }
    Ok(names.into_iter().collect())
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
    let oversized = FileRefusal::Oversized(limit);
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

/// Whom the kernel names for users that this process cannot see (`/proc/sys/kernel/overflowuid`).
const UNSEEN: u32 = 65534;

/// Where systemd put this process's credentials; `None` when it was given none.
pub fn credentials_directory() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// What is known of the file behind a credential.
#[derive(Debug)]
pub enum SourceVerdict {
    /// Nobody else can get at what must be theirs.
    Good,
    /// There is none.
    Missing,
    /// It cannot be looked at from here; this is how far one gets.
    Unseen(PathBuf),
    /// Somebody else can.
    Refused(FileRefusal),
    /// Somebody else can get at this entry of the directory that it is.
    RefusedEntry(PathBuf, FileRefusal),
}

/// Judges the entries of a directory, and who may put others there; the first that is not as it must be counts.
fn judge_entries(directory: &OwnedFd, at: &Path, judge: &Judge<'_>) -> SourceVerdict {
    let io = |errno| SourceVerdict::Refused(open_failed(errno, judge.trusted));
    let stat = match fstat(directory) {
        Ok(stat) => stat,
        Err(errno) => return io(errno),
    };
    if let Err(refused) = judge.directory(&stat, directory, at, true) {
        return SourceVerdict::Refused(refused);
    }
    let listed = OFlags::DIRECTORY.union(OFlags::CLOEXEC);
    let entries = openat(directory, c".", listed, Mode::empty());
    let entries = match entries.and_then(Dir::new) {
        Ok(entries) => entries,
        // Closed to us, it stands for what is in it.
        Err(Errno::ACCESS) if judge.keeps_others_out(&stat, directory, at) => return SourceVerdict::Good,
        Err(Errno::ACCESS) => return SourceVerdict::Unseen(at.to_owned()),
        Err(errno) => return io(errno),
    };
    let place = PLACE.union(OFlags::NOFOLLOW);
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Ok(file) = openat(directory, name, place, Mode::empty()) else { continue };
        let Ok(stat) = fstat(&file) else { continue };
        let path = at.join(OsStr::from_bytes(name.to_bytes()));
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                if let Err(refused) = judge.file(&stat, &file, &path) {
                    return SourceVerdict::RefusedEntry(path, refused);
                }
            }
            FileType::Directory if name != c"." && name != c".." => {
                match judge_entries(&file, &path, judge) {
                    SourceVerdict::Good => {}
                    verdict => return verdict,
                }
            }
            // systemd leaves links out.
            _ => {}
        }
    }
    SourceVerdict::Good
}

/// Judges the file without opening it: a secret must not be readable by anybody else, anything else not writable.
///
/// Where it lies in a directory that cannot be looked into, that directory stands for it: closed to others, nobody gets
/// at what is in it. Blocks on the file system.
pub fn judge_source(path: &Path, content: Content, trusted: &Trusted) -> SourceVerdict {
    // Links of those who are trusted are fine: systemd follows them.
    let content = if content == Content::Shares { Content::PrivateKey } else { content };
    let judge = Judge::new(content, trusted).behind_credential();
    let unseen = |at: &Path| SourceVerdict::Unseen(at.to_owned());
    let Ok(path) = absolute(path) else { return unseen(path) };
    let Some(_turn) = Turn::take(&path) else { return unseen(&path) };
    let refused = match find(&path, &judge) {
        Ok(FoundPath { file: Some((file, stat)), refused, at, .. }) => {
            if stat.st_uid == UNSEEN {
                return unseen(&at);
            }
            refused.or(judge.file(&stat, &file, &at).err())
        }
        // All of its entries are loaded.
        Ok(FoundPath { directory, refused: None, at, .. }) => return judge_entries(&directory, &at, &judge),
        Ok(FoundPath { refused, .. }) => refused,
        Err(stop) => match (stop.refused, stop.errno) {
            (Some(refused), _) => Some(refused),
            (None, Errno::NOENT) => return SourceVerdict::Missing,
            (None, Errno::ACCESS) if stop.closed => None,
            (None, _) => return unseen(&stop.at),
        },
    };
    match refused {
        None => SourceVerdict::Good,
        Some(FileRefusal::DirectoryOwner { directory, owner, .. }) if owner.number() == UNSEEN => {
            SourceVerdict::Unseen(directory)
        }
        Some(refused) => SourceVerdict::Refused(refused),
    }
}
