//! Whether a file is still the one that was read.

use super::turn::Turn;
use rustix::fs::{AtFlags, CWD, Stat, statat};
use std::path::Path;

/// Identity, size and times of a file: two equal versions mean that nothing was rewritten between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the last write.
    modified: (i64, i64),
    /// Seconds and nanoseconds of the last change of content, owner or mode.
    changed: (i64, i64),
}

impl FileVersion {
    /// Of the file itself, or of the link; `None` while it cannot be looked at. Blocks on the file system.
    pub fn of(path: &Path) -> Option<Self> {
        Self::look(path, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Of what a link leads to.
    pub fn of_target(path: &Path) -> Option<Self> {
        Self::look(path, AtFlags::empty())
    }

    fn look(path: &Path, flags: AtFlags) -> Option<Self> {
        let _turn = Turn::take(&std::path::absolute(path).ok()?).ok()?;
        let stat: Stat = statat(CWD, path, flags).ok()?;
        // The types of these fields differ between architectures.
        Some(Self {
            device: wide(stat.st_dev)?,
            inode: wide(stat.st_ino)?,
            size: wide(stat.st_size)?,
            modified: (signed(stat.st_mtime)?, signed(stat.st_mtime_nsec)?),
            changed: (signed(stat.st_ctime)?, signed(stat.st_ctime_nsec)?),
        })
    }
}

fn wide<N: TryInto<u64>>(number: N) -> Option<u64> {
    number.try_into().ok()
}

fn signed<N: TryInto<i64>>(number: N) -> Option<i64> {
    number.try_into().ok()
}
