//! What a service can read that has a user of its own: root, who looks, can read more.

use super::units::Unit;
use crate::external::quote;
use crate::files::{self, below};
use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Set when an access control list says more than the mode (acl(5)).
const ACCESS_LIST: &str = "system.posix_acl_access";
/// Directories that the service does not see, or sees its own of, while a setting of its unit is on.
const HIDDEN: [(&str, &str); 5] = [
    ("/home", "ProtectHome"),
    ("/root", "ProtectHome"),
    ("/run/user", "ProtectHome"),
    ("/tmp", "PrivateTmp"),
    ("/var/tmp", "PrivateTmp"),
];

/// Who a service is, as far as files are concerned.
pub struct ServiceAccess {
    /// The root directory of the machine.
    root: PathBuf,
    /// The groups it is in.
    groups: Vec<u32>,
    /// Directories it does not see.
    hidden: Vec<(&'static str, &'static str)>,
}

/// Why a file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The sandbox shows something else there.
    Hidden {
        /// The directory.
        directory: &'static str,
        /// The setting that hides it.
        setting: &'static str,
    },
    /// A directory on the way that others cannot pass.
    Directory {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file, the directory itself or the socket is not open to others.
    Mode {
        /// Its permission bits.
        mode: u32,
        /// Whether it is a directory.
        directory: bool,
    },
}

impl ServiceAccess {
    /// That of a service with this unit; without one, as our unit is shipped.
    pub fn of(unit: Option<&Unit>, root: &Path) -> Self {
        let is_on = |(_, setting): &(_, &str)| unit.is_none_or(|unit| unit.is_on(setting));
        let hidden = HIDDEN.into_iter().filter(is_on).collect();
        let named = |key| unit.map(|unit| unit.values(key)).unwrap_or_default();
        let accounts = files::text(&below(root, Path::new("/etc/group"))).unwrap_or_default();
        let groups = [named("SupplementaryGroups"), named("Group")].concat();
        let groups = groups.iter().flat_map(|names| names.split_whitespace());
        Self {
            root: root.to_owned(),
            groups: groups.filter_map(|name| number_of(&accounts, name)).collect(),
            hidden,
        }
    }

    /// Why it cannot read this file or directory, or connect to this socket, which the machine calls so; `None` when it can,
    /// when there is no such file, or when an access control list says more than can be seen here.
    pub fn refusal(&self, path: &Path) -> Option<Unreadable> {
        let metadata = self.look(path)?;
        if let Some((directory, setting)) =
            self.hidden.iter().find(|(directory, _)| path.starts_with(directory))
        {
            return Some(Unreadable::Hidden { directory, setting });
        }
        for directory in path.ancestors().skip(1).filter(|directory| directory.parent().is_some()) {
            let Some(metadata) = self.look(directory) else { continue };
            if !self.may(&metadata, 0o1) && !self.has_list(directory) {
                return Some(Unreadable::Directory {
                    path: directory.to_owned(),
                    mode: metadata.mode() & 0o7777,
                });
            }
        }
        let needed = match metadata.file_type() {
            kind if kind.is_dir() => 0o5,
            // Who connects writes (unix(7)).
            kind if kind.is_socket() => 0o2,
            _ => 0o4,
        };
        (!self.may(&metadata, needed) && !self.has_list(path))
            .then(|| Unreadable::Mode { mode: metadata.mode() & 0o7777, directory: metadata.is_dir() })
    }

    /// Whether the bits of others, or those of the group if it is a member, grant all that is needed.
    pub fn may(&self, metadata: &Metadata, needed: u32) -> bool {
        let granted =
            if self.groups.contains(&metadata.gid()) { metadata.mode() >> 3 } else { metadata.mode() };
        granted & needed == needed
    }

    /// Links followed.
    fn look(&self, path: &Path) -> Option<Metadata> {
        fs::metadata(below(&self.root, path)).ok()
    }

    fn has_list(&self, path: &Path) -> bool {
        let mut nothing: [u8; 0] = [];
        rustix::fs::getxattr(below(&self.root, path), ACCESS_LIST, &mut nothing).is_ok()
    }
}

/// A group's number in the text of group(5).
fn number_of(accounts: &str, name: &str) -> Option<u32> {
    let fields = |line: &'_ str| {
        let mut fields = line.split(':').map(str::to_owned);
        (fields.next().unwrap_or_default(), fields.nth(1).unwrap_or_default())
    };
    let numbers = accounts.lines().map(fields).find(|(group, _)| group == name);
    numbers.map_or_else(|| name.parse().ok(), |(_, number)| number.parse().ok())
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden { directory, setting } => write!(f, "its sandbox hides {directory} ({setting}=yes)"),
            Self::Directory { path, mode } => {
                write!(f, "the directory {} has mode {mode:04o}", quote::sentence(path))
            }
            Self::Mode { mode, .. } => write!(f, "its mode is {mode:04o}"),
        }
    }
}
