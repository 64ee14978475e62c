//! Who may own and write a share file and the directories above it.
//!
//! The file: root or the running user owns it, its group can at most read it, others nothing. Its directory:
//! owned likewise, writable by nobody else, not even when sticky, since anyone could put a file of that name
//! there first. Directories further up: the same, except that a sticky one (`/tmp`) is good enough, for there
//! nobody can move what another owns. `sshd` asks the same of `authorized_keys` (`StrictModes`).
//!
//! Directories are judged twice. From the opened one up through `..`, which nobody can exchange under our
//! hands, and along the path as written, where somebody might exchange a symbolic link.

use super::{FileRefusal, open_failed};
use crate::accounts::User;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::process::geteuid;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

const STICKY: u32 = 0o1000;
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Everything but reading and writing by the owner and reading by the group; the owner may execute it.
const TOO_OPEN: u32 = 0o037;

/// Whom to trust: root and the user we run as.
#[derive(Clone, Copy)]
pub(super) struct Trust {
    user: u32,
}

impl Trust {
    /// Trusts root and the effective user of this process.
    pub(super) fn of_this_process() -> Self {
        Self { user: geteuid().as_raw() }
    }

    /// Trusts root and this user.
    #[cfg(test)]
    pub(super) fn of(user: u32) -> Self {
        Self { user }
    }

    /// The user we run as.
    pub(super) fn user(self) -> u32 {
        self.user
    }

    fn trusts(self, uid: u32) -> bool {
        uid == 0 || uid == self.user
    }

    /// Judges an opened share file.
    pub(super) fn file(self, stat: &Stat) -> Result<(), FileRefusal> {
        if !self.trusts(stat.st_uid) {
            return Err(FileRefusal::Owner { owner: User::of(stat.st_uid), user: User::of(self.user) });
        }
        if stat.st_mode & TOO_OPEN != 0 {
            // Where the file is not ours, its group may be what lets us read it.
            let mend = if stat.st_uid == self.user { 0o600 } else { 0o640 };
            return Err(FileRefusal::Mode { mode: stat.st_mode & 0o7777, mend });
        }
        Ok(())
    }

    /// Judges each directory and link of the path as it is written, `parent` being the file's directory.
    pub(super) fn way(self, parent: &Path) -> Result<(), FileRefusal> {
        for (height, directory) in parent.ancestors().enumerate() {
            let look = |flags| statat(CWD, directory, flags).map_err(|errno| open_failed(errno, self));
            let itself = look(AtFlags::SYMLINK_NOFOLLOW)?;
            let link = FileType::from_raw_mode(itself.st_mode) == FileType::Symlink;
            if link && !self.trusts(itself.st_uid) {
                let owner = User::of(itself.st_uid);
                return Err(FileRefusal::LinkOwner { link: directory.to_owned(), owner });
            }
            self.directory(directory, &look(AtFlags::empty())?, height == 0)?;
        }
        Ok(())
    }

    /// Judges the opened directory of the file, called `name`, and all that it really lies in.
    pub(super) fn ancestors(self, opened: &OwnedFd, name: &Path) -> Result<(), FileRefusal> {
        let failed = |errno| open_failed(errno, self);
        let upwards = |from: &OwnedFd| {
            openat(from, c"..", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                .map_err(failed)
        };
        let mut below = fstat(opened).map_err(failed)?;
        self.directory(&real_path(opened, name), &below, true)?;
        let mut current = upwards(opened)?;
        loop {
            let stat = fstat(&current).map_err(failed)?;
            // The root is its own parent.
            if (stat.st_dev, stat.st_ino) == (below.st_dev, below.st_ino) {
                return Ok(());
            }
            self.directory(&real_path(&current, name), &stat, false)?;
            below = stat;
            current = upwards(&current)?;
        }
    }

    fn directory(self, path: &Path, stat: &Stat, direct: bool) -> Result<(), FileRefusal> {
        if !self.trusts(stat.st_uid) {
            let (owner, user) = (User::of(stat.st_uid), User::of(self.user));
            return Err(FileRefusal::DirectoryOwner { directory: path.to_owned(), owner, user });
        }
        let sticky = stat.st_mode & STICKY != 0;
        if stat.st_mode & WRITABLE_BY_OTHERS != 0 && (direct || !sticky) {
            let mode = stat.st_mode & 0o7777;
            return Err(FileRefusal::DirectoryMode { directory: path.to_owned(), mode, sticky });
        }
        Ok(())
    }
}

/// Where an opened directory lies, for the message; `name` when the kernel does not say.
fn real_path(opened: &OwnedFd, name: &Path) -> PathBuf {
    std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).unwrap_or_else(|_| name.to_owned())
}
