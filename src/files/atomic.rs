//! A file under a random name beside the one whose place it takes: readers see the old one or the new one, whenever this
//! process or the machine stops.

use rustix::fs::{
    AtFlags, CWD, Dir, FallocateFlags, FlockOperation, Mode, OFlags, RenameFlags, fallocate, fchmod, flock,
    fsync, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What the names of files end in that are not in their place yet.
const UNFINISHED: &str = ".new";
/// How many names are tried; each is one of four billion.
const TRIES: usize = 8;

/// A file system without modes, as on a stick, and what is written to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WithoutModes {
    /// Is refused: the mode is what protects the content.
    Refused,
    /// Is good enough: the content needs no protection.
    Allowed,
}

/// The new file, of mode 0600, locked, and removed when dropped before it took its place.
pub(crate) struct ReplacementFile {
    directory: OwnedFd,
    target: OsString,
    name: OsString,
    file: File,
    placed: bool,
}

impl ReplacementFile {
    /// Makes the file in `directory`, beside the name `target`, and removes what a process left that was killed at this.
    pub(crate) fn beside(
        directory: OwnedFd,
        target: &OsStr,
        without_modes: WithoutModes,
    ) -> io::Result<Self> {
        remove_leftovers(&directory, target);
        let (name, file) = create(&directory, target, without_modes)?;
        Ok(Self { directory, target: target.to_owned(), name, file, placed: false })
    }

    /// Its name until it takes its place.
    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }

    /// Reserves room on the disk for so many bytes.
    pub(crate) fn keep_room(&self, bytes: usize) -> io::Result<()> {
        keep_room(&self.file, bytes)
    }

    /// Opens the file anew, to read what was written.
    pub(crate) fn reopen(&self) -> io::Result<File> {
        Ok(openat(&self.directory, &self.name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?.into())
    }

    /// Whether it has taken its place.
    pub(crate) fn in_place(&self) -> bool {
        self.placed
    }

    /// Writes these bytes, and no others, to the disk.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, 0)?;
        self.file.set_len(bytes.len() as u64)?;
        self.file.sync_all()
    }

    /// Puts it in its place, over whatever has that name.
    pub(crate) fn replace(&mut self) -> io::Result<()> {
        renameat(&self.directory, &self.name, &self.directory, &self.target)?;
        self.placed = true;
        Ok(())
    }

    /// Puts it in its place if nothing has that name: EEXIST otherwise.
    pub(crate) fn take_free_place(&mut self) -> io::Result<()> {
        let (from, to) = (&self.name, &self.target);
        match renameat_with(&self.directory, from, &self.directory, to, RenameFlags::NOREPLACE) {
            // A file system that cannot.
            Err(Errno::INVAL | Errno::NOSYS) => {
                match statat(&self.directory, to, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(_) => return Err(Errno::EXIST.into()),
                    Err(_) => renameat(&self.directory, from, &self.directory, to)?,
                }
            }
            result => result?,
        }
        self.placed = true;
        Ok(())
    }

    /// Writes the directory to the disk: the name too must survive a power cut.
    pub(crate) fn sync_directory(&self) -> io::Result<()> {
        Ok(fsync(readable(&self.directory)?)?)
    }
}

impl Drop for ReplacementFile {
    fn drop(&mut self) {
        if !self.placed {
            let _ = unlinkat(&self.directory, &self.name, AtFlags::empty());
        }
    }
}

/// Writes a file of mode 0600 atomically, over whatever has that name in `directory`.
pub fn replace(directory: OwnedFd, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut new = ReplacementFile::beside(directory, name.as_ref(), WithoutModes::Refused)?;
    new.write(bytes)?;
    new.replace()?;
    new.sync_directory()
}

/// The same for a file that everybody may read, of mode 0644 whatever the umask.
pub fn replace_readable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (parent, name) = (path.parent().filter(|parent| !parent.as_os_str().is_empty()), path.file_name());
    let name = name.ok_or(Errno::ISDIR)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, parent.unwrap_or(Path::new(".")), flags, Mode::empty())?;
    let mut new = ReplacementFile::beside(directory, name, WithoutModes::Allowed)?;
    new.write(bytes)?;
    match fchmod(&new.file, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH) {
        // A file system without modes.
        Ok(()) | Err(Errno::PERM) => {}
        Err(errno) => return Err(errno.into()),
    }
    new.replace()?;
    new.sync_directory()
}

/// Reserves room on the disk for so many bytes of a file.
pub(crate) fn keep_room(file: &File, bytes: usize) -> io::Result<()> {
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes as u64) {
        // Not every file system can.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// The same directory, opened for more than its path.
fn readable(directory: &OwnedFd) -> Result<OwnedFd, Errno> {
    openat(directory, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// A file that did not exist, locked, with mode 0600 whatever the umask.
fn create(directory: &OwnedFd, target: &OsStr, without_modes: WithoutModes) -> io::Result<(OsString, File)> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut tries = 0;
    loop {
        let name = unfinished(target, &format!("{:08x}", fastrand::u32(..)));
        match openat(directory, &name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => {
                flock(&file, FlockOperation::NonBlockingLockExclusive)?;
                match fchmod(&file, Mode::RUSR | Mode::WUSR) {
                    Err(Errno::PERM) if without_modes == WithoutModes::Allowed => {}
                    result => result?,
                }
                return Ok((name, file.into()));
            }
            Err(Errno::EXIST) if tries < TRIES => tries += 1,
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// `.shares.json.RANDOM.new`.
fn unfinished(target: &OsStr, random: &str) -> OsString {
    let mut name = OsString::from(".");
    name.push(target);
    name.push(".");
    name.push(random);
    name.push(UNFINISHED);
    name
}

/// Removes what a process left that was killed at this work: nobody holds its lock any more.
fn remove_leftovers(directory: &OwnedFd, target: &OsStr) {
    let (head, tail) = (unfinished(target, ""), UNFINISHED.as_bytes());
    let head = head.as_bytes().strip_suffix(tail).unwrap_or_default();
    let entries = readable(directory).and_then(Dir::new);
    let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name().to_bytes().to_vec());
    let left = names.filter(|name| {
        let random = name.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
        random.is_some_and(|random| random.len() == 8 && random.iter().all(u8::is_ascii_hexdigit))
    });
    for name in left.map(OsString::from_vec) {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = openat(directory, &name, flags, Mode::empty()) else { continue };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = unlinkat(directory, &name, AtFlags::empty());
        }
    }
}
