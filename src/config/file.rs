//! Opens configuration files: regular, of a bounded size, owned by root or the running user, and written by nobody
//! else but their group.

use crate::accounts::User;
use crate::external::error;
use crate::external::quote::{sentence, shell};
use rustix::fs::{Mode, OFlags};
use rustix::process::geteuid;
use std::ffi::OsStr;
use std::fs::{DirEntry, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// No configuration a person writes comes near.
const LARGEST: u64 = 1024 * 1024;

/// Anybody may write.
const WORLD_WRITABLE: u32 = 0o002;

/// Of a directory: files are renamed and removed by their owners only.
const STICKY: u32 = 0o1000;

/// Why a configuration file was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is none.
    #[error("{}: there is no such file", sentence(path))]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It is a directory.
    #[error("{}: is a directory, not a file", sentence(path))]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// It is a pipe, a device or a socket.
    #[error("{}: is not a regular file", sentence(path))]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses to read it.
    #[error("{}: cannot be read: {}", sentence(path), error::io(source))]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is above the limit.
    #[error("{}: is larger than 1 MiB", sentence(path))]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is not text.
    #[error("{}:{line}: is not UTF-8 text", sentence(path))]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The first line with other bytes, counted from 1.
        line: usize,
    },
    /// Somebody else can change where the shares are sent.
    #[error("{}: belongs to {owner}, not to {}, and it decides where key shares are sent", sentence(path), user.or_root())]
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// Its owner.
        owner: User,
        /// The user we run as.
        user: User,
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
}

impl FileError {
    /// The stable word of this error.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "config-file-missing",
            Self::Directory { .. } | Self::NotRegular { .. } => "config-not-a-file",
            Self::Unreadable { .. } => "config-unreadable",
            Self::TooLarge { .. } => "config-too-large",
            Self::NotUtf8 { .. } => "config-not-utf8",
            Self::Owner { .. } => "config-owner",
            Self::WorldWritable { .. } => "config-world-writable",
        }
    }

    /// What to do about it.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::Missing { .. } => "Check the path, and where it leads if it is a link; without --config, \
                 /etc/vault-unseal/config.toml is read."
                .to_owned(),
            Self::Directory { path } => {
                format!("Name the file, as in {}.", sentence(&path.join("config.toml")))
            }
            Self::NotRegular { .. } => {
                "Write the configuration to a file: it is read again on every reload.".to_owned()
            }
            Self::Unreadable { path, .. } => format!(
                "Look at it as the user that runs vault-unseal: `namei -l {}` shows every directory on the way.",
                shell(path)
            ),
            Self::TooLarge { .. } => "Check that it is the configuration and not some other file.".to_owned(),
            Self::NotUtf8 { path, .. } => format!(
                "Save it as UTF-8; `iconv -f latin1 -t utf-8 {}` shows it converted from Latin-1.",
                shell(path)
            ),
            Self::Owner { path, user, .. } => {
                format!(
                    "Look whether it says what it should, then run `chown {} {}`.",
                    user.word(),
                    shell(path)
                )
            }
            Self::WorldWritable { path, .. } => {
                format!("Look whether somebody changed it, then run `chmod o-w {}`.", shell(path))
            }
        }
    }
}

/// The text of a file; `None` when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<String>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    // Non-blocking: opening a pipe must not wait for somebody to write to it.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(unreadable(error.into())),
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(FileError::Directory { path: path.to_owned() });
    }
    if !metadata.is_file() {
        return Err(FileError::NotRegular { path: path.to_owned() });
    }
    refuse_strangers(path, &metadata, geteuid().as_raw())?;
    refuse_open_directory(path)?;
    let bytes = read_bounded(file).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let lines = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count();
            Err(FileError::NotUtf8 { path: path.to_owned(), line: lines + 1 })
        }
    }
}

/// The `*.toml` files of a directory in the order of their names; none when there is no such directory.
///
/// Hidden files do not count, as for a shell's `*.toml`: editors leave them behind.
pub(super) fn fragments(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: directory.to_owned(), source };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let metadata = std::fs::metadata(directory).map_err(unreadable)?;
    refuse_strangers(directory, &metadata, geteuid().as_raw())?;
    let entries: Vec<DirEntry> = entries.collect::<Result<_, _>>().map_err(unreadable)?;
    let mut paths: Vec<PathBuf> =
        entries.iter().map(DirEntry::path).filter(|path| is_fragment(path)).collect();
    paths.sort();
    Ok(paths)
}

fn is_fragment(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."));
    path.extension() == Some(OsStr::new("toml")) && !hidden
}

fn read_bounded(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Refuses what somebody else than root and `user`, who runs this, owns or may write.
///
/// On the opened file where there is one, so that what is checked is what is read.
fn refuse_strangers(path: &Path, metadata: &Metadata, user: u32) -> Result<(), FileError> {
    if metadata.uid() != 0 && metadata.uid() != user {
        let (owner, user) = (User::of(metadata.uid()), User::of(user));
        return Err(FileError::Owner { path: path.to_owned(), owner, user });
    }
    refuse_world_writable(path, metadata)
}

fn refuse_world_writable(path: &Path, metadata: &Metadata) -> Result<(), FileError> {
    if metadata.mode() & WORLD_WRITABLE == 0 {
        return Ok(());
    }
    Err(FileError::WorldWritable { path: path.to_owned(), mode: metadata.mode() & 0o7777 })
}

/// Refuses a directory in which somebody else can put another file in the place of `path`; `/tmp` is sticky and passes.
fn refuse_open_directory(path: &Path) -> Result<(), FileError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let unreadable = |source| FileError::Unreadable { path: directory.to_owned(), source };
    let metadata = std::fs::metadata(directory).map_err(unreadable)?;
    if metadata.mode() & STICKY != 0 {
        Ok(())
    } else {
        refuse_strangers(directory, &metadata, geteuid().as_raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_and_a_huge_file_are_refused_without_waiting() {
        let directory = tempfile::tempdir().expect("directory");
        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        assert_eq!(read(&pipe).expect_err("pipe").kind(), "config-not-a-file");

        let huge = directory.path().join("huge.toml");
        File::create(&huge).and_then(|file| file.set_len(LARGEST + 1)).expect("file");
        assert_eq!(read(&huge).expect_err("huge").kind(), "config-too-large");
        File::create(&huge).and_then(|file| file.set_len(LARGEST)).expect("file");
        assert_eq!(read(&huge).expect("at the limit").map(|text| text.len() as u64), Some(LARGEST));
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("file");
        // Only root can give a file away, and see it refused.
        if geteuid().is_root() {
            let chown = |path: &Path| std::os::unix::fs::chown(path, Some(4321), None).expect("chown");
            let directory = tempfile::tempdir().expect("directory");
            let path = directory.path().join("config.toml");
            std::fs::write(&path, "").expect("write");
            assert!(read(&path).is_ok() && fragments(directory.path()).is_ok());
            chown(&path);
            assert_eq!(read(&path).expect_err("file").kind(), "config-owner");
            std::os::unix::fs::chown(&path, Some(0), None).expect("chown");
            chown(directory.path());
            assert_eq!(read(&path).expect_err("directory").kind(), "config-owner");
            assert_eq!(fragments(directory.path()).expect_err("fragments").kind(), "config-owner");
            chown(file.path());
        }
        let metadata = file.as_file().metadata().expect("metadata");
        let owner = metadata.uid();
        assert!(refuse_strangers(file.path(), &metadata, owner).is_ok());
        let error = refuse_strangers(file.path(), &metadata, owner + 1).expect_err("refused");
        assert_eq!(error.kind(), "config-owner");
        let advice = error.advice();
        assert!(advice.contains(&format!("chown {} ", owner + 1)), "{advice}");
    }

    #[test]
    fn a_path_through_a_file_cannot_be_read() {
        let file = tempfile::NamedTempFile::new().expect("file");
        assert_eq!(read(&file.path().join("config.toml")).expect_err("file").kind(), "config-unreadable");
    }
}
