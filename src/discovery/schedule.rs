//! When a name is looked up again.

use std::time::Duration;

/// Pause after the first failure, and after the first lookup that a node's trouble led to.
const FIRST: Duration = Duration::from_secs(1);

/// Paces the lookups of one name.
#[derive(Debug, Clone)]
pub struct Schedule {
    interval: Duration,
    /// Failures in a row.
    failures: u32,
    /// Lookups out of turn, in a row, that brought nothing.
    hurried: u32,
}

/// Why a lookup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupReason {
    /// It was its turn.
    Turn,
    /// A node of the name cannot be reached.
    Trouble,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupOutcome {
    /// Other nodes than before.
    Changed,
    /// The same nodes.
    Same,
    /// Nothing.
    Failed,
}

/// When the next lookup may come, counted from the end of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupWindow {
    /// Not sooner, whatever happens to a node.
    pub opens: Duration,
    /// Not later.
    pub closes: Duration,
}

impl Schedule {
    /// With `interval` between two lookups while all is well.
    pub fn new(interval: Duration) -> Self {
        Self { interval, failures: 0, hurried: 0 }
    }

    /// When to look again after a lookup.
    pub fn after(&mut self, reason: LookupReason, outcome: LookupOutcome) -> LookupWindow {
        if outcome == LookupOutcome::Failed {
            let pause = self.pause(self.failures);
            self.failures = self.failures.saturating_add(1);
            return LookupWindow { opens: pause, closes: pause };
        }
        self.failures = 0;
        self.hurried = match (reason, outcome) {
            // Not none: an answer that is another one each time must not be asked for without a pause.
            (_, LookupOutcome::Changed) => 1,
            (LookupReason::Turn, _) => 0,
            (LookupReason::Trouble, _) => self.hurried.saturating_add(1),
        };
        let opens = self.hurried.checked_sub(1).map_or(Duration::ZERO, |times| self.pause(times));
        LookupWindow { opens, closes: self.interval }
    }

    /// A second, doubled so many times, and never longer than the interval.
    fn pause(&self, times: u32) -> Duration {
        FIRST.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(windows: &[LookupWindow]) -> Vec<(u64, u64)> {
        windows.iter().map(|window| (window.opens.as_secs(), window.closes.as_secs())).collect()
    }

    #[test]
    fn failures_are_retried_ever_more_slowly() {
        let mut schedule = Schedule::new(Duration::from_secs(5));
        let windows: Vec<_> =
            (0..40).map(|_| schedule.after(LookupReason::Turn, LookupOutcome::Failed)).collect();
        assert_eq!(seconds(&windows[..5]), [(1, 1), (2, 2), (4, 4), (5, 5), (5, 5)]);
        assert_eq!(seconds(&windows[39..]), [(5, 5)]);
        assert_eq!(seconds(&[schedule.after(LookupReason::Turn, LookupOutcome::Same)]), [(0, 5)]);
        assert_eq!(seconds(&[schedule.after(LookupReason::Turn, LookupOutcome::Failed)]), [(1, 1)]);
    }

    #[test]
    fn trouble_of_a_node_is_answered_at_once_and_then_ever_more_slowly() {
        let mut schedule = Schedule::new(Duration::from_secs(5));
        assert_eq!(seconds(&[schedule.after(LookupReason::Turn, LookupOutcome::Same)]), [(0, 5)]);
        let windows: Vec<_> =
            (0..5).map(|_| schedule.after(LookupReason::Trouble, LookupOutcome::Same)).collect();
        assert_eq!(seconds(&windows), [(1, 5), (2, 5), (4, 5), (5, 5), (5, 5)]);
        let changed = [LookupReason::Trouble, LookupReason::Trouble, LookupReason::Turn]
            .map(|reason| schedule.after(reason, LookupOutcome::Changed));
        assert_eq!(seconds(&changed), [(1, 5); 3], "never without a pause");
        assert_eq!(seconds(&[schedule.after(LookupReason::Turn, LookupOutcome::Same)]), [(0, 5)]);
    }
}
