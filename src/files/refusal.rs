//! Why a file was refused before a byte of it was believed.

use crate::accounts::{Trusted, User};
use crate::external::error;
use crate::external::quote;
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileRefusal {
    /// Nothing of that name.
    #[error("there is no such file")]
    Missing,
    /// The running user may not open it, or may not pass one of its directories.
    #[error("permission denied to {user}{}", passing(directory.as_deref()))]
    Denied {
        /// The user we run as.
        user: User,
        /// The directory that it may not enter or list, where that is what stands in the way.
        directory: Option<PathBuf>,
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
    #[error("it belongs to {owner}, not to {trusted}")]
    Owner {
        /// Its owner.
        owner: User,
        /// Who may own it.
        trusted: Box<Trusted>,
    },
    /// Readable or writable by too many.
    #[error("its mode is {mode:04o}; the group may at most read it, others nothing")]
    Mode {
        /// The permission bits.
        mode: u32,
        /// The permission bits to set.
        mend: u32,
    },
    /// Everybody can write it.
    #[error("everybody may write it (mode {mode:04o})")]
    WorldWritable {
        /// The permission bits.
        mode: u32,
    },
    /// A group can write it that is not ours alone.
    #[error("group {group} may write it (mode {mode:04o})")]
    GroupWritable {
        /// The permission bits.
        mode: u32,
        /// The group.
        group: u32,
    },
    /// An access control list opens it, or a directory above it, to somebody else.
    #[error("{}", granted(directory.as_deref(), to, *writes))]
    AccessList {
        /// The directory; `None` for the file itself.
        directory: Option<PathBuf>,
        /// Whom.
        to: String,
        /// For writing, and not only for reading.
        writes: bool,
    },
    /// A directory above it is owned by somebody who could exchange the file.
    #[error("the directory {} belongs to {owner}, not to {trusted}", quote::sentence(directory))]
    DirectoryOwner {
        /// The directory.
        directory: PathBuf,
        /// Its owner.
        owner: User,
        /// Who may own it.
        trusted: Box<Trusted>,
        /// Nobody else may read the file.
        secret: bool,
    },
    /// A directory above it lets others exchange the file, or put one there first.
    #[error("the directory {} has mode {mode:04o}: {} can write to it", quote::sentence(directory), writers(*mode, *listed))]
    DirectoryMode {
        /// The directory.
        directory: PathBuf,
        /// The permission bits.
        mode: u32,
        /// Whether it is a place for everybody, like `/tmp`, whose mode is right as it is.
        sticky: bool,
        /// It has an access control list, which the permission bits of the group are the bounds of (`acl(5)`).
        listed: bool,
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
    #[error("it is larger than {limit} bytes")]
    Oversized {
        /// The limit, in bytes.
        limit: usize,
    },
    /// An earlier read of it goes on and on.
    #[error("an earlier read of it has not ended")]
    Busy,
    /// The operating system failed.
    #[error("{}", error::io(error))]
    Io {
        /// What it said.
        error: io::Error,
    },
}

impl From<io::Error> for FileRefusal {
    fn from(error: io::Error) -> Self {
        Self::Io { error }
    }
}

impl FileRefusal {
    /// A stable word for each refusal.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "file-missing",
            Self::Denied { .. } => "file-denied",
            Self::Symlink => "file-symlink",
            Self::Directory => "file-is-directory",
            Self::NotADirectory => "path-not-directory",
            Self::NotRegular => "file-not-regular",
            Self::Owner { .. } => "file-owner",
            Self::Mode { .. } => "file-mode",
            Self::WorldWritable { .. } => "file-world-writable",
            Self::GroupWritable { .. } => "file-group-writable",
            Self::AccessList { .. } => "access-list",
            Self::DirectoryOwner { .. } => "directory-owner",
            Self::DirectoryMode { .. } => "directory-mode",
            Self::LinkOwner { .. } => "link-owner",
            Self::Oversized { .. } => "oversized",
            Self::Busy => "file-busy",
            Self::Io { .. } => "file-io",
        }
    }

    /// What to do about it; `path` is the file.
    pub(crate) fn advice(&self, path: &Path) -> String {
        let file = quote::shell(path);
        match self {
            Self::Missing => {
                let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                format!(
                    "Put the shares there, or correct the path: in the command, or `shares` in the configuration. \
                     See what is there: ls -la {}",
                    directory.map_or_else(|| ".".to_owned(), quote::shell)
                )
            }
            Self::Denied { user, directory } => match directory {
                _ if user.is_dynamic() => format!(
                    "The service's user changes with each start: nothing can belong to it. Find what stands in the way: \
                         namei -l {file}. Let systemd hand the file over (LoadCredential=), or a group that a drop-in gives \
                         to the service read it (SupplementaryGroups=)."
                ),
                Some(directory) => format!(
                    "Let others into that directory (chmod o+{} {}), use another one, or let systemd read what is in it \
                         (LoadCredential=).",
                    if directory == path { "rx" } else { "x" },
                    quote::shell(directory)
                ),
                None => format!(
                    "Find what stands in the way: namei -l {file}. Then give the file to that user \
                         (chown {}: {file}), or let systemd read it (LoadCredential=).",
                    user.word()
                ),
            },
            Self::Symlink => format!("Configure the file itself: readlink -f {file}"),
            Self::Directory => {
                format!("Configure a file in it. See what is there: ls -la {file}")
            }
            Self::NotADirectory => {
                format!("Find the part that is not: namei -l {file}")
            }
            Self::NotRegular => {
                format!("Configure a regular file. See what it is: ls -la {file}")
            }
            Self::Owner { trusted, .. } => {
                let us = User::of(trusted.this_process()).word();
                format!("If nobody can have tampered with it: chown {us}: {file}")
            }
            Self::Mode { mend, .. } => format!("chmod {mend:04o} {file}"),
            Self::WorldWritable { .. } => {
                format!("If nobody has changed it: chmod go-w {file}")
            }
            Self::GroupWritable { .. } => {
                format!("If nobody has changed it: chmod g-w {file}")
            }
            Self::AccessList { directory, .. } => {
                format!("setfacl -b {}", directory.as_deref().map_or(file, quote::shell))
            }
            // To take the directory away from its owner, who may live in it, is no remedy.
            Self::DirectoryOwner { secret, .. } => {
                let mode = if *secret { "0600" } else { "0644" };
                format!(
                    "The owner of that directory can exchange the file. If that has not happened, configure a copy where only \
                     root writes: install -m {mode} {file} /etc/vault-unseal/. If a server runs as that owner, name \
                     it in `server_users`."
                )
            }
            Self::DirectoryMode { sticky: true, .. } => {
                format!(
                    "Move the file to a directory of its own: \
                     install -D -m 0600 {file} /etc/vault-unseal/shares"
                )
            }
            Self::DirectoryMode { directory, mode, .. } => {
                let who = if mode & 0o002 == 0 { "g" } else { "go" };
                format!("chmod {who}-w {}", quote::shell(directory))
            }
            Self::LinkOwner { .. } => {
                format!("Configure the path without links: readlink -f {file}")
            }
            Self::Oversized { .. } => format!("Is it the right file? ls -la {file}"),
            Self::Busy => format!("See whether its file system answers: findmnt -T {file}"),
            Self::Io { .. } => format!("See what the kernel says: ls -la {file}; journalctl -k"),
        }
    }
}

/// Why a file cannot be opened.
pub(crate) fn open_failed(errno: Errno, trusted: &Trusted) -> FileRefusal {
    match errno {
        Errno::NOENT => FileRefusal::Missing,
        Errno::LOOP => FileRefusal::Symlink,
        Errno::NOTDIR => FileRefusal::NotADirectory,
        Errno::ACCESS | Errno::PERM => {
            FileRefusal::Denied { user: User::of(trusted.this_process()), directory: None }
        }
        // A socket, or a device without a driver.
        Errno::NXIO | Errno::NODEV => FileRefusal::NotRegular,
        other => FileRefusal::Io { error: other.into() },
    }
}

fn passing(directory: Option<&Path>) -> String {
    let words = |directory| format!(": it may not enter the directory {}", quote::sentence(directory));
    directory.map(words).unwrap_or_default()
}

fn writers(mode: u32, listed: bool) -> &'static str {
    match (mode & 0o002, listed) {
        (0, false) => "its group",
        (0, true) => "its group, or somebody in its access control list,",
        _ => "others",
    }
}

fn granted(directory: Option<&Path>, to: &str, writes: bool) -> String {
    let whose = directory.map_or_else(
        || "its".to_owned(),
        |directory| format!("the directory {} has an", quote::sentence(directory)),
    );
    let access = if directory.is_some() { "access control list that" } else { "access control list" };
    format!("{whose} {access} lets {to} {} it", if writes { "write" } else { "read" })
}
