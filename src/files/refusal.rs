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
    /// Owned by somebody who could change it; who may own it.
    #[error("it belongs to {0}, not to {1}")]
    Owner(User, Box<Trusted>),
    /// Readable or writable by too many.
    #[error("its mode is {mode:04o}; the group may at most read it, others nothing")]
    Mode {
        /// The permission bits.
        mode: u32,
        /// The permission bits to set.
        mend: u32,
    },
    /// Everybody can write it; its permission bits.
    #[error("everybody may write it (mode {0:04o})")]
    WorldWritable(u32),
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
    #[error("the symbolic link {} on the way to it belongs to {}", quote::sentence(.0), .1)]
    LinkOwner(PathBuf, User),
    /// Larger than any file of shares: than so many bytes.
    #[error("it is larger than {0} bytes")]
    Oversized(usize),
    /// An earlier read of it goes on and on.
    #[error("an earlier read of it has not ended")]
    Busy,
    /// The operating system failed.
    #[error("{}", error::io(.0))]
    Io(io::Error),
}

impl From<io::Error> for FileRefusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl FileRefusal {
    /// A stable word for each refusal, and what to do about it; `path` is the file.
    pub fn explained(&self, path: &Path) -> (&'static str, String) {
        let file = quote::shell(path);
        match self {
            Self::Missing => {
                let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let advice = format!(
                    "Put the shares there, or correct the path: in the command, or `shares` in the configuration. \
                     See what is there: ls -la {}",
                    directory.map_or_else(|| ".".to_owned(), quote::shell)
                );
                ("file-missing", advice)
            }
            Self::Denied { user, directory } => {
                let advice = match directory {
                    _ if user.is_dynamic() => format!(
                        "The service's user changes with each start: nothing can belong to it. Find what stands in the way: \
                         namei -l {file}. Let systemd hand the file over (LoadCredential=), or a group that a drop-in gives \
                         to the service read it (SupplementaryGroups=)."
                    ),
                    Some(directory) => format!(
                        "Use another directory, let systemd read what is in it (LoadCredential=), or let others into this one \
                         (chmod o+{} {}).",
                        if directory == path { "rx" } else { "x" },
                        quote::shell(directory)
                    ),
                    None if user.number() == 0 => format!(
                        "Find what stands in the way: namei -l {file}. Then give the file to root (chown root: {file}), or let \
                         systemd read it (LoadCredential=)."
                    ),
                    None => format!(
                        "If the service runs as another user, call this as root, with sudo. If it runs as this one, let \
                         systemd read the file (LoadCredential=), or give it to that user: chown {} {file}. See what \
                         stands in the way: namei -l {file}",
                        user.word()
                    ),
                };
                ("file-denied", advice)
            }
            Self::Symlink => ("file-symlink", format!("Configure the file itself: readlink -f {file}")),
            Self::Directory => {
                ("file-is-directory", format!("Configure a file in it. See what is there: ls -la {file}"))
            }
            Self::NotADirectory => {
                ("path-not-directory", format!("Find the part that is not: namei -l {file}"))
            }
            Self::NotRegular => {
                ("file-not-regular", format!("Configure a regular file. See what it is: ls -la {file}"))
            }
            Self::Owner(_, trusted) => {
                let us = User::of(trusted.this_process()).word();
                ("file-owner", format!("If nobody can have tampered with it: chown {us}: {file}"))
            }
            Self::Mode { mend, .. } => ("file-mode", format!("chmod {mend:04o} {file}")),
            Self::WorldWritable(_) => {
                ("file-world-writable", format!("If nobody has changed it: chmod go-w {file}"))
            }
            Self::GroupWritable { .. } => {
                ("file-group-writable", format!("If nobody has changed it: chmod g-w {file}"))
            }
            Self::AccessList { directory, .. } => {
                ("access-list", format!("setfacl -b {}", directory.as_deref().map_or(file, quote::shell)))
            }
            // To take the directory away from its owner, who may live in it, is no remedy.
            Self::DirectoryOwner { secret, .. } => {
                let mode = if *secret { "0600" } else { "0644" };
                let advice = format!(
                    "The owner of that directory can exchange the file. If that has not happened, configure a copy where only \
                     root writes: install -m {mode} {file} /etc/vault-unseal/. If a server runs as that owner, name \
                     it in `server_users`."
                );
                ("directory-owner", advice)
            }
            Self::DirectoryMode { sticky: true, .. } => {
                let advice = format!(
                    "Move the file to a directory of its own: \
                     install -D -m 0600 {file} /etc/vault-unseal/shares"
                );
                ("directory-mode", advice)
            }
            Self::DirectoryMode { directory, mode, .. } => {
                let who = if mode & 0o002 == 0 { "g" } else { "go" };
                ("directory-mode", format!("chmod {who}-w {}", quote::shell(directory)))
            }
            Self::LinkOwner(..) => {
                ("link-owner", format!("Configure the path without links: readlink -f {file}"))
            }
            Self::Oversized(_) => ("oversized", format!("Is it the right file? ls -la {file}")),
            Self::Busy => ("file-busy", format!("See whether its file system answers: findmnt -T {file}")),
            Self::Io(_) => ("file-io", format!("See what the kernel says: ls -la {file}; journalctl -k")),
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
        other => FileRefusal::Io(other.into()),
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
