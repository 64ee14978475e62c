//! Trouble that may pass by itself, and is told when it does not.

use super::Moment;
use std::time::Duration;

/// The same trouble, seen again and again.
#[derive(Debug, Default)]
pub(super) struct Streak {
    since: Option<Moment>,
    times: u32,
    told: Option<Duration>,
}

impl Streak {
    /// It was seen, again or for the first time. Returns how long it has lasted.
    pub(super) fn again(&mut self, now: Moment) -> Duration {
        self.times = self.times.saturating_add(1);
        now.saturating_sub(*self.since.get_or_insert(now))
    }

    /// How often it was seen.
    pub(super) fn times(&self) -> u32 {
        self.times
    }

    /// Whether it is to be told now that it has lasted so long: once for each of these limits.
    pub(super) fn tells(&mut self, lasted: Duration, limit: Duration) -> bool {
        let due = lasted >= limit && self.told.is_none_or(|told| told < limit);
        if due {
            self.told = Some(limit);
        }
        due
    }

    /// It is over.
    pub(super) fn over(&mut self) {
        *self = Self::default();
    }
}
