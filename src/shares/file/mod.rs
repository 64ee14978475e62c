//! Shares in a file: opened without following a link, judged by its descriptor, and only then read.

mod refusal;
#[cfg(test)]
mod tests;
mod trust;

pub use refusal::FileRefusal;

use super::bounded;
use crate::accounts::User;
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use trust::Trust;
use zeroize::Zeroizing;

/// Reads the file if nobody but root and the running user can have written it, or can read it.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileRefusal> {
    read_as(path, Trust::of_this_process())
}

/// Reads the file whoever can write or read it, links followed.
pub(super) fn read_unjudged(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileRefusal> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let failed = |errno| open_failed(errno, Trust::of_this_process());
    let file = File::from(openat(CWD, path, flags, Mode::empty()).map_err(failed)?);
    match FileType::from_raw_mode(fstat(&file).map_err(failed)?.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(FileRefusal::Directory),
        _ => return Err(FileRefusal::NotRegular),
    }
    bounded::read(&file).map_err(|error| FileRefusal::Io { error })?.ok_or(FileRefusal::Oversized)
}

/// As [`read`], for a process of any user.
fn read_as(path: &Path, trust: Trust) -> Result<Zeroizing<Vec<u8>>, FileRefusal> {
    let path = &std::path::absolute(path).map_err(|error| FileRefusal::Io { error })?;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(FileRefusal::Directory);
    };
    let failed = |errno| open_failed(errno, trust);
    let directory = openat(CWD, parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(failed)?;
    let file = open(&directory, name).map_err(failed)?;
    let stat = fstat(&file).map_err(failed)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(FileRefusal::Directory),
        _ => return Err(FileRefusal::NotRegular),
    }
    trust.file(&stat)?;
    trust.way(parent)?;
    trust.ancestors(&directory, parent)?;
    bounded::read(&file).map_err(|error| FileRefusal::Io { error })?.ok_or(FileRefusal::Oversized)
}

/// Opens the directory of a file that is to be written, if nobody but root and the running user can exchange one there.
pub(super) fn directory(path: &Path) -> Result<OwnedFd, FileRefusal> {
    let trust = Trust::of_this_process();
    let directory = openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| open_failed(errno, trust))?;
    trust.way(path)?;
    trust.ancestors(&directory, path)?;
    Ok(directory)
}

/// Opens for reading without following a link, and without waiting for the other end of a fifo.
fn open(directory: &OwnedFd, name: &std::ffi::OsStr) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty()).map(File::from)
}

/// Why a file that a person names cannot be opened.
pub(super) fn not_opened(errno: Errno) -> FileRefusal {
    open_failed(errno, Trust::of_this_process())
}

fn open_failed(errno: Errno, trust: Trust) -> FileRefusal {
    match errno {
        Errno::NOENT => FileRefusal::Missing,
        Errno::LOOP => FileRefusal::Symlink,
        Errno::NOTDIR => FileRefusal::NotADirectory,
        Errno::ACCESS | Errno::PERM => FileRefusal::Denied { user: User::of(trust.user()) },
        // A socket, or a device without a driver.
        Errno::NXIO | Errno::NODEV => FileRefusal::NotRegular,
        other => FileRefusal::Io { error: other.into() },
    }
}
