//! One helper at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

static TAKEN: Mutex<bool> = Mutex::new(false);
static FREED: Condvar = Condvar::new();

/// The right to have a helper running; given back when dropped.
pub(super) struct Slot(());

impl Slot {
    /// Waits for the slot; `None` when the deadline comes first.
    pub(super) fn take(deadline: Instant) -> Option<Self> {
        let mut taken = lock();
        while *taken {
            let left = deadline.checked_duration_since(Instant::now())?;
            (taken, _) = FREED.wait_timeout(taken, left).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
        Some(Self(()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *lock() = false;
        FREED.notify_one();
    }
}

fn lock() -> MutexGuard<'static, bool> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_second_waits_for_the_first_or_its_own_deadline() {
        let first = Slot::take(Instant::now()).unwrap();
        assert!(Slot::take(Instant::now()).is_none());
        let refusal = super::super::turn(Duration::ZERO).err().unwrap();
        assert_eq!(
            (refusal.kind(), refusal.to_string().as_str()),
            ("tpm-busy", "the TPM was busy for 0ns with what others here had asked of it before")
        );
        let second = std::thread::spawn(|| Slot::take(Instant::now() + Duration::from_secs(600)).is_some());
        drop(first);
        assert!(second.join().unwrap());
        assert!(Slot::take(Instant::now() + Duration::from_secs(600)).is_some(), "given back");
    }
}
