//! What every target was told, as the last that is known of it is kept: a thread of its own writes it, so that a disk that
//! hangs keeps nobody from being told.

use super::ledger::Ledger;
use super::memory::Memory;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use vault_unseal::report::in_one_line;

/// Between a write that failed and the next.
const PAUSE: Duration = Duration::from_secs(10);

/// What was told.
#[derive(Debug, Default)]
struct Told {
    targets: BTreeMap<String, Ledger>,
    /// It differs from what is on the disk.
    news: bool,
}

/// Keeps what was told.
#[derive(Debug)]
pub(super) struct Keeper {
    told: Mutex<Told>,
    changed: Condvar,
}

impl Keeper {
    /// Begins with what the memory has; what cannot be read is said.
    ///
    /// Errors: there can be no thread.
    pub(super) fn begin(memory: Memory) -> std::io::Result<Arc<Self>> {
        let (targets, forgotten) = memory.read();
        if let Some(why) = forgotten {
            tracing::warn!("{}", in_one_line(&why));
        }
        let told = Mutex::new(Told { targets, news: false });
        let keeper = Arc::new(Self { told, changed: Condvar::new() });
        let of_thread = Arc::clone(&keeper);
        std::thread::Builder::new()
            .name("memory".to_owned())
            .stack_size(512 * 1024)
            .spawn(move || of_thread.write(&memory))?;
        Ok(keeper)
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a target was told.
    pub(super) fn of(&self, name: &str) -> Ledger {
        self.lock().targets.get(name).cloned().unwrap_or_default()
    }

    /// These are the targets: of others nothing is remembered, so that one that comes back is told anew.
    pub(super) fn retain<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let names: Vec<_> = names.collect();
        let mut told = self.lock();
        let before = told.targets.len();
        told.targets.retain(|name, _| names.contains(&name.as_str()));
        if told.targets.len() != before {
            told.news = true;
            self.changed.notify_all();
        }
    }

    /// A target was told this, if that is news.
    pub(super) fn keep(&self, name: &str, ledger: &Ledger) {
        let mut told = self.lock();
        if told.targets.get(name) != Some(ledger) {
            told.targets.insert(name.to_owned(), ledger.clone());
            told.news = true;
            self.changed.notify_all();
        }
    }

    /// Waits until everything is kept, or for so long. Blocks.
    pub(super) fn finish(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let mut told = self.lock();
        while told.news {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return };
            told = self.changed.wait_timeout(told, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Writes what is news, for ever.
    fn write(&self, memory: &Memory) {
        let mut failing = false;
        loop {
            let targets = {
                let mut told = self.lock();
                while !told.news {
                    told = self.changed.wait(told).unwrap_or_else(PoisonError::into_inner);
                }
                told.targets.clone()
            };
            match memory.write(&targets) {
                Ok(()) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("what was told is kept again");
                    }
                    let mut told = self.lock();
                    // Meanwhile there may be more.
                    told.news = told.targets != targets;
                    self.changed.notify_all();
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!("{}", in_one_line(&error));
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }
}
