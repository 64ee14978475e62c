//! The directory of the control socket and of what is held: `RuntimeDirectory=` of the unit (systemd.exec(5)).
//!
//! Whoever can write to it could name what is held, or answer in the daemon's place: it is used if only root and the
//! daemon's own user can. Directories above it are the administrator's, who names it.

use crate::accounts::User;
use crate::explain::Explain;
use crate::external::error;
use crate::external::quote;
use crate::external::quote::sentence;
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use rustix::process::geteuid;
use std::borrow::Cow;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// An ACL that lets others write shows in the group's bits (acl(5)).
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The directory of this process, if it was given one.
pub fn of_process() -> Option<PathBuf> {
    let all = std::env::var("RUNTIME_DIRECTORY").ok()?;
    all.split(':').next().filter(|first| !first.is_empty()).map(PathBuf::from)
}

/// Opens the directory if only root and this process's user can write to it. A link to it is followed: systemd makes one
/// for dynamic users.
pub fn open(path: &Path) -> Result<OwnedFd, DirectoryError> {
    let failed = |errno: rustix::io::Errno| DirectoryError::Io(path.to_owned(), errno.into());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, path, flags, Mode::empty()).map_err(failed)?;
    let stat = fstat(&directory).map_err(failed)?;
    let user = geteuid().as_raw();
    if stat.st_uid != 0 && stat.st_uid != user {
        let (owner, user) = (User::of(stat.st_uid), User::of(user));
        return Err(DirectoryError::Owner { path: path.to_owned(), owner, user });
    }
    if stat.st_mode & WRITABLE_BY_OTHERS != 0 {
        return Err(DirectoryError::Mode(path.to_owned(), stat.st_mode & 0o7777));
    }
    Ok(directory)
}

/// Why the directory is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Somebody else's.
    #[error("the runtime directory {} belongs to {owner}", sentence(path))]
    Owner {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: User,
        /// Who runs this process.
        user: User,
    },
    /// Others can write to it; its permissions.
    #[error("others than its owner can write to the runtime directory {} (mode {:04o})", sentence(.0), .1)]
    Mode(PathBuf, u32),
    /// It cannot be opened.
    #[error("cannot open the runtime directory {}: {}", sentence(.0), error::io(.1))]
    Io(PathBuf, io::Error),
}

impl Explain for DirectoryError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, remedy) = match self {
            Self::Owner { path, user, .. } if user.is_dynamic() => {
                ("runtime-directory-owner", format!("rm -r {}", quote::shell(path)))
            }
            Self::Owner { path, user, .. } => {
                ("runtime-directory-owner", format!("chown {} {}", user.word(), quote::shell(path)))
            }
            Self::Mode(path, _) => ("runtime-directory-mode", format!("chmod go-w {}", quote::shell(path))),
            Self::Io(..) => {
                let advice =
                    "`hold` and `resume` do not work, and a restart of this daemon forgets what is held.";
                return ("runtime-directory", Some(advice.into()));
            }
        };
        let advice = format!(
            "It is not used: `hold` and `resume` do not work, and a restart of this daemon forgets what is held. Restart the \
             daemon after `{remedy}`."
        );
        (kind, Some(advice.into()))
    }
}
