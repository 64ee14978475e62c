//! Who may own, write and read a file, and the directories and links on the way to it.
//!
//! Shares: somebody trusted owns the file, its group can at most read it, others nothing. Its directory: owned likewise,
//! writable by nobody else, not even when sticky, since anyone could put a file of that name there first. `sshd` asks
//! the same of `authorized_keys` (`StrictModes`).
//!
//! What says whom to trust (authorities, certificates, configuration) may be read by all. It is written by those who are
//! trusted, and by the members of group 0 and of this process's own group: where users have a group of their own, as on
//! Debian, their umask is 0002.
//!
//! Directories further up: as the file's own, except that a sticky one (`/tmp`) is good enough, for there nobody can
//! move what another owns.
//!
//! POSIX access control lists (acl(5)) grant what the mode does not show.

use super::refusal::{FileRefusal, open_failed};
use crate::accounts::{Trusted, User};
use rustix::fs::{Mode, RawMode, Stat, fgetxattr, getxattr};
use rustix::io::Errno;
use rustix::process::getegid;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// What a file holds, which decides how it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Key shares: read by nobody else, and never through a link.
    Shares,
    /// The private key of a client certificate: read by nobody else.
    PrivateKey,
    /// Certificates, our own and those of authorities: written by nobody else.
    Authority,
    /// What says which servers and authorities those are: written by nobody else.
    Configuration,
    /// The Unix socket of a server: nobody else can put one there.
    Socket,
}

const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
/// Everything but reading and writing by the owner and reading by the group; the owner may execute it.
const TOO_OPEN: u32 = 0o037;
/// Read, write and execute in an access control list.
const ANYTHING: u16 = 0o7;
const WRITE: u16 = 0o2;
const ENTER: u16 = 0o1;
/// Any right of others, and of anybody.
const OTHERS: u32 = 0o007;
const ANYBODY: u32 = 0o777;

impl Content {
    /// Whether its directory must be writable by its owner alone, and be no place for everybody.
    pub(super) fn needs_own_directory(self) -> bool {
        matches!(self, Self::Shares | Self::Socket)
    }

    /// Whether nobody else may read it.
    pub(super) fn is_secret(self) -> bool {
        matches!(self, Self::Shares | Self::PrivateKey)
    }
}

/// The rules for one kind of content, as they are for one process.
pub(super) struct Judge<'a> {
    pub(super) content: Content,
    pub(super) trusted: &'a Trusted,
    /// The primary group of this process.
    group: u32,
    /// Root reads it for us: systemd, which hands it over as a credential.
    read_by_root: bool,
}

impl<'a> Judge<'a> {
    pub(super) fn new(content: Content, trusted: &'a Trusted) -> Self {
        Self { content, trusted, group: getegid().as_raw(), read_by_root: false }
    }

    /// As for the file behind a credential.
    pub(super) fn behind_credential(self) -> Self {
        Self { read_by_root: true, ..self }
    }

    /// As for a process of this group.
    #[cfg(test)]
    pub(super) fn in_group(self, group: u32) -> Self {
        Self { group, ..self }
    }

    /// Judges a file, open for reading or for its place alone, found at `path`.
    pub(super) fn file(&self, stat: &Stat, file: &OwnedFd, path: &Path) -> Result<(), FileRefusal> {
        self.mode(stat)?;
        self.list(file, path, None)
    }

    /// By owner and mode alone.
    pub(super) fn mode(&self, stat: &Stat) -> Result<(), FileRefusal> {
        if !self.trusted.includes(stat.st_uid) {
            return Err(FileRefusal::Owner(User::of(stat.st_uid), Box::new(self.trusted.clone())));
        }
        let mode = permissions(stat.st_mode);
        if self.content.is_secret() {
            if mode & TOO_OPEN != 0 {
                // Where the file is not ours, its group may be what lets us read it.
                let by_owner = self.read_by_root || stat.st_uid == self.trusted.this_process();
                let mend = if by_owner { 0o600 } else { 0o640 };
                return Err(FileRefusal::Mode { mode, mend });
            }
        } else if mode & OTHERS_WRITE != 0 {
            return Err(FileRefusal::WorldWritable(mode));
        } else if mode & GROUP_WRITES != 0 && self.is_foreign(stat.st_gid) {
            return Err(FileRefusal::GroupWritable { mode, group: stat.st_gid });
        }
        Ok(())
    }

    /// Judges an opened directory on the way; `direct` if entries of it are what is read.
    pub(super) fn directory(
        &self,
        stat: &Stat,
        opened: &OwnedFd,
        path: &Path,
        direct: bool,
    ) -> Result<(), FileRefusal> {
        let directory = path.to_owned();
        if !self.trusted.includes(stat.st_uid) {
            let owner = User::of(stat.st_uid);
            return Err(FileRefusal::DirectoryOwner {
                directory,
                owner,
                trusted: Box::new(self.trusted.clone()),
                secret: self.content.is_secret(),
            });
        }
        let mode = permissions(stat.st_mode);
        let sticky = mode & STICKY != 0;
        if sticky && !direct {
            return Ok(());
        }
        let strict = self.content.needs_own_directory() || self.is_foreign(stat.st_gid);
        if mode & OTHERS_WRITE != 0 || (mode & GROUP_WRITES != 0 && strict) {
            let sticky = sticky && self.content.needs_own_directory();
            let listed = access_list(opened, path).is_ok_and(|grants| !grants.is_empty());
            return Err(FileRefusal::DirectoryMode { directory, mode, sticky, listed });
        }
        self.list(opened, path, Some(path))
    }

    /// Whether nobody gets into a directory but its owner and its group. What a sandbox hides has no mode at all, and says
    /// nothing.
    pub(super) fn keeps_others_out(&self, stat: &Stat, opened: &OwnedFd, path: &Path) -> bool {
        let mode = permissions(stat.st_mode);
        let stranger = |to| !matches!(to, Grantee::User(uid) if self.trusted.includes(uid));
        let granted = access_list(opened, path)
            .map(|grants| grants.iter().any(|grant| grant.rights & ENTER != 0 && stranger(grant.to)));
        mode & OTHERS == 0 && mode & ANYBODY != 0 && granted == Ok(false)
    }

    /// Judges a symbolic link on the way.
    pub(super) fn link(&self, stat: &Stat, path: &Path) -> Result<(), FileRefusal> {
        if self.trusted.includes(stat.st_uid) {
            return Ok(());
        }
        Err(FileRefusal::LinkOwner(path.to_owned(), User::of(stat.st_uid)))
    }

    fn list(&self, opened: &OwnedFd, path: &Path, directory: Option<&Path>) -> Result<(), FileRefusal> {
        let wrong = if directory.is_none() && self.content.is_secret() { ANYTHING } else { WRITE };
        let grants = access_list(opened, path).map_err(|errno| open_failed(errno, self.trusted))?;
        for grant in grants.iter().filter(|grant| grant.rights & wrong != 0) {
            let to = match grant.to {
                Grantee::User(uid) if !self.trusted.includes(uid) => User::of(uid).to_string(),
                Grantee::Group(gid) if self.content.needs_own_directory() || self.is_foreign(gid) => {
                    format!("group {gid}")
                }
                _ => continue,
            };
            let directory = directory.map(Path::to_owned);
            let writes = grant.rights & WRITE != 0;
            return Err(FileRefusal::AccessList { directory, to, writes });
        }
        Ok(())
    }

    fn is_foreign(&self, group: u32) -> bool {
        group != 0 && group != self.group
    }
}

fn permissions(mode: RawMode) -> u32 {
    Mode::from_raw_mode(mode).bits() & 0o7777
}

/// Where the kernel shows them.
const ATTRIBUTE: &str = "system.posix_acl_access";
/// The only version there ever was (`linux/posix_acl_xattr.h`).
const VERSION: u32 = 2;
/// More entries than anybody writes; a longer list cannot be judged, and is refused.
const LARGEST: usize = 64 * 1024;

/// Tags of entries.
const USER: u16 = 0x02;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;

/// Somebody who is named in a list, and what the list really grants: bits as in a mode, 4 to read and 2 to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grant {
    to: Grantee,
    rights: u16,
}

/// Who is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grantee {
    /// A user, by number.
    User(u32),
    /// A group, by number.
    Group(u32),
}

/// Everybody whom the list of an open file or directory, found at `path`, names; nobody where it has none.
///
/// Errors: there is a list that cannot be read.
fn access_list(file: &OwnedFd, path: &Path) -> Result<Vec<Grant>, Errno> {
    let mut buffer = Vec::with_capacity(256);
    let read = |buffer: &mut Vec<u8>| match fgetxattr(file, ATTRIBUTE, rustix::buffer::spare_capacity(buffer))
    {
        // Opened for its place alone (O_PATH).
        Err(Errno::BADF) => {
            let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
            match getxattr(itself, ATTRIBUTE, rustix::buffer::spare_capacity(buffer)) {
                // No /proc: its directory is judged by now, so that nobody exchanges it.
                Err(Errno::NOENT) => getxattr(path, ATTRIBUTE, rustix::buffer::spare_capacity(buffer)),
                read => read,
            }
        }
        read => read,
    };
    let length = match read(&mut buffer) {
        Err(Errno::RANGE) => {
            buffer.reserve(LARGEST);
            read(&mut buffer)
        }
        read => read,
    };
    match length {
        Ok(_) => parse(&buffer).ok_or(Errno::INVAL),
        // None, or a file system without them.
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(Vec::new()),
        Err(errno) => Err(errno),
    }
}

/// The named entries of a list as the kernel gives it.
fn parse(list: &[u8]) -> Option<Vec<Grant>> {
    let (version, entries) = list.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != VERSION || entries.len() % 8 != 0 {
        return None;
    }
    let entries = entries.chunks_exact(8).filter_map(|entry| {
        let (tag, rest) = entry.split_first_chunk::<2>()?;
        let (rights, id) = rest.split_first_chunk::<2>()?;
        let id = id.first_chunk::<4>()?;
        Some((u16::from_le_bytes(*tag), u16::from_le_bytes(*rights), u32::from_le_bytes(*id)))
    });
    let mask = entries.clone().find(|(tag, ..)| *tag == MASK).map_or(0o7, |(_, rights, _)| rights);
    let named = entries.filter_map(|(tag, rights, id)| {
        let to = match tag {
            USER => Grantee::User(id),
            GROUP => Grantee::Group(id),
            _ => return None,
        };
        Some(Grant { to, rights: rights & mask })
    });
    Some(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut list = VERSION.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            list.extend(tag.to_le_bytes());
            list.extend(rights.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        list
    }

    #[test]
    fn named_entries_are_masked_and_others_do_not_count() {
        let nobody = u32::MAX;
        let parsed = parse(&list(&[
            (0x01, 6, nobody),
            (USER, 7, 1000),
            (0x04, 4, nobody),
            (GROUP, 6, 50),
            (MASK, 4, nobody),
            (0x20, 0, nobody),
        ]));
        let grants = [Grantee::User(1000), Grantee::Group(50)].map(|to| Grant { to, rights: 4 });
        assert_eq!(parsed.as_deref(), Some(&grants[..]));
        assert_eq!(parse(&list(&[])), Some(Vec::new()));
    }

    #[test]
    fn list_of_another_form_cannot_be_judged() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(&3_u32.to_le_bytes()), None);
        let mut cut = list(&[(USER, 7, 1000)]);
        cut.pop();
        assert_eq!(parse(&cut), None);
    }
}
