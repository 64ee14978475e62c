//! Configuration files. They say who is trusted besides root and the running user, so that nobody but these two may
//! have written them.

use crate::accounts::{Trusted, User};
use crate::external::quote::{sentence, shell};
use crate::files::{self, Content, FileRefusal, LARGEST};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Anybody may write.
const WORLD_WRITABLE: u32 = 0o002;

/// Why a configuration file was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is none.
    #[error("{}: there is no such file", sentence(.0))]
    Missing(PathBuf),
    /// It is a directory.
    #[error("{}: is a directory, not a file", sentence(.0))]
    Directory(PathBuf),
    /// It is a pipe, a device or a socket.
    #[error("{}: is not a regular file", sentence(.0))]
    NotRegular(PathBuf),
    /// The system refuses to read it.
    #[error("{}: cannot be read: {cause}", sentence(path))]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        cause: FileRefusal,
    },
    /// It is above the limit.
    #[error("{}: is larger than 1 MiB", sentence(.0))]
    TooLarge(PathBuf),
    /// It is not text.
    #[error("{}:{line}: is not UTF-8 text", sentence(path))]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The first line with other bytes, counted from 1.
        line: usize,
    },
    /// Somebody else can change where the shares are sent.
    #[error(
        "{}: belongs to {owner}, not to {trusted}, and it decides where key shares are sent",
        sentence(path)
    )]
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// Its owner.
        owner: User,
        /// Who may own it.
        trusted: Box<Trusted>,
    },
    /// Anybody can change where the shares are sent.
    #[error(
        "{}: everybody may write it (mode {mode:04o}), and it decides where key shares are sent",
        sentence(path)
    )]
    WorldWritable {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else can change where the shares are sent, in another way.
    #[error("{}: {cause}, and it decides where key shares are sent", sentence(path))]
    Refused {
        /// The file or directory.
        path: PathBuf,
        /// How.
        cause: FileRefusal,
    },
}

impl FileError {
    /// The stable word, and what to do about it.
    pub(super) fn told(&self) -> (&'static str, String) {
        match self {
            Self::Missing(_) => (
                "config-file-missing",
                "Check the path, and where it leads if it is a link; without --config, \
                 /etc/vault-unseal/config.toml is read."
                    .to_owned(),
            ),
            Self::Directory(path) => (
                "config-not-a-file",
                format!("Name the file, as in {}.", sentence(&path.join("config.toml"))),
            ),
            Self::NotRegular(_) => (
                "config-not-a-file",
                "Write the configuration to a file: it is read again on every reload.".to_owned(),
            ),
            Self::Unreadable { path, .. } => (
                "config-unreadable",
                format!(
                    "Look at it as the user that runs vault-unseal: `namei -l {}` shows every directory on the way.",
                    shell(path)
                ),
            ),
            Self::TooLarge(_) => {
                ("config-too-large", "Check that it is the configuration and not some other file.".to_owned())
            }
            Self::NotUtf8 { path, .. } => (
                "config-not-utf8",
                format!(
                    "Save it as UTF-8; `iconv -f latin1 -t utf-8 {}` shows it converted from Latin-1.",
                    shell(path)
                ),
            ),
            Self::Owner { path, trusted, .. } => (
                "config-owner",
                format!(
                    "Look whether it says what it should, then run `chown {} {}`.",
                    User::of(trusted.this_process()).word(),
                    shell(path)
                ),
            ),
            Self::WorldWritable { path, .. } => (
                "config-world-writable",
                format!("Look whether somebody changed it, then run `chmod o-w {}`.", shell(path)),
            ),
            Self::Refused { path, cause } => {
                let kind = match cause {
                    FileRefusal::DirectoryOwner { .. } => "config-owner",
                    FileRefusal::LinkOwner { .. } => "config-link-owner",
                    FileRefusal::AccessList { .. } => "config-access-list",
                    _ => "config-group-writable",
                };
                (kind, cause.advice(path))
            }
        }
    }
}

/// The text of a file; `None` when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, FileError> {
    let bytes = match files::read(path, Content::Configuration, &Trusted::without_servers(), LARGEST) {
        Ok(bytes) => bytes,
        Err(FileRefusal::Missing) => return Ok(None),
        Err(cause) => return Err(refused(path, cause)),
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
        Err(error) => {
            let lines = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
            Err(FileError::NotUtf8 { path: path.to_owned(), line: lines + 1 })
        }
    }
}

/// The `*.toml` files of a directory in the order of their names; none when there is no such directory.
///
/// Hidden files do not count, as for a shell's `*.toml`: editors leave them behind.
pub(super) fn fragments(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut paths = match files::entries(directory, Content::Configuration, &Trusted::without_servers()) {
        Ok(paths) => paths,
        Err(FileRefusal::Missing) => return Ok(Vec::new()),
        Err(cause) => return Err(refused(directory, cause)),
    };
    paths.retain(|path| path.extension() == Some(OsStr::new("toml")));
    Ok(paths)
}

fn refused(path: &Path, cause: FileRefusal) -> FileError {
    let path = path.to_owned();
    match cause {
        FileRefusal::Missing => FileError::Missing(path),
        FileRefusal::Directory => FileError::Directory(path),
        FileRefusal::NotRegular => FileError::NotRegular(path),
        FileRefusal::Oversized { .. } => FileError::TooLarge(path),
        FileRefusal::Owner { owner, trusted } => FileError::Owner { path, owner, trusted },
        FileRefusal::WorldWritable { mode } => FileError::WorldWritable { path, mode },
        FileRefusal::DirectoryMode { directory, mode, .. } if mode & WORLD_WRITABLE != 0 => {
            FileError::WorldWritable { path: directory, mode }
        }
        cause @ (FileRefusal::DirectoryOwner { .. }
        | FileRefusal::DirectoryMode { .. }
        | FileRefusal::GroupWritable { .. }
        | FileRefusal::LinkOwner { .. }
        | FileRefusal::AccessList { .. }) => FileError::Refused { path, cause },
        cause => FileError::Unreadable { path, cause },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::geteuid;
    use std::fs::File;

    #[test]
    fn a_pipe_and_a_huge_file_are_refused_without_waiting() {
        let directory = crate::testing::directory();
        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        assert_eq!(read(&pipe).expect_err("pipe").told().0, "config-not-a-file");

        let huge = directory.path().join("huge.toml");
        File::create(&huge).and_then(|file| file.set_len(LARGEST as u64 + 1)).expect("file");
        assert_eq!(read(&huge).expect_err("huge").told().0, "config-too-large");
        File::create(&huge).and_then(|file| file.set_len(LARGEST as u64)).expect("file");
        assert_eq!(read(&huge).expect("at the limit").map(|text| text.len()), Some(LARGEST));
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        // Only root can give a file away, and see it refused.
        if geteuid().is_root() {
            let chown = |path: &Path| std::os::unix::fs::chown(path, Some(4321), None).expect("chown");
            let directory = crate::testing::directory();
            let path = directory.path().join("config.toml");
            std::fs::write(&path, "").expect("write");
            assert!(read(&path).is_ok() && fragments(directory.path()).is_ok());
            chown(&path);
            assert_eq!(read(&path).expect_err("file").told().0, "config-owner");
            std::os::unix::fs::chown(&path, Some(0), None).expect("chown");
            chown(directory.path());
            assert_eq!(read(&path).expect_err("directory").told().0, "config-owner");
            assert_eq!(fragments(directory.path()).expect_err("fragments").told().0, "config-owner");
        }
    }

    #[test]
    fn a_path_through_a_file_cannot_be_read() {
        let file = tempfile::NamedTempFile::new().expect("file");
        assert_eq!(read(&file.path().join("config.toml")).expect_err("file").told().0, "config-unreadable");
    }
}
