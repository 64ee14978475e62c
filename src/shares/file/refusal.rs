//! Why a share file was refused before a byte of it was believed.

use crate::accounts::User;
use crate::external::error;
use crate::shares::bounded::LIMIT;
use crate::shares::quote;
use std::io;
use std::path::{Path, PathBuf};

/// Why a share file was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileRefusal {
    /// Nothing of that name.
    #[error("there is no such file")]
    Missing,
    /// The running user may not open it, or may not pass one of its directories.
    #[error("permission denied to {user}")]
    Denied {
        /// The user we run as.
        user: User,
    },
    /// A symbolic link, or a loop of them above.
    #[error("it is a symbolic link, which could be made to point elsewhere")]
    Symlink,
    /// A directory.
    #[error("it is a directory")]
    Directory,
    /// A part of the path before the last is a file.
    #[error("a part of the path is not a directory")]
    NotADirectory,
    /// A fifo, a socket or a device.
    #[error("it is a fifo, a socket or a device, not a regular file")]
    NotRegular,
    /// Owned by somebody who could change it.
    #[error("it belongs to {owner}, not to {}", user.or_root())]
    Owner {
        /// Its owner.
        owner: User,
        /// The user we run as.
        user: User,
    },
    /// Readable or writable by too many.
    #[error("its mode is {mode:04o}; the group may at most read it, others nothing")]
    Mode {
        /// The permission bits.
        mode: u32,
        /// The permission bits to set.
        mend: u32,
    },
    /// A directory above it is owned by somebody who could exchange the file.
    #[error("the directory {} belongs to {owner}, not to {}", quote::sentence(directory), user.or_root())]
    DirectoryOwner {
        /// The directory.
        directory: PathBuf,
        /// Its owner.
        owner: User,
        /// The user we run as.
        user: User,
    },
    /// A directory above it lets others exchange the file, or put one there first.
    #[error("the directory {} has mode {mode:04o}: others can write to it", quote::sentence(directory))]
    DirectoryMode {
        /// The directory.
        directory: PathBuf,
        /// The permission bits.
        mode: u32,
        /// Whether it is a place for everybody, like `/tmp`, whose mode is right as it is.
        sticky: bool,
    },
    /// A symbolic link on the way to it is owned by somebody who could exchange it.
    #[error("the symbolic link {} on the way to it belongs to {owner}", quote::sentence(link))]
    LinkOwner {
        /// The link.
        link: PathBuf,
        /// Its owner.
        owner: User,
    },
    /// Larger than any file of shares.
    #[error("it is larger than {LIMIT} bytes")]
    Oversized,
    /// The operating system failed.
    #[error("{}", error::io(error))]
    Io {
        /// What it said.
        error: io::Error,
    },
}

impl FileRefusal {
    /// A stable word for each refusal.
    pub(in crate::shares) fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "file-missing",
            Self::Denied { .. } => "file-denied",
            Self::Symlink => "file-symlink",
            Self::Directory => "file-is-directory",
            Self::NotADirectory => "path-not-directory",
            Self::NotRegular => "file-not-regular",
            Self::Owner { .. } => "file-owner",
            Self::Mode { .. } => "file-mode",
            Self::DirectoryOwner { .. } => "directory-owner",
            Self::DirectoryMode { .. } => "directory-mode",
            Self::LinkOwner { .. } => "link-owner",
            Self::Oversized => "oversized",
            Self::Io { .. } => "file-io",
        }
    }

    /// What to do about it; `path` is the file.
    pub(in crate::shares) fn advice(&self, path: &Path) -> String {
        let file = quote::shell(path);
        match self {
            Self::Missing => {
                format!(
                    "Put the shares there, or correct the path: in the command, or `shares` in the configuration. \
                     See what is there: ls -la {}",
                    directory_of(path)
                )
            }
            Self::Denied { user } => format!(
                "Find what stands in the way: namei -l {file}. Then give the file to that user \
                 (chown {}: {file}), or let systemd read it (LoadCredential=).",
                user.word()
            ),
            Self::Symlink => format!("Configure the file itself: readlink -f {file}"),
            Self::Directory => {
                format!("Configure a file in it. See what is there: ls -la {file}")
            }
            Self::NotADirectory => format!("Find the part that is not: namei -l {file}"),
            Self::NotRegular => format!("Configure a regular file. See what it is: ls -la {file}"),
            Self::Owner { user, .. } => {
                format!("If nobody can have tampered with it: chown {}: {file}", user.word())
            }
            Self::Mode { mend, .. } => format!("chmod {mend:04o} {file}"),
            Self::DirectoryOwner { directory, user, .. } => {
                format!("chown {} {}", user.word(), quote::shell(directory))
            }
            Self::DirectoryMode { sticky: true, .. } => {
                format!(
                    "Move the file to a directory of its own: \
                     install -D -m 0600 {file} /etc/vault-unseal/shares"
                )
            }
            Self::DirectoryMode { directory, .. } => format!("chmod go-w {}", quote::shell(directory)),
            Self::LinkOwner { .. } => format!("Configure the path without links: readlink -f {file}"),
            Self::Oversized => format!("Is it the right file? ls -la {file}"),
            Self::Io { .. } => format!("See what the kernel says: ls -la {file}; journalctl -k"),
        }
    }
}

fn directory_of(path: &Path) -> String {
    match path.parent() {
        Some(parent) if parent != Path::new("") => quote::shell(parent),
        _ => ".".to_owned(),
    }
}
