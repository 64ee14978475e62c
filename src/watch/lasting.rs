//! When it is said again that a state lasts.

use std::time::{Duration, Instant};

/// When it is said the first time.
const FIRST: Duration = Duration::from_secs(3600);
/// The longest time between two times.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A state that lasts: said again after 1, 2, 4, 8, 16 hours, and then each day.
#[derive(Debug)]
pub(super) struct LastingState {
    pub(super) since: Instant,
    next: Duration,
    /// How often something was tried meanwhile; it began with the first time.
    pub(super) attempts: u32,
}

impl LastingState {
    /// It begins.
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, next: FIRST, attempts: 1 }
    }

    /// How long it has lasted, if that is to be said now.
    pub(super) fn due(&mut self, now: Instant) -> Option<Duration> {
        let lasted = now.saturating_duration_since(self.since);
        if lasted < self.next {
            return None;
        }
        self.next = lasted + lasted.min(LONGEST);
        Some(lasted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lasting_state_is_said_again_ever_more_rarely_and_once_a_day_at_the_least() {
        let began = Instant::now();
        let mut lasting = LastingState::new(began);
        let hours = 0..24 * 7;
        let said: Vec<_> = hours
            .flat_map(|hour| (0..60).map(move |minute| hour * 60 + minute))
            .filter(|minute| lasting.due(began + Duration::from_secs(minute * 60)).is_some())
            .map(|minute| minute / 60)
            .collect();
        assert_eq!(said, [1, 2, 4, 8, 16, 32, 56, 80, 104, 128, 152]);
    }
}
