//! systemd's credentials (systemd.exec(5)): where this process finds its own, and the file behind one, judged by its path:
//! systemd reads it as root, whoever else can read or write it.

use super::bounded::Turn;
use super::judgement::{Content, Judge};
use super::path::{Found, absolute, find};
use super::refusal::{FileRefusal, open_failed};
use crate::accounts::Trusted;
use rustix::fs::{Dir, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Whom the kernel names for users that this process cannot see (`/proc/sys/kernel/overflowuid`).
const UNSEEN: u32 = 65534;

/// Where systemd put this process's credentials; `None` when it was given none.
pub fn credentials_directory() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// What is known of the file behind a credential.
#[derive(Debug)]
pub enum SourceVerdict {
    /// Nobody else can get at what must be theirs.
    Good,
    /// There is none.
    Missing,
    /// It cannot be looked at from here; this is how far one gets.
    Unseen(PathBuf),
    /// Somebody else can.
    Refused(FileRefusal),
    /// Somebody else can get at this entry of the directory that it is.
    RefusedEntry(PathBuf, FileRefusal),
}

/// Judges the entries of a directory, and who may put others there; the first that is not as it must be counts.
fn judge_entries(directory: &OwnedFd, at: &Path, judge: &Judge<'_>) -> SourceVerdict {
    let io = |errno| SourceVerdict::Refused(open_failed(errno, judge.trusted));
    let stat = match fstat(directory) {
        Ok(stat) => stat,
        Err(errno) => return io(errno),
    };
    if let Err(refused) = judge.directory(&stat, directory, at, true) {
        return SourceVerdict::Refused(refused);
    }
    let entries =
        openat(directory, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let entries = match entries.and_then(Dir::new) {
        Ok(entries) => entries,
        // Closed to us, it stands for what is in it.
        Err(Errno::ACCESS) if judge.keeps_others_out(&stat, directory, at) => return SourceVerdict::Good,
        Err(Errno::ACCESS) => return SourceVerdict::Unseen(at.to_owned()),
        Err(errno) => return io(errno),
    };
    let place = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Ok(file) = openat(directory, name, place, Mode::empty()) else { continue };
        let Ok(stat) = fstat(&file) else { continue };
        let path = at.join(OsStr::from_bytes(name.to_bytes()));
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                if let Err(refused) = judge.file(&stat, &file, &path) {
                    return SourceVerdict::RefusedEntry(path, refused);
                }
            }
            FileType::Directory if name != c"." && name != c".." => {
                match judge_entries(&file, &path, judge) {
                    SourceVerdict::Good => {}
                    verdict => return verdict,
                }
            }
            // systemd leaves links out.
            _ => {}
        }
    }
    SourceVerdict::Good
}

/// Judges the file without opening it: a secret must not be readable by anybody else, anything else not writable.
///
/// Where it lies in a directory that cannot be looked into, that directory stands for it: closed to others, nobody gets
/// at what is in it. Blocks on the file system.
pub fn judge_source(path: &Path, content: Content, trusted: &Trusted) -> SourceVerdict {
    // Links of those who are trusted are fine: systemd follows them.
    let content = if content == Content::Shares { Content::PrivateKey } else { content };
    let judge = Judge::new(content, trusted);
    let unseen = |at: &Path| SourceVerdict::Unseen(at.to_owned());
    let Ok(path) = absolute(path) else { return unseen(path) };
    let Some(_turn) = Turn::take(&path) else { return unseen(&path) };
    let refused = match find(&path, &judge) {
        Ok(Found { file: Some((file, stat)), refused, at, .. }) => {
            if stat.st_uid == UNSEEN {
                return unseen(&at);
            }
            refused.or(judge.file(&stat, &file, &at).err())
        }
        // All of its entries are loaded.
        Ok(Found { directory, refused: None, at, .. }) => return judge_entries(&directory, &at, &judge),
        Ok(Found { refused, .. }) => refused,
        Err(stop) => match (stop.refused, stop.errno) {
            (Some(refused), _) => Some(refused),
            (None, Errno::NOENT) => return SourceVerdict::Missing,
            (None, Errno::ACCESS) if stop.closed => None,
            (None, _) => return unseen(&stop.at),
        },
    };
    match refused {
        None => SourceVerdict::Good,
        Some(FileRefusal::DirectoryOwner { directory, owner, .. }) if owner.number() == UNSEEN => {
            SourceVerdict::Unseen(directory)
        }
        Some(refused) => SourceVerdict::Refused(refused),
    }
}
