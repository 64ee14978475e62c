//! One thread at a time in one file: a read that never ends, as on a network file system that is away, takes one
//! thread and not one for each that comes after it.

use super::FileRefusal;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long others wait for the file before they are refused.
const PATIENCE: Duration = Duration::from_secs(5);

static BUSY: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
static FREED: Condvar = Condvar::new();

/// The right to be in a file, until it is dropped.
pub(super) struct Turn(PathBuf);

impl Turn {
    /// Waits for the file at this absolute path. Errors: [`FileRefusal::Busy`].
    pub(super) fn take(path: &Path) -> Result<Self, FileRefusal> {
        Self::take_within(path, PATIENCE)
    }

    fn take_within(path: &Path, patience: Duration) -> Result<Self, FileRefusal> {
        let waited = FREED.wait_timeout_while(busy(), patience, |busy| busy.contains(path));
        let (mut busy, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if busy.insert(path.to_owned()) { Ok(Self(path.to_owned())) } else { Err(FileRefusal::Busy) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        busy().remove(&self.0);
        FREED.notify_all();
    }
}

fn busy() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_in_use_is_refused_to_others_until_it_is_free() {
        let [one, other] = ["/turn/one", "/turn/other"].map(Path::new);
        let turn = Turn::take(one).expect("free");
        assert!(matches!(Turn::take_within(one, Duration::ZERO), Err(FileRefusal::Busy)));
        assert!(Turn::take_within(other, Duration::ZERO).is_ok(), "another file");
        let waiting = std::thread::spawn(move || Turn::take(one).is_ok());
        drop(turn);
        assert!(waiting.join().expect("a thread"));
        assert!(Turn::take_within(one, Duration::ZERO).is_ok());
    }
}
