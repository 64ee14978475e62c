//! How long problems last, by a clock that nobody sets. Pure.

use super::event::{Event, Nature};
use super::seen::{Seen, Standing, Subject};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long each problem has lasted since it was first seen. A server that is down in one way and then in another is down all
/// the time.
///
/// Not by the times that the daemon tells: a machine without a battery has another time once it is told one, and a problem of
/// ten seconds would be one of fifty years.
#[derive(Debug, Clone, Default)]
pub(super) struct Tracker {
    problems: BTreeMap<Subject, Tracked>,
}

#[derive(Debug, Clone, Copy)]
struct Tracked {
    event: Event,
    began: Duration,
    changed: Duration,
    /// Since when it has been well.
    well: Option<Duration>,
}

/// Who is well for less than this in between has been down all the time.
pub(super) const STEADY: Duration = Duration::from_secs(20);

/// How long a problem has lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lasting {
    /// In whatever form.
    pub in_all: Duration,
    /// As it is now.
    pub as_it_is: Duration,
}

impl Tracker {
    /// Takes in what was seen at a time of a clock that goes on evenly.
    pub(super) fn follow(&mut self, now: Duration, seen: &Seen) {
        self.problems.retain(|subject, tracked| match seen.standing(subject) {
            // What is unknown is not over.
            Some(Standing::Bad(..) | Standing::Unknown) => true,
            Some(Standing::Good) => now.saturating_sub(*tracked.well.get_or_insert(now)) < STEADY,
            None => false,
        });
        for (subject, standing) in &seen.standings {
            let Standing::Bad(event, _) = standing else { continue };
            let fresh = Tracked { event: *event, began: now, changed: now, well: None };
            let tracked = self.problems.entry(subject.clone()).or_insert(fresh);
            tracked.well = None;
            if tracked.event != *event {
                let down = |event: Event| event.nature() == Nature::Down;
                let began = if down(tracked.event) && down(*event) { tracked.began } else { now };
                *tracked = Tracked { event: *event, began, changed: now, well: None };
            }
        }
    }

    /// How long this subject has had its problem.
    pub(super) fn of(&self, subject: &Subject, now: Duration) -> Lasting {
        let lasted = |since: Duration| now.saturating_sub(since);
        let tracked = self.problems.get(subject);
        let (in_all, as_it_is) =
            tracked.map_or_else(Default::default, |tracked| (lasted(tracked.began), lasted(tracked.changed)));
        Lasting { in_all, as_it_is }
    }
}
