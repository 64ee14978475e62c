//! Follows a path part by part, each opened below the one before, so that what is judged is what is used: nobody can
//! exchange a directory or a link under our hands.

use super::judgement::{Content, Judge};
use super::refusal::{FileRefusal, open_failed};
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// As many as the kernel follows (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// Where a path leads.
pub(super) struct FoundPath {
    /// The file's directory, or the directory itself.
    pub(super) directory: OwnedFd,
    /// The file's name in it; `None` for a directory.
    pub(super) name: Option<OsString>,
    /// The file, open for its place alone; `None` for a directory.
    pub(super) file: Option<(OwnedFd, Stat)>,
    /// Where it really lies.
    pub(super) at: PathBuf,
    /// The first thing on the way that is not as it must be.
    pub(super) refused: Option<FileRefusal>,
}

/// Why a path leads nowhere.
pub(super) struct Stop {
    pub(super) errno: Errno,
    /// The directory that could not be passed.
    pub(super) at: PathBuf,
    /// Whether others than its owner and its group are kept out of it.
    pub(super) closed: bool,
    /// The first thing on the way up to there that is not as it must be.
    pub(super) refused: Option<FileRefusal>,
}

impl Stop {
    /// That it cannot be reached matters more than what is wrong on the way: it is what a person sees first.
    pub(super) fn into_refusal(self, judge: &Judge<'_>) -> FileRefusal {
        match open_failed(self.errno, judge.trusted) {
            FileRefusal::Denied { user, .. } => FileRefusal::Denied { user, directory: Some(self.at) },
            refusal => refusal,
        }
    }
}

/// Follows an absolute path and judges all that is on the way.
pub(super) fn find(path: &Path, judge: &Judge<'_>) -> Result<FoundPath, Stop> {
    let mut walk = Walk::begin(judge)?;
    let mut parts: VecDeque<OsString> = parts(path);
    let mut links = 0;
    while let Some(part) = parts.pop_front() {
        if part == ".." {
            walk.up()?;
            continue;
        }
        let (opened, stat) = walk.look(&part)?;
        let here = walk.at.join(&part);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                // Shares are never read through a link of their own name.
                let last = parts.is_empty() && judge.content == Content::Shares;
                links += 1;
                if last || links > MOST_LINKS {
                    return Err(walk.stop(Errno::LOOP));
                }
                let refused = judge.link(&stat, &here).err();
                walk.refuse(refused);
                let target = readlinkat(&opened, c"", Vec::new()).map_err(|errno| walk.stop(errno))?;
                let target = Path::new(OsStr::from_bytes(target.as_bytes())).to_owned();
                walk.leave();
                if target.is_absolute() {
                    walk.restart()?;
                }
                for part in self::parts(&target).into_iter().rev() {
                    parts.push_front(part);
                }
            }
            FileType::Directory => walk.enter(opened, stat, here),
            _ if !parts.is_empty() => return Err(walk.stop(Errno::NOTDIR)),
            _ => {
                walk.judge(true);
                let Walk { directory, at, refused, .. } = walk;
                let at = at.join(&part);
                return Ok(FoundPath {
                    directory,
                    name: Some(part),
                    file: Some((opened, stat)),
                    at,
                    refused,
                });
            }
        }
    }
    walk.judge(true);
    let Walk { directory, at, refused, .. } = walk;
    Ok(FoundPath { directory, name: None, file: None, at, refused })
}

/// Without the root and `.`.
fn parts(path: &Path) -> VecDeque<OsString> {
    let part = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(part).collect()
}

/// The directory that a path has led to so far.
struct Walk<'a> {
    judge: &'a Judge<'a>,
    directory: OwnedFd,
    stat: Stat,
    at: PathBuf,
    refused: Option<FileRefusal>,
}

impl<'a> Walk<'a> {
    fn begin(judge: &'a Judge<'a>) -> Result<Self, Stop> {
        let at = PathBuf::from("/");
        let stopped = |errno| Stop { errno, at: PathBuf::from("/"), closed: false, refused: None };
        let directory = openat(CWD, &at, PLACE, Mode::empty()).map_err(stopped)?;
        let stat = fstat(&directory).map_err(stopped)?;
        Ok(Self { judge, directory, stat, at, refused: None })
    }

    /// An entry of the directory, itself and not what it leads to.
    fn look(&mut self, name: &OsStr) -> Result<(OwnedFd, Stat), Stop> {
        let open =
            |flags| openat(&self.directory, name, PLACE.union(OFlags::NOFOLLOW).union(flags), Mode::empty());
        // Asked for as a directory, one that is mounted on demand is mounted.
        let opened = match open(OFlags::DIRECTORY) {
            Err(Errno::NOTDIR | Errno::LOOP) => open(OFlags::empty()),
            opened => opened,
        };
        let opened = opened.map_err(|errno| self.stop(errno))?;
        let stat = fstat(&opened).map_err(|errno| self.stop(errno))?;
        Ok((opened, stat))
    }

    fn enter(&mut self, directory: OwnedFd, stat: Stat, at: PathBuf) {
        self.leave();
        (self.directory, self.stat, self.at) = (directory, stat, at);
    }

    fn up(&mut self) -> Result<(), Stop> {
        self.leave();
        let (directory, stat) = self.look(OsStr::new(".."))?;
        (self.directory, self.stat) = (directory, stat);
        self.at.pop();
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Stop> {
        let Self { directory, stat, at, .. } = Walk::begin(self.judge)?;
        (self.directory, self.stat, self.at) = (directory, stat, at);
        Ok(())
    }

    /// The way goes on from this directory.
    fn leave(&mut self) {
        self.judge(false);
    }

    fn judge(&mut self, last: bool) {
        // A file is its owner's in a sticky directory; that of shares must not be put there first, and of a directory
        // all entries are read.
        let direct = last && self.judge.content.needs_own_directory();
        let refused = self.judge.directory(&self.stat, &self.directory, &self.at, direct).err();
        self.refuse(refused);
    }

    fn refuse(&mut self, refused: Option<FileRefusal>) {
        self.refused = self.refused.take().or(refused);
    }

    fn stop(&mut self, errno: Errno) -> Stop {
        self.judge(false);
        let refused = self.refused.take();
        let closed = self.judge.keeps_others_out(&self.stat, &self.directory, &self.at);
        Stop { errno, at: self.at.clone(), closed, refused }
    }
}

/// The path itself, from the root.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, FileRefusal> {
    Ok(std::path::absolute(path)?)
}

/// For its place alone: needs no right but to pass the directories, and does nothing to a device.
pub(super) const PLACE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
