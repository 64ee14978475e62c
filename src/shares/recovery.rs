//! A copy of a server's only answer that survives a crash.
//!
//! Sealing takes as long as a TPM or systemd-creds takes, and a machine may stop in the middle. So the slow part comes
//! before there is anything to lose: a random key is sealed as the shares will be, and stored beside them
//! (`….rescue-key`). When the answer is there, encrypting it under that key, writing it (`….rescue`, whose room on the
//! disk is reserved) and fsync(2) take milliseconds. Both files are removed once all is done; until then
//! [`InitRecovery::open`] gets the answer back.
//!
//! The key encrypts one text in its life, so its nonce is zero. Without the store's protection the two files are worth
//! nothing; they protect exactly as well as the store does.

use super::share::{LIMIT, Share, ShareSet};
use super::store::{AS_ROOT, Existing, ShareStore, StoreError};
use crate::accounts::Trusted;
use crate::explain::Explain;
use crate::external::{error, quote};
use crate::files;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, flock, fstat, openat, statat};
use rustix::io::Errno;
use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const KEY_LENGTH: usize = 32;
/// What the cipher covers beside the answer: what the file is.
const PURPOSE: &[u8] = b"vault-unseal rescue 1";

/// Where an answer goes before anything else is done with it. Dropped before there is one, it leaves nothing.
pub struct InitRecovery {
    path: PathBuf,
    key_path: PathBuf,
    /// Locked, so that two processes never share it.
    file: File,
    key: LessSafeKey,
    wanted: bool,
}

impl InitRecovery {
    /// Where the answer for shares in this store is kept.
    pub fn path_for(store: &ShareStore) -> PathBuf {
        beside(store.path(), ".rescue")
    }

    /// Refuses when an answer is kept there already.
    pub fn is_free(store: &ShareStore) -> Result<(), InitRecoveryError> {
        let path = Self::path_for(store);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.len() > 0 => Err(InitRecoveryError::Unfinished(path)),
            _ => Ok(()),
        }
    }

    /// Seals a key and reserves the room. The store's directory must be there, and have been judged
    /// ([`ShareStore::prepare`]).
    ///
    /// Blocks as that does. Errors: as there; and a file of an earlier init that was not finished.
    pub fn prepare(store: &ShareStore, trusted: &Trusted) -> Result<Self, InitRecoveryError> {
        let path = Self::path_for(store);
        let file = open(&path, OFlags::CREATE)?;
        let length = file.metadata().map_err(|error| failed(&path, "look at", error))?.len();
        if length > 0 {
            return Err(InitRecoveryError::Unfinished(path));
        }
        if let Err(error) = files::keep_room(&file, LIMIT) {
            let _ = fs::remove_file(&path);
            return Err(failed(&path, "reserve room for", error));
        }
        let mut bytes = Zeroizing::new(vec![0; KEY_LENGTH]);
        let random = SystemRandom::new().fill(&mut bytes);
        random.map_err(|_| failed(&path, "make a key for", io::ErrorKind::Other.into()))?;
        let key = key(&bytes, &path)?;
        let recovery = Self { key_path: beside(store.path(), ".rescue-key"), path, file, key, wanted: false };
        // The directory reaches the disk with the key, and both names with it.
        let sealed = store.clone().at(recovery.key_path.clone());
        sealed
            .prepare(Existing::Replace, trusted)?
            .store(&ShareSet::new(Share::new(&bytes, 1).into_iter().collect()))?;
        Ok(recovery)
    }

    /// Keeps the answer, on the disk when this returns.
    pub fn keep(&mut self, answer: &[u8]) -> Result<(), InitRecoveryError> {
        self.wanted = true;
        let mut text = Zeroizing::new(Vec::with_capacity(answer.len() + CHACHA20_POLY1305.tag_len()));
        text.extend_from_slice(answer);
        let tag = self.key.seal_in_place_separate_tag(nonce(), Aad::from(PURPOSE), &mut text);
        let tag = tag.map_err(|_| failed(&self.path, "encrypt", io::ErrorKind::Other.into()))?;
        text.extend_from_slice(tag.as_ref());
        let written = self.file.write_all_at(&text, 0).and_then(|()| self.file.sync_all());
        written.map_err(|error| failed(&self.path, "write", error))
    }

    /// The answer that an interrupted init left. Blocks as the store's opening does.
    pub fn open(
        store: &ShareStore,
        trusted: &Trusted,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), InitRecoveryError> {
        let (path, key_path) = (Self::path_for(store), beside(store.path(), ".rescue-key"));
        let nothing = || InitRecoveryError::Nothing(path.clone());
        let file = match open(&path, OFlags::empty()) {
            Err(InitRecoveryError::Io(_, _, error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(nothing());
            }
            file => file?,
        };
        let text = files::read_bounded(&file, LIMIT).map_err(|error| failed(&path, "read", error))?;
        let damaged = || InitRecoveryError::Damaged(path.clone());
        let mut text = text.ok_or_else(damaged)?;
        if text.is_empty() {
            return Err(nothing());
        }
        let key = sealed_key(store, &key_path, trusted)?;
        decrypt(&key, &mut text).ok_or_else(damaged)?;
        Ok((Self { path, key_path, file, key, wanted: true }, text))
    }

    /// Whether `answer` can really be had back: a key that no longer opens would make the file worthless.
    pub fn gives(&self, store: &ShareStore, answer: &[u8], trusted: &Trusted) -> bool {
        let key = sealed_key(store, &self.key_path, trusted);
        // From the disk, by a descriptor of its own: this one may stand anywhere.
        let (Ok(key), Ok(mut text)) = (key, files::read_unjudged(&self.path, LIMIT)) else { return false };
        decrypt(&key, &mut text).is_some() && text.as_slice() == answer
    }

    /// Removes both files: all is done.
    pub fn finish(mut self) {
        self.wanted = false;
    }

    /// Where the answer is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for InitRecovery {
    fn drop(&mut self) {
        if !self.wanted {
            // In this order: a key without an answer is nothing, an answer without its key is a riddle; and once the
            // locked file has lost its name, the next init may have put a key of its own there.
            let _ = self.file.set_len(0);
            let _ = fs::remove_file(&self.key_path);
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// `shares.json.rescue` of `shares.json`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Opens and locks it.
fn open(path: &Path, more: OFlags) -> Result<File, InitRecoveryError> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    loop {
        let file = openat(CWD, path, flags, Mode::RUSR | Mode::WUSR);
        let file = file.map_err(|errno| failed(path, "open", errno.into()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(InitRecoveryError::Busy(path.to_owned())),
            Err(errno) => return Err(failed(path, "lock", errno.into())),
        }
        // Whoever had the lock may have removed the file after it was opened here: nobody else would find this lock.
        if is_at(&file, path).map_err(|errno| failed(path, "look at", errno.into()))? {
            return Ok(file.into());
        }
    }
}

/// Whether `path` still leads to this file.
fn is_at(file: &OwnedFd, path: &Path) -> Result<bool, Errno> {
    let opened = fstat(file)?;
    match statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok((named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn key(bytes: &[u8], path: &Path) -> Result<LessSafeKey, InitRecoveryError> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, bytes);
    key.map(LessSafeKey::new).map_err(|_| InitRecoveryError::Damaged(path.to_owned()))
}

/// The key that is stored beside the answer.
fn sealed_key(store: &ShareStore, path: &Path, trusted: &Trusted) -> Result<LessSafeKey, InitRecoveryError> {
    let sealed = store.clone().at(path.to_owned()).open(trusted)?.shares;
    key(sealed.get(0).map(Share::bytes).unwrap_or_default(), &InitRecovery::path_for(store))
}

/// Makes what was encrypted the text; `None` if it is not of this key.
fn decrypt(key: &LessSafeKey, text: &mut Zeroizing<Vec<u8>>) -> Option<()> {
    let length = key.open_in_place(nonce(), Aad::from(PURPOSE), text).ok()?.len();
    text.truncate(length);
    Some(())
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn failed(path: &Path, doing: &'static str, error: io::Error) -> InitRecoveryError {
    InitRecoveryError::Io(path.to_owned(), doing, error)
}

/// Why an answer cannot be kept, or not be had back; from which file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitRecoveryError {
    /// The key cannot be sealed, or not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system failed at something: a verb.
    #[error("cannot {} {}: {}", .1, quote::sentence(.0), error::io(.2))]
    Io(PathBuf, &'static str, io::Error),
    /// An answer is kept there that nothing has come of yet.
    #[error("an earlier init was interrupted: what its server answered is still in {}", quote::sentence(.0))]
    Unfinished(PathBuf),
    /// Another process is at it.
    #[error("another init is at work on {}", quote::sentence(.0))]
    Busy(PathBuf),
    /// No answer is kept.
    #[error("there is nothing to resume: no answer of a server is in {}", quote::sentence(.0))]
    Nothing(PathBuf),
    /// The key does not fit what is there.
    #[error("what is in {} does not open with its key", quote::sentence(.0))]
    Damaged(PathBuf),
}

impl Explain for InitRecoveryError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::Store(error) => return error.kind_and_advice(),
            Self::Io(_, _, error) if error.kind() == io::ErrorKind::PermissionDenied => {
                ("rescue-io", AS_ROOT)
            }
            Self::Io(path, ..) => {
                let directory = quote::shell(path.parent().unwrap_or(path));
                return ("rescue-io", Some(format!("Is there room? df {directory}").into()));
            }
            Self::Unfinished(path) => {
                let advice = format!(
                    "Give the same command once more with --resume: it finishes that one. If the shares of that server \
                     are of no use any more, remove the file: rm {}",
                    quote::shell(path)
                );
                return ("init-unfinished", Some(advice.into()));
            }
            Self::Busy(_) => ("init-busy", "Wait for it to end."),
            Self::Nothing(_) => (
                "init-nothing-to-resume",
                "Say the same --tpm2, --credential, --plain and --output as before; without --resume a new server is \
                 initialised.",
            ),
            Self::Damaged(_) => (
                "rescue-damaged",
                "It was written by another init, or cut off. If nobody has the shares of that server, it holds nothing \
                 that could be read: stop it, remove its storage, start it, and initialise it anew.",
            ),
        };
        (kind, Some(advice.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn store() -> (tempfile::TempDir, ShareStore) {
        let directory = crate::testing::directory();
        let store = ShareStore::Plain(directory.path().join("shares.json"));
        (directory, store)
    }

    fn names(directory: &tempfile::TempDir) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_answer_is_had_back_until_all_is_done() {
        let (directory, store) = store();
        let mut recovery = InitRecovery::prepare(&store, &Trusted::default()).unwrap();
        assert!(!recovery.gives(&store, b"the only answer", &Trusted::default()));
        recovery.keep(b"the only answer").unwrap();
        assert!(
            recovery.gives(&store, b"the only answer", &Trusted::default())
                && !recovery.gives(&store, b"another", &Trusted::default())
        );
        assert!(matches!(InitRecovery::open(&store, &Trusted::default()), Err(InitRecoveryError::Busy(_))));
        assert!(matches!(InitRecovery::is_free(&store), Err(InitRecoveryError::Unfinished(_))));
        drop(recovery);
        let kept = fs::read(InitRecovery::path_for(&store)).unwrap();
        assert!(!String::from_utf8_lossy(&kept).contains("answer"), "it is encrypted");
        assert!(matches!(
            InitRecovery::prepare(&store, &Trusted::default()),
            Err(InitRecoveryError::Unfinished(_))
        ));
        let (recovery, answer) = InitRecovery::open(&store, &Trusted::default()).unwrap();
        assert_eq!(answer.as_slice(), b"the only answer");
        recovery.finish();
        assert_eq!(names(&directory), [""; 0]);
        assert!(InitRecovery::is_free(&store).is_ok());
        assert!(matches!(
            InitRecovery::open(&store, &Trusted::default()),
            Err(InitRecoveryError::Nothing(_))
        ));
    }

    #[test]
    fn without_an_answer_nothing_stays_and_a_killed_process_is_in_nobodys_way() {
        let (directory, store) = store();
        drop(InitRecovery::prepare(&store, &Trusted::default()).unwrap());
        assert_eq!(names(&directory), [""; 0]);
        std::mem::forget(
            InitRecovery::prepare(&store, &Trusted::default()).map(|recovery| recovery.file.set_len(0)),
        );
        fs::write(InitRecovery::path_for(&store), "").unwrap();
        assert!(matches!(
            InitRecovery::open(&store, &Trusted::default()),
            Err(InitRecoveryError::Nothing(_))
        ));
        drop(InitRecovery::prepare(&store, &Trusted::default()).unwrap());
        assert_eq!(names(&directory), [""; 0]);
    }

    #[test]
    fn a_lock_is_never_on_a_file_that_was_removed() {
        let (_directory, store) = store();
        let path = InitRecovery::path_for(&store);
        let come_and_go = || {
            for _ in 0..2000 {
                match open(&path, OFlags::CREATE) {
                    Ok(file) => {
                        let named = fs::metadata(&path).expect("nobody else may remove it");
                        assert_eq!(named.ino(), file.metadata().unwrap().ino());
                        fs::remove_file(&path).unwrap();
                    }
                    Err(error) => assert!(matches!(error, InitRecoveryError::Busy(_)), "{error}"),
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(come_and_go);
            }
        });
    }

    #[test]
    fn a_changed_file_is_not_believed() {
        let (_directory, store) = store();
        let mut recovery = InitRecovery::prepare(&store, &Trusted::default()).unwrap();
        recovery.keep(b"the only answer").unwrap();
        drop(recovery);
        let path = InitRecovery::path_for(&store);
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(
            InitRecovery::open(&store, &Trusted::default()),
            Err(InitRecoveryError::Damaged(_))
        ));
    }
}
