//! The file behind a systemd credential, judged by its path: systemd reads it as root, whoever else can read or write it.

use super::judgement::Judge;
use super::path::{Found, find};
use super::turn::Turn;
use super::{Content, FileRefusal, absolute};
use crate::accounts::Trusted;
use rustix::io::Errno;
use std::path::{Path, PathBuf};

/// Whom the kernel names for users that this process cannot see (`/proc/sys/kernel/overflowuid`).
const UNSEEN: u32 = 65534;
/// Any right of others, and of anybody.
const OTHERS: u32 = 0o007;
const ANYBODY: u32 = 0o777;

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
    let Ok(_turn) = Turn::take(&path) else { return unseen(&path) };
    let refused = match find(&path, &judge) {
        Ok(Found { file: Some((file, stat)), refused, at, .. }) => {
            if stat.st_uid == UNSEEN {
                return unseen(&at);
            }
            refused.or(judge.file(&stat, &file, &at).err())
        }
        Ok(Found { .. }) => Some(FileRefusal::Directory),
        Err(stop) => match (stop.refused, stop.errno) {
            (Some(refused), _) => Some(refused),
            (None, Errno::NOENT) => return SourceVerdict::Missing,
            // What a sandbox hides has no mode at all.
            (None, Errno::ACCESS) if stop.mode & OTHERS == 0 && stop.mode & ANYBODY != 0 => None,
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
