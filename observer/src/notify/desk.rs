//! What one target is told when: what is due, together with what else comes soon, and again after ever longer pauses where it
//! was not taken. Pure.

use super::ledger::{Ledger, Patience};
use super::message::Message;
use super::seen::{Seen, Subject};
use super::settings::Rules;
use super::tracker::{STEADY, Tracker};
use std::collections::BTreeMap;
use std::time::Duration;

/// The first pause after a message that was not taken.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Pauses between tries.
#[derive(Debug, Clone, Default)]
pub(super) struct BackOff {
    pause: Option<Duration>,
    until: Option<Duration>,
}

impl BackOff {
    /// Whether it may be tried.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// A try failed; the other side may have asked for a pause. `jitter` is from 0 to 1.
    pub(super) fn failed(&mut self, now: Duration, asked: Option<Duration>, jitter: f64) {
        let pause = self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        self.pause = Some(pause);
        // Many machines lose one target at the same moment.
        let spread = pause.mul_f64(0.75 + jitter.clamp(0.0, 1.0) / 2.0);
        self.until = Some(now.saturating_add(spread.max(asked.unwrap_or_default())));
    }

    /// Waits no longer than this.
    pub(super) fn within(&mut self, now: Duration, most: Duration) {
        self.until = self.until.map(|until| until.min(now.saturating_add(most)));
    }

    /// A try succeeded.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }
}

/// What is under way to one target.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk {
    /// What it was told.
    pub ledger: Ledger,
    patience: Patience,
    /// Since when what is due is so, and when it was so last: of a server that is well for moments only at some looks, and
    /// not at others.
    due: BTreeMap<Subject, (Duration, Duration)>,
    /// Pauses between tries.
    pub back_off: BackOff,
}

impl Desk {
    /// With what was told before.
    pub(super) fn with(ledger: Ledger) -> Self {
        Self { ledger, ..Self::default() }
    }

    /// What to send now.
    pub(super) fn compose(
        &mut self,
        now: Duration,
        seen: &Seen,
        tracker: &Tracker,
        rules: &Rules,
    ) -> Option<Message> {
        let message = self.ledger.due(now, seen, tracker, rules, &mut self.patience);
        let mut first = now;
        for entry in message.iter().flat_map(|message| &message.entries) {
            let (since, last) = self.due.entry(entry.subject.clone()).or_insert((now, now));
            *last = now;
            first = first.min(*since);
        }
        // Not before: while a message is told, nothing is composed.
        self.due.retain(|_, (_, last)| now.saturating_sub(*last) < STEADY);
        let Some(message) = message else {
            self.ledger.quiet(seen);
            return None;
        };
        (now.saturating_sub(first) >= rules.batch && self.back_off.is_over(now)).then_some(message)
    }

    /// The message was taken.
    pub(super) fn sent(&mut self, message: &Message, seen: &Seen) {
        self.ledger.told(message, seen, &mut self.patience);
        self.due.clear();
        self.back_off.succeeded();
    }

    /// It was not.
    pub(super) fn failed(&mut self, now: Duration, message: &Message, asked: Option<Duration>, jitter: f64) {
        self.patience.failed(message);
        self.back_off.failed(now, asked, jitter);
    }
}
