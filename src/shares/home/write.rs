//! Writes a file at one stroke: beside it, to the disk, and then in its place.

use super::{Existing, HomeError};
use crate::accounts::Trusted;
use crate::files::{self, Content as Judged};
use crate::shares::LIMIT;
use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, fallocate, fchmod,
    flock, fsync, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// How much room is reserved, in bytes: more than any file of shares has.
const ROOM: u64 = LIMIT as u64;
/// What the names of files end in that are not in their place yet.
const UNFINISHED: &str = ".new";
/// How many names are tried; each is one of two billion.
const TRIES: usize = 8;

/// Whether what is written needs its file's mode and directory for protection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Secret,
    Ciphertext,
}

/// A file beside the one to be written, with mode 0600, locked and removed with this value.
pub(in crate::shares) struct Reserved {
    path: PathBuf,
    directory: OwnedFd,
    name: OsString,
    beside: OsString,
    file: File,
    existing: Existing,
    placed: bool,
}

impl Reserved {
    /// Judges the directory by the rules for share files, and makes the file in it.
    pub(super) fn beside(path: &Path, existing: Existing) -> Result<Self, HomeError> {
        Self::make(path, existing, Content::Secret)
    }

    /// The same for what is no secret, being encrypted already: in any directory, such as that of a stick that belongs
    /// to somebody and whose file system knows no modes.
    pub(in crate::shares) fn for_ciphertext(path: &Path, existing: Existing) -> Result<Self, HomeError> {
        Self::make(path, existing, Content::Ciphertext)
    }

    fn make(path: &Path, existing: Existing, content: Content) -> Result<Self, HomeError> {
        let failed = |doing, error: io::Error| HomeError::Io { path: path.to_owned(), doing, error };
        let absolute = std::path::absolute(path).map_err(|error| failed("find", error))?;
        let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(HomeError::NotAFile { path: path.to_owned() });
        };
        make(parent).map_err(|error| HomeError::NoDirectory { directory: parent.to_owned(), error })?;
        let directory = match content {
            Content::Secret => files::directory(parent, Judged::Shares, &Trusted::default())
                .map_err(|cause| HomeError::Directory { path: path.to_owned(), cause })?,
            Content::Ciphertext => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                openat(CWD, parent, flags, Mode::empty()).map_err(|errno| failed("find", errno.into()))?
            }
        };
        match statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                return Err(HomeError::NotAFile { path: path.to_owned() });
            }
            Ok(_) if existing == Existing::Keep => {
                return Err(HomeError::Occupied { path: path.to_owned() });
            }
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed("look at", errno.into())),
        }
        remove_unfinished(&directory, parent, name);
        let (beside, file) =
            create(&directory, name, content).map_err(|error| failed("write beside", error))?;
        let (path, name) = (path.to_owned(), name.to_owned());
        Ok(Self { path, directory, name, beside, file, existing, placed: false })
    }

    /// Where the file is until it takes its place.
    pub(super) fn path(&self) -> PathBuf {
        self.path.with_file_name(&self.beside)
    }

    /// Whether the file has taken its place.
    pub(in crate::shares) fn in_place(&self) -> bool {
        self.placed
    }

    /// Writes these bytes, and no others, to the disk.
    pub(in crate::shares) fn write(&self, bytes: &[u8]) -> Result<(), HomeError> {
        let written = self.file.write_all_at(bytes, 0);
        let cut = written.and_then(|()| self.file.set_len(bytes.len() as u64));
        cut.and_then(|()| self.file.sync_all()).map_err(|error| self.failed("write", error))
    }

    /// What was written.
    pub(super) fn read(&self) -> Result<Zeroizing<Vec<u8>>, HomeError> {
        let again = openat(&self.directory, &self.beside, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let bytes =
            again.map_err(io::Error::from).and_then(|file| files::read_bounded(&File::from(file), LIMIT));
        bytes
            .and_then(|bytes| bytes.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge)))
            .map_err(|error| self.failed("read back", error))
    }

    /// Reserves as much room on the disk as the largest file takes.
    pub(in crate::shares) fn keep_room(&self) -> Result<(), HomeError> {
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, ROOM) {
            // Not every file system can.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(errno) => Err(self.failed("reserve room for", errno.into())),
        }
    }

    /// Puts the file in its place, for good.
    pub(in crate::shares) fn take_place(&mut self) -> Result<(), HomeError> {
        if !self.placed {
            self.rename().map_err(|errno| match errno {
                Errno::EXIST => HomeError::Occupied { path: self.path.clone() },
                errno => self.failed("put in its place", errno.into()),
            })?;
            self.placed = true;
        }
        // The name too must survive a power cut.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let written =
            openat(&self.directory, c".", flags, Mode::empty()).and_then(|directory| fsync(&directory));
        written.map_err(|errno| self.failed("write the directory of", errno.into()))
    }

    fn rename(&self) -> Result<(), Errno> {
        let (from, to) = (&self.beside, &self.name);
        if self.existing == Existing::Replace {
            return renameat(&self.directory, from, &self.directory, to);
        }
        match renameat_with(&self.directory, from, &self.directory, to, RenameFlags::NOREPLACE) {
            // A file system that cannot.
            Err(Errno::INVAL | Errno::NOSYS) => {
                match statat(&self.directory, to, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(_) => Err(Errno::EXIST),
                    Err(_) => renameat(&self.directory, from, &self.directory, to),
                }
            }
            result => result,
        }
    }

    fn failed(&self, doing: &'static str, error: io::Error) -> HomeError {
        HomeError::Io { path: self.path.clone(), doing, error }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.placed {
            let _ = unlinkat(&self.directory, &self.beside, AtFlags::empty());
        }
    }
}

/// Makes the directory if only its last part is missing. Everybody may look into it: the configuration lies there too.
fn make(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o755).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => match directory.metadata() {
            Ok(_) => Ok(()),
            Err(_) => Err(error),
        },
        _ => Ok(()),
    }
}

/// A file that did not exist, locked, with mode 0600 whatever the umask.
fn create(directory: &OwnedFd, name: &OsStr, content: Content) -> io::Result<(OsString, File)> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut tries = 0;
    loop {
        let beside = unfinished(name, &format!("{:08x}", fastrand::u32(..)));
        match openat(directory, &beside, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => {
                flock(&file, FlockOperation::NonBlockingLockExclusive)?;
                match fchmod(&file, Mode::RUSR | Mode::WUSR) {
                    Err(Errno::PERM) if content == Content::Ciphertext => {}
                    result => result?,
                }
                return Ok((beside, file.into()));
            }
            Err(Errno::EXIST) if tries < TRIES => tries += 1,
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// `.shares.json.RANDOM.new`.
fn unfinished(name: &OsStr, random: &str) -> OsString {
    let mut unfinished = OsString::from(".");
    unfinished.push(name);
    unfinished.push(".");
    unfinished.push(random);
    unfinished.push(UNFINISHED);
    unfinished
}

/// Removes what a process left that was killed at this work: nobody holds its lock any more.
fn remove_unfinished(directory: &OwnedFd, path: &Path, name: &OsStr) {
    let (head, tail) = (unfinished(name, ""), UNFINISHED.as_bytes());
    let head = head.as_bytes().strip_suffix(tail).unwrap_or_default();
    let names = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let left = names.filter(|name| {
        let random = name.as_bytes().strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
        random.is_some_and(|random| random.len() == 8 && random.iter().all(u8::is_ascii_hexdigit))
    });
    for name in left {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = openat(directory, &name, flags, Mode::empty()) else { continue };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = unlinkat(directory, &name, AtFlags::empty());
        }
    }
}
