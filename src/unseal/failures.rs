//! What is counted to tell what passes by itself from what does not, and one server from several behind one address.

use super::Moment;
use crate::api::{Nonce, Unreachable};
use std::time::Duration;

/// What went wrong with one node, again and again.
#[derive(Debug, Clone, Default)]
pub(super) struct FailureRecord {
    /// Answers to shares that were errors of the server's own.
    pub(super) share_failures: Streak,
    /// Why a share was not answered by the server itself, and the server has answered questions ever since.
    pub(super) not_through: Option<Unreachable>,
    /// Why its seal status could not be read, and its health was answered ever since.
    pub(super) status_unread: Option<Unreachable>,
    /// The same to questions for its health.
    pub(super) health_failures: Streak,
    /// And for its seal status.
    pub(super) status_failures: Streak,
    /// Unsealed, and without an active node.
    pub(super) without_active: Streak,
    pub(super) round_names: RoundNames,
    pub(super) contradictions: u32,
    /// The server answered again after one failed look.
    pub(super) returns: Streak,
    pub(super) losses: u32,
    /// More than one server answers, as was last seen then.
    pub(super) several: Option<Moment>,
    /// The servers themselves showed it, and not only a proxy's pages, which a rate limit makes as well.
    pub(super) proven: bool,
    /// The last failure to answer for its health was a proxy's page.
    pub(super) by_page: bool,
}

/// The same failure, seen again and again.
#[derive(Debug, Clone, Default)]
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

/// The last few names of the rounds that a server has shown: they tell one server from several behind one address.
/// One server never returns to a round that something else followed: a new round gets a new name.
#[derive(Debug, Clone, Default)]
pub(super) struct RoundNames {
    latest: Nonce,
    earlier: [Nonce; 8],
    next: usize,
}

impl RoundNames {
    /// The server shows this round, or none. True when it is an earlier one: it is another server's.
    pub(super) fn returns_to(&mut self, name: Nonce) -> bool {
        if name == self.latest {
            return false;
        }
        let known = !name.is_empty() && self.earlier.contains(&name);
        if let Some(slot) = self.earlier.get_mut(self.next).filter(|_| !self.latest.is_empty()) {
            *slot = self.latest;
            self.next = (self.next + 1) % self.earlier.len();
        }
        self.latest = name;
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returns(names: &[&str]) -> Vec<bool> {
        let mut seen = RoundNames::default();
        names.iter().map(|name| seen.returns_to(Nonce::of(name))).collect()
    }

    #[test]
    fn rounds_of_one_server_never_return() {
        assert_eq!(returns(&["", "a", "a", "", "b", "b", "c", ""]), [false; 8]);
        assert_eq!(returns(&["", "", ""]), [false; 3]);
    }

    #[test]
    fn rounds_of_two_servers_return() {
        assert_eq!(returns(&["a", "b", "a"]), [false, false, true]);
        assert_eq!(returns(&["a", "", "a"]), [false, false, true]);
        assert_eq!(returns(&["a", "b", "c", "b"]), [false, false, false, true]);
    }

    /// Two dozen rounds, and then one of the last eight before the present one, or one from before those.
    #[test]
    fn last_eight_rounds_are_remembered_however_many_there_were() {
        let names: Vec<String> = (0..24).map(|round| format!("round {round}")).collect();
        for (round, known) in [(0, false), (14, false), (15, true), (22, true)] {
            let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
            names.push(names[round]);
            let mut expected = vec![false; 24];
            expected.push(known);
            assert_eq!(returns(&names), expected, "{round}");
        }
    }

    /// A reload may change the limit.
    #[test]
    fn what_lasts_is_told_once_for_each_longer_limit() {
        let mut streak = Streak::default();
        let mut tells = |lasted, limit| streak.tells(Duration::from_secs(lasted), Duration::from_secs(limit));
        let told = [(9, 10), (10, 10), (11, 10), (19, 20), (20, 20), (21, 20), (22, 10)];
        assert_eq!(
            told.map(|(lasted, limit)| tells(lasted, limit)),
            [false, true, false, false, true, false, false]
        );
    }
}
