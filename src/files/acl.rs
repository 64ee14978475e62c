//! POSIX access control lists (acl(5)), which grant what the mode does not show.

use rustix::fs::{fgetxattr, getxattr};
use rustix::io::Errno;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// Where the kernel shows them.
const ATTRIBUTE: &str = "system.posix_acl_access";
/// The only version there ever was (`linux/posix_acl_xattr.h`).
const VERSION: u32 = 2;
/// More entries than anybody writes; a longer list cannot be judged, and is refused.
const LARGEST: usize = 64 * 1024;

const USER: u16 = 0x02;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;

/// Somebody who is named in a list, and what the list really grants: bits as in a mode, 4 to read and 2 to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) to: Grantee,
    pub(super) rights: u16,
}

/// Who is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grantee {
    /// A user, by number.
    User(u32),
    /// A group, by number.
    Group(u32),
}

/// Everybody whom the list of an open file or directory, found at `path`, names; nobody where it has none.
///
/// Errors: there is a list that cannot be read.
pub(super) fn of(file: &OwnedFd, path: &Path) -> Result<Vec<Grant>, Errno> {
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
