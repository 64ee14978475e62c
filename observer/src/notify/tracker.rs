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
}

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
        // What is unknown is not over.
        let lasts =
            |standing: Option<&Standing>| matches!(standing, Some(Standing::Bad(..) | Standing::Unknown));
        self.problems.retain(|subject, _| lasts(seen.standing(subject)));
        for (subject, standing) in &seen.standings {
            let Standing::Bad(event, _) = standing else { continue };
            let fresh = Tracked { event: *event, began: now, changed: now };
            let tracked = self.problems.entry(subject.clone()).or_insert(fresh);
            if tracked.event != *event {
                let down = |event: Event| event.nature() == Nature::Down;
                let began = if down(tracked.event) && down(*event) { tracked.began } else { now };
                *tracked = Tracked { event: *event, began, changed: now };
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
