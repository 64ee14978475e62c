//! Writes a file atomically: beside it, to the disk, and then in its place. The text that is stored is shares in hex
//! under the name that the servers' API gives them, `{"keys": […]}`: every version of this program reads it, and so do
//! scripts that were written for the answer of `sys/init`. Of how many shares the server needs how many, if the source
//! said it, stands under the names of the servers' command line.
//!
//! And why shares could not be put where they should be stored, or not be had from there.

use super::credential::SystemdCredsError;
use crate::accounts::Trusted;
use crate::cluster::Scheme;
use crate::explain::Explain;
use crate::external::{error, quote};
use crate::files::{self, Content, FileRefusal, ReplacementFile, WithoutModes};
use crate::shares::error::ShareError;
use crate::shares::share::LIMIT;
use crate::shares::tpm::error::TpmError;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use std::borrow::Cow;
use std::fs::DirBuilder;
use std::hint::black_box;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Whether a file that is there already may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It is kept, and nothing is stored.
    Keep,
    /// It is replaced at one stroke, once the new one was opened and compared.
    Replace,
}

/// A file beside the one to be written, with mode 0600, locked and removed with this value.
pub(crate) struct Reserved {
    path: PathBuf,
    file: ReplacementFile,
    existing: Existing,
}

impl Reserved {
    /// Makes the file in a directory that `owners` alone may have, as the rules for share files are.
    ///
    /// Without owners, for what is no secret, being encrypted already: in any directory, such as that of a stick that
    /// belongs to somebody and whose file system knows no modes.
    pub(crate) fn beside(
        path: &Path,
        existing: Existing,
        owners: Option<&Trusted>,
    ) -> Result<Self, StoreError> {
        let failed = |doing, error: io::Error| StoreError::Io(path.to_owned(), doing, error);
        let absolute = std::path::absolute(path).map_err(|error| failed("find", error))?;
        let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(StoreError::NotAFile(path.to_owned()));
        };
        make_last(parent).map_err(|error| StoreError::NoDirectory(parent.to_owned(), error))?;
        let (directory, without_modes) = if let Some(owners) = owners {
            let judged = files::directory(parent, Content::Shares, owners);
            (judged.map_err(|cause| StoreError::Directory(path.to_owned(), cause))?, WithoutModes::Refused)
        } else {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let opened = openat(CWD, parent, flags, Mode::empty());
            (opened.map_err(|errno| failed("find", errno.into()))?, WithoutModes::Allowed)
        };
        match statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => return Err(StoreError::NotAFile(path.to_owned())),
                FileType::RegularFile | FileType::Symlink if existing == Existing::Keep => {
                    return Err(StoreError::Occupied(path.to_owned()));
                }
                FileType::RegularFile | FileType::Symlink => {}
                // A device in whose place a file was put would be everybody's loss.
                _ => return Err(StoreError::NotRegular(path.to_owned())),
            },
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed("look at", errno.into())),
        }
        let file = ReplacementFile::beside(directory, name, without_modes)
            .map_err(|error| failed("write beside", error))?;
        Ok(Self { path: path.to_owned(), file, existing })
    }

    /// Where the file is until it takes its place.
    pub(super) fn path(&self) -> PathBuf {
        self.path.with_file_name(self.file.name())
    }

    /// Whether the file has taken its place.
    pub(crate) fn in_place(&self) -> bool {
        self.file.in_place()
    }

    /// Writes these bytes, and no others, to the disk.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write(bytes).map_err(|error| self.failed("write", error))
    }

    /// What was written.
    pub(super) fn read(&self) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let bytes = self.file.reopen().and_then(|file| files::read_bounded(&file, LIMIT));
        bytes
            .and_then(|bytes| bytes.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge)))
            .map_err(|error| self.failed("read back", error))
    }

    /// Reserves as much room on the disk as the largest file takes.
    pub(crate) fn keep_room(&self) -> Result<(), StoreError> {
        self.file.keep_room(LIMIT).map_err(|error| self.failed("reserve room for", error))
    }

    /// Puts the file in its place, for good.
    pub(crate) fn take_place(&mut self) -> Result<(), StoreError> {
        if !self.in_place() {
            let placed = match self.existing {
                Existing::Replace => self.file.replace(),
                Existing::Keep => self.file.take_free_place(),
            };
            placed.map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => StoreError::Occupied(self.path.clone()),
                _ => self.failed("put in its place", error),
            })?;
        }
        self.file.sync_directory().map_err(|error| self.failed("write the directory of", error))
    }

    fn failed(&self, doing: &'static str, error: io::Error) -> StoreError {
        StoreError::Io(self.path.clone(), doing, error)
    }
}

/// Makes the directory if only its last part is missing. Everybody may look into it: the configuration lies there too.
fn make_last(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o755).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => match directory.metadata() {
            Ok(_) => Ok(()),
            Err(_) => Err(error),
        },
        _ => Ok(()),
    }
}

const HEAD: &[u8] = b"{\"keys\": [";
const TAIL: &[u8] = b"\n]";
const END: &[u8] = b"}\n";

/// The text of these shares, in memory that wipes itself and never had to grow.
pub(super) fn share_file<'a>(
    shares: impl Iterator<Item = &'a [u8]> + Clone,
    scheme: Option<Scheme>,
) -> Zeroizing<Vec<u8>> {
    let numbers = scheme.map(numbers).unwrap_or_default();
    let frame = HEAD.len() + TAIL.len() + numbers.len() + END.len();
    // Two digits a byte, two quotes, a comma, a newline and two spaces.
    let length: usize = shares.clone().map(|share| 2 * share.len() + 6).sum::<usize>() + frame;
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    text.extend_from_slice(HEAD);
    for (index, share) in shares.enumerate() {
        text.extend_from_slice(if index == 0 { b"\n  \"" } else { b",\n  \"" });
        text.extend_from_slice(Zeroizing::new(base16ct::lower::encode_string(share)).as_bytes());
        text.push(b'"');
    }
    text.extend_from_slice(TAIL);
    text.extend_from_slice(numbers.as_bytes());
    text.extend_from_slice(END);
    debug_assert!(text.len() <= length);
    text
}

fn numbers(scheme: Scheme) -> String {
    let Scheme { threshold, total } = scheme;
    format!(",\n\"unseal_shares\": {total},\n\"unseal_threshold\": {threshold}")
}

/// Whether two texts are the same, in a time that depends on their lengths alone.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |sum, (a, b)| black_box(sum | (a ^ b)));
    one.len() == other.len() && black_box(differences) == 0
}

/// Why shares were not stored, in which file; whatever was there before is there still. Never carries a byte of a share.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory is not there and cannot be made.
    #[error("cannot make the directory {}: {}", quote::sentence(.0), error::io(.1))]
    NoDirectory(PathBuf, io::Error),
    /// Others could exchange a file there.
    #[error("{} is no place for shares: {}", quote::sentence(.0), .1)]
    Directory(PathBuf, FileRefusal),
    /// Not the name of a file, or that of a directory.
    #[error("cannot write shares to {}: it is a directory", quote::sentence(.0))]
    NotAFile(PathBuf),
    /// A device, a fifo or a socket is there.
    #[error("cannot write shares to {}: it is a fifo, a socket or a device, not a regular file", quote::sentence(.0))]
    NotRegular(PathBuf),
    /// There is a file already.
    #[error("{} is there already, and may hold the only copy of its shares", quote::sentence(.0))]
    Occupied(PathBuf),
    /// The operating system failed at something: a verb.
    #[error("cannot {} {}: {}", .1, quote::sentence(.0), error::io(.2))]
    Io(PathBuf, &'static str, io::Error),
    /// The credential could not be made, or not be opened again.
    #[error("cannot store shares in {}: {}", quote::sentence(.0), .1)]
    Credential(PathBuf, SystemdCredsError),
    /// A credential that is stored there does not open.
    #[error("cannot read the shares in {}: {}", quote::sentence(.0), .1)]
    CredentialUnopened(PathBuf, SystemdCredsError),
    /// The TPM could not seal.
    #[error("cannot seal shares for {} to the TPM: {}", quote::sentence(.0), .1)]
    Tpm(PathBuf, TpmError),
    /// What was sealed cannot be opened again.
    #[error("what was sealed for {} does not open again: {}", quote::sentence(.0), .1)]
    Unopened(PathBuf, Box<ShareError>),
    /// The shares that are stored there cannot be had any more.
    #[error(transparent)]
    Closed(Box<ShareError>),
    /// What was opened again is not what went in.
    #[error("what was written for {} and opened again is not what went in", quote::sentence(.0))]
    Differs(PathBuf),
}

/// What to do where only root can write.
pub(crate) const AS_ROOT: &str =
    "Give the same command as root, with sudo, or name a file of your own with --output.";

impl From<ShareError> for StoreError {
    fn from(error: ShareError) -> Self {
        Self::Closed(Box::new(error))
    }
}

impl StoreError {
    /// The user may not write there.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::NoDirectory(_, error) | Self::Io(_, _, error)
            if error.kind() == io::ErrorKind::PermissionDenied)
    }
}

impl Explain for StoreError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let explained = |(kind, advice): (_, String)| (kind, Some(advice.into()));
        let (kind, advice) = match self {
            Self::NoDirectory(..) if self.is_denied() => ("home-directory-missing", AS_ROOT),
            Self::NoDirectory(directory, _) => {
                let advice = format!("Make it: sudo install -d -m 755 {}", quote::shell(directory));
                return ("home-directory-missing", Some(advice.into()));
            }
            Self::Directory(path, cause @ FileRefusal::DirectoryMode { sticky: true, .. }) => (
                cause.explained(path).0,
                "Name a file in a directory of its owner's with --output; /etc/vault-unseal is meant for it.",
            ),
            Self::Directory(path, cause) => return explained(cause.explained(path)),
            Self::NotAFile(_) => ("home-is-directory", "Name a file in it with --output."),
            Self::NotRegular(_) => {
                ("home-not-regular", "Nothing was changed. Name another file with --output.")
            }
            Self::Occupied(_) => (
                "home-occupied",
                "If its shares are kept elsewhere too, --force replaces it once the new file was opened and \
                 compared. Or name another with --output.",
            ),
            Self::Io(..) if self.is_denied() => ("home-io", AS_ROOT),
            Self::Io(path, _, error) => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    let directory = quote::shell(path.parent().unwrap_or(path));
                    return ("home-io", Some(format!("Make room: df {directory}").into()));
                }
                _ => ("home-io", "See what the kernel says: journalctl -k"),
            },
            Self::Credential(_, cause) | Self::CredentialUnopened(_, cause) => {
                return explained(cause.explained());
            }
            Self::Tpm(path, cause) => return explained(cause.explained(Some(path))),
            Self::Unopened(_, cause) | Self::Closed(cause) => return cause.kind_and_advice(),
            Self::Differs(_) => (
                "home-differs",
                "Nothing was changed. The disk or the TPM does not keep what it is given: see journalctl -k",
            ),
        };
        (kind, Some(advice.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::ShareSource;
    use crate::shares::format;

    #[test]
    fn what_is_stored_is_what_is_read_and_never_grew() {
        let scheme = Some(Scheme { threshold: 3, total: 5 });
        for (count, length, scheme) in [(1, 16, None), (1, 32, None), (5, 33, scheme), (255, 33, None)] {
            let shares: Vec<Vec<u8>> = (1..=count).map(|x: u8| vec![x; length]).collect();
            let text = share_file(shares.iter().map(Vec::as_slice), scheme);
            let numbers = scheme.map(numbers).unwrap_or_default().len();
            let bound = shares.len() * (2 * length + 6) + HEAD.len() + TAIL.len() + numbers + END.len();
            assert!(text.len() <= bound && text.capacity() == bound, "a buffer that grew left a copy behind");
            let loaded = format::parse(&text, &ShareSource::File("shares.json".into())).unwrap();
            let read: Vec<&[u8]> = loaded.shares.iter().map(crate::shares::Share::bytes).collect();
            assert_eq!((read, loaded.shares.scheme()), (shares.iter().map(Vec::as_slice).collect(), scheme));
            assert!(loaded.notices.is_empty());
        }
    }

    #[test]
    fn texts_are_compared_to_the_last_byte() {
        assert!(same(b"", b"") && same(b"abc", b"abc"));
        for other in [&b"abd"[..], b"ab", b"abcd", b"", b"Abc"] {
            assert!(!same(b"abc", other) && !same(other, b"abc"));
        }
    }
}
