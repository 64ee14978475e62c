//! The holds of all nodes, kept over a restart of the daemon.

use super::key::NodeKey;
use crate::external::quote::sentence;
use crate::external::{ExternalText, error};
use crate::files::{self, FileRefusal};
use crate::ordered;
use crate::systemd::{self, RuntimeDirectoryError};
use crate::unseal::Hold;
use rustix::fs::{Mode, OFlags, open};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::spawn_blocking;

/// The file, in the directory that systemd empties when the machine restarts, and only then.
const FILE: &str = "holds.json";

/// Which nodes are held, why, and for how long.
#[derive(Debug, Default)]
pub struct HoldStore {
    directory: Option<PathBuf>,
    held: Mutex<Held>,
    /// Whoever writes, so that nobody writes what is older than another's. It goes with the work off the loop.
    writing: Arc<AsyncMutex<()>>,
}

/// What is held, and whether a later run would know.
#[derive(Debug, Default)]
struct Held {
    entries: BTreeMap<NodeKey, Entry>,
    /// How often anything changed.
    revision: u64,
    /// Of which of that it was last tried to write the file, and whether it was written.
    tried: u64,
    written: bool,
    /// Descriptors that writing takes: those of nodes may use up all others, and an order must be kept then too.
    spare: Vec<OwnedFd>,
    /// How many.
    kept: usize,
}

/// The directories of the way to the file, two at a time, the file, and one to look at it.
const SPARE: usize = 4;

impl Held {
    /// Whether the file has what was booked at this revision; `None` before that was tried.
    fn outcome(&self, revision: u64) -> Option<bool> {
        (self.tried >= revision).then_some(self.written)
    }

    fn keep_descriptors(&mut self) {
        while self.spare.len() < self.kept {
            let Ok(any) = open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else { return };
            self.spare.push(any);
        }
    }
}

/// The hold of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    hold: Hold,
    /// When it ends by itself, in seconds since 1970: the one clock that goes on between two runs of the daemon.
    until: Option<u64>,
    record: HoldRecord,
}

/// When a hold began, and who wanted it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HoldRecord {
    /// Seconds since 1970; `None` for a hold that an earlier version noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Who asked for it; `None` where an operator sealed the server.
    #[serde(flatten)]
    pub by: Option<Requester>,
}

/// Who asks for something over the control socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// The user who connected, in the kernel's word.
    pub uid: u32,
    /// The user whom sudo was called by, in the caller's word: `SUDO_USER` (sudo(8)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sudo_user: Option<ExternalText>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    held: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    cluster: String,
    address: String,
    hold: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    #[serde(flatten)]
    record: HoldRecord,
}

impl HoldStore {
    /// The holds that an earlier run left in `directory`; later ones are kept there too. Without a file there are
    /// none.
    pub fn in_directory(directory: &Path) -> Result<Self, HoldStoreError> {
        let opened = systemd::open_runtime_directory(directory)?;
        let document = match files::read_in(&opened, FILE, files::LARGEST) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(FileRefusal::Missing) => Document { held: Vec::new() },
            Err(refusal) => return Err(refusal.into()),
        };
        let entries = ordered::map(document.held.into_iter().filter_map(Line::read));
        Ok(Self::keeping(directory, entries))
    }

    /// No holds yet; later ones are kept in `directory`, over whatever is there.
    pub fn none_in(directory: &Path) -> Self {
        Self::keeping(directory, BTreeMap::new())
    }

    fn keeping(directory: &Path, entries: BTreeMap<NodeKey, Entry>) -> Self {
        let mut held = Held { entries, written: true, kept: SPARE, ..Held::default() };
        held.keep_descriptors();
        Self { directory: Some(directory.to_owned()), held: Mutex::new(held), writing: Arc::default() }
    }

    /// The same holds, and later ones are kept nowhere: the directory is another daemon's.
    #[must_use]
    pub fn unkept(self) -> Self {
        Self { directory: None, ..self }
    }

    /// The same, keeping no descriptors: there are too few for that.
    #[must_use]
    pub fn without_spare(self) -> Self {
        let mut held = self.held();
        (held.spare, held.kept) = (Vec::new(), 0);
        drop(held);
        self
    }

    /// A node's hold, and how long it still lasts if it ends by itself.
    pub(super) fn of(&self, key: &NodeKey) -> Option<(Hold, Option<Duration>)> {
        let held = self.held();
        let entry = held.entries.get(key)?;
        let left = |until| Duration::from_secs(until).saturating_sub(since_1970());
        Some((entry.hold, entry.until.map(left)))
    }

    /// When a node's hold began, and who wanted it.
    pub(super) fn record(&self, key: &NodeKey) -> Option<HoldRecord> {
        self.held().entries.get(key).map(|entry| entry.record.clone())
    }

    /// Books what a node's hold is now, and how long it lasts; [`Self::keep`] writes it.
    pub(super) fn book(&self, key: &NodeKey, hold: Option<(Hold, Option<Duration>)>) {
        self.book_all(std::iter::once(key), hold, None);
    }

    /// Books the same hold of several nodes; `by` asked for it. One that goes on keeps its beginning and whoever wanted it
    /// first.
    pub(super) fn book_all<'a>(
        &self,
        keys: impl Iterator<Item = &'a NodeKey>,
        hold: Option<(Hold, Option<Duration>)>,
        by: Option<&Requester>,
    ) {
        let end = |left| since_1970().saturating_add(left).as_secs();
        let mut held = self.held();
        // What could not be written is tried again.
        let mut changed = !held.written;
        for key in keys {
            let before = held.entries.get(key);
            let entry = hold.map(|(hold, left)| Entry {
                hold,
                until: left.map(end),
                record: match before.filter(|before| before.hold == hold) {
                    Some(before) => before.record.clone(),
                    None => HoldRecord { since: Some(since_1970().as_secs()), by: by.cloned() },
                },
            });
            if before == entry.as_ref() {
                continue;
            }
            match entry {
                Some(entry) => drop(held.entries.insert(key.clone(), entry)),
                None => drop(held.entries.remove(key)),
            }
            changed = true;
        }
        if changed {
            held.revision += 1;
        }
    }

    /// Writes what is booked, off the loop; one write is for all who wait for it. Returns whether a later run will know: a
    /// file that cannot be written is said in the log, and costs only the memory of it.
    pub(super) async fn keep(self: &Arc<Self>) -> bool {
        let Some(directory) = &self.directory else { return false };
        let wanted = self.held().revision;
        let turn = Arc::clone(&self.writing).lock_owned().await;
        if let Some(kept) = self.held().outcome(wanted) {
            return kept;
        }
        let (holds, place) = (Arc::clone(self), directory.clone());
        let _turn = match spawn_blocking(move || (holds.write(&place).is_ok(), turn)).await {
            Ok((true, _)) => return true,
            Ok((false, turn)) => turn,
            Err(_) => Arc::clone(&self.writing).lock_owned().await,
        };
        self.write_at_once(directory)
    }

    /// Writes what is booked, on the loop: nobody else takes the descriptors meanwhile that are kept for it.
    fn write_at_once(&self, directory: &Path) -> bool {
        let (revision, spare) = {
            let mut held = self.held();
            (held.revision, std::mem::take(&mut held.spare))
        };
        drop(spare);
        let written = self.write(directory);
        let mut held = self.held();
        held.keep_descriptors();
        if let Err(cause) = &written {
            (held.tried, held.written) = (revision, false);
            let file = sentence(&directory.join(FILE));
            tracing::warn!(
                "cannot write {file}: {cause}; a restart of this daemon forgets what was held or resumed"
            );
        }
        written.is_ok()
    }

    /// Blocks. Whoever calls it has the turn.
    fn write(&self, directory: &Path) -> Result<(), HoldStoreError> {
        let (revision, entries) = {
            let held = self.held();
            (held.revision, held.entries.clone())
        };
        let lines = entries.iter().map(|(key, entry)| Line::of(key, entry)).collect();
        write(directory, &Document { held: lines })?;
        let mut held = self.held();
        (held.tried, held.written) = (revision, true);
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn write(directory: &Path, document: &Document) -> Result<(), HoldStoreError> {
    let directory = systemd::open_runtime_directory(directory)?;
    Ok(files::replace(directory, FILE, &serde_json::to_vec(document)?)?)
}

/// Why holds cannot be read or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldStoreError {
    /// Their directory is not used.
    #[error(transparent)]
    Directory(#[from] RuntimeDirectoryError),
    /// Their file cannot be read.
    #[error(transparent)]
    File(#[from] FileRefusal),
    /// It does not hold what an earlier run wrote.
    #[error("{}", error::json(.0))]
    Document(#[from] serde_json::Error),
    /// The operating system failed.
    #[error("{}", error::io(.0))]
    Io(#[from] io::Error),
}

impl Line {
    fn of(key: &NodeKey, entry: &Entry) -> Self {
        Self {
            cluster: key.cluster.clone(),
            address: key.address.to_string(),
            hold: entry.hold.word().to_owned(),
            until: entry.until,
            record: entry.record.clone(),
        }
    }

    /// `None` for what a later version wrote.
    fn read(self) -> Option<(NodeKey, Entry)> {
        let hold = [Hold::Seal, Hold::Request].into_iter().find(|hold| hold.word() == self.hold)?;
        let key = NodeKey { cluster: self.cluster, address: self.address.parse().ok()? };
        Some((key, Entry { hold, until: self.until, record: self.record }))
    }
}

#[cfg(test)]
mod tests;
