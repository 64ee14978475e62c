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

/// What the daemon's configuration decides.
const WHERE_SHARES_GO: &str = "where key shares are sent";

/// Why a configuration file, or the directory of several, was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// What is at this path is not there, cannot be read, or lets somebody else change what it decides.
    #[error("{}: {}", sentence(.0), words(.1, .2))]
    Refused(PathBuf, FileRefusal, &'static str),
    /// It is not text: the first line with other bytes, counted from 1.
    #[error("{}:{}: is not UTF-8 text", sentence(.0), .1)]
    NotUtf8(PathBuf, usize),
}

fn words(cause: &FileRefusal, decides: &str) -> String {
    match cause {
        FileRefusal::Missing => cause.to_string(),
        FileRefusal::Directory => "is a directory, not a file".to_owned(),
        FileRefusal::NotRegular => "is not a regular file".to_owned(),
        FileRefusal::Oversized(_) => "is larger than 1 MiB".to_owned(),
        FileRefusal::Owner(owner, trusted) => {
            format!("belongs to {owner}, not to {trusted}, and it decides {decides}")
        }
        FileRefusal::WorldWritable(_)
        | FileRefusal::DirectoryOwner { .. }
        | FileRefusal::DirectoryMode { .. }
        | FileRefusal::GroupWritable { .. }
        | FileRefusal::LinkOwner(..)
        | FileRefusal::AccessList { .. } => format!("{cause}, and it decides {decides}"),
        cause => format!("cannot be read: {cause}"),
    }
}

impl FileError {
    /// Of what is wrong with what is at `path`, or with a directory above it.
    fn of(path: &Path, cause: FileRefusal, decides: &'static str) -> Self {
        match cause {
            FileRefusal::DirectoryMode { directory, mode, .. } if mode & WORLD_WRITABLE != 0 => {
                Self::Refused(directory, FileRefusal::WorldWritable(mode), decides)
            }
            cause => Self::Refused(path.to_owned(), cause, decides),
        }
    }

    /// There is none.
    pub(super) fn missing(path: &Path) -> Self {
        Self::of(path, FileRefusal::Missing, WHERE_SHARES_GO)
    }

    /// The stable word, and what to do about it.
    pub(super) fn explained(&self) -> (&'static str, String) {
        let (path, cause) = match self {
            Self::Refused(path, cause, _) => (path, cause),
            Self::NotUtf8(path, _) => {
                let advice = format!(
                    "Save it as UTF-8; `iconv -f latin1 -t utf-8 {}` shows it converted from Latin-1.",
                    shell(path)
                );
                return ("config-not-utf8", advice);
            }
        };
        let (kind, advice) = match cause {
            FileRefusal::Missing => (
                "config-file-missing",
                "Check the path, and where it leads if it is a link; without --config, \
                 /etc/vault-unseal/config.toml is read.",
            ),
            FileRefusal::Directory => {
                let advice = format!("Name the file, as in {}.", sentence(&path.join("config.toml")));
                return ("config-not-a-file", advice);
            }
            FileRefusal::NotRegular => {
                ("config-not-a-file", "Write the configuration to a file: it is read again on every reload.")
            }
            FileRefusal::Oversized(_) => {
                ("config-too-large", "Check that it is the configuration and not some other file.")
            }
            FileRefusal::Owner(_, trusted) => {
                let advice = format!(
                    "Look whether it says what it should, then run `chown {} {}`.",
                    User::of(trusted.this_process()).word(),
                    shell(path)
                );
                return ("config-owner", advice);
            }
            FileRefusal::WorldWritable(_) => {
                let advice =
                    format!("Look whether somebody changed it, then run `chmod o-w {}`.", shell(path));
                return ("config-world-writable", advice);
            }
            FileRefusal::DirectoryOwner { .. } => return ("config-owner", cause.explained(path).1),
            FileRefusal::LinkOwner(..) => return ("config-link-owner", cause.explained(path).1),
            FileRefusal::AccessList { .. } => return ("config-access-list", cause.explained(path).1),
            FileRefusal::DirectoryMode { .. } | FileRefusal::GroupWritable { .. } => {
                return ("config-group-writable", cause.explained(path).1);
            }
            _ => {
                let advice = format!(
                    "Look at it as the user that runs vault-unseal: `namei -l {}` shows every directory on the way.",
                    shell(path)
                );
                return ("config-unreadable", advice);
            }
        };
        (kind, advice.to_owned())
    }
}

/// The text of a file; `None` when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, FileError> {
    read_file(path, WHERE_SHARES_GO)
}

/// The same of another configuration than the daemon's: `decides` completes "and it decides …", why nobody else may write it.
pub fn read_file(path: &Path, decides: &'static str) -> Result<Option<Zeroizing<String>>, FileError> {
    let bytes = match files::read(path, Content::Configuration, &Trusted::without_servers(), LARGEST) {
        Ok(bytes) => bytes,
        Err(FileRefusal::Missing) => return Ok(None),
        Err(cause) => return Err(FileError::of(path, cause, decides)),
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
        Err(error) => {
            let lines = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
            Err(FileError::NotUtf8(path.to_owned(), lines + 1))
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
        Err(cause) => return Err(FileError::of(directory, cause, WHERE_SHARES_GO)),
    };
    paths.retain(|path| path.extension() == Some(OsStr::new("toml")));
    Ok(paths)
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
        assert_eq!(read(&pipe).expect_err("pipe").explained().0, "config-not-a-file");

        let huge = directory.path().join("huge.toml");
        File::create(&huge).and_then(|file| file.set_len(LARGEST as u64 + 1)).expect("file");
        assert_eq!(read(&huge).expect_err("huge").explained().0, "config-too-large");
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
            assert_eq!(read(&path).expect_err("file").explained().0, "config-owner");
            std::os::unix::fs::chown(&path, Some(0), None).expect("chown");
            chown(directory.path());
            assert_eq!(read(&path).expect_err("directory").explained().0, "config-owner");
            assert_eq!(fragments(directory.path()).expect_err("fragments").explained().0, "config-owner");
        }
    }

    #[test]
    fn a_path_through_a_file_cannot_be_read() {
        let file = tempfile::NamedTempFile::new().expect("file");
        assert_eq!(
            read(&file.path().join("config.toml")).expect_err("file").explained().0,
            "config-unreadable"
        );
    }
}
