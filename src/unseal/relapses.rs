//! Seals of a server's own, one soon after each unsealing.

use super::{Moment, State};
use crate::api::ConnectionEpoch;
use std::time::Duration;

/// A server that sealed itself and has not stayed unsealed since.
#[derive(Debug)]
pub(super) struct Relapses {
    life: ConnectionEpoch,
    /// When it was unsealed before the first.
    since: Moment,
    times: u32,
    /// Nothing is submitted before.
    retry_at: Moment,
    state: State,
}

impl Relapses {
    /// The first: unsealed at `since`, and sealed again so long after.
    pub(super) fn first(life: ConnectionEpoch, since: Moment, after: Duration) -> Self {
        let state = state(1, after, after);
        Self { life, since, times: 1, retry_at: Moment::MAX, state }
    }

    /// Another one, so long after another unsealing.
    pub(super) fn another(&mut self, now: Moment, after: Duration) {
        self.times = self.times.saturating_add(1);
        let within = now.saturating_sub(self.since);
        self.state = state(self.times, within, after);
    }

    /// The life of the server that all of them are of.
    pub(super) fn life(&self) -> ConnectionEpoch {
        self.life
    }

    /// How many.
    pub(super) fn times(&self) -> u32 {
        self.times
    }

    /// Nothing is to be submitted before.
    pub(super) fn pause_until(&mut self, then: Moment) {
        self.retry_at = then;
    }

    /// How long nothing is to be submitted.
    pub(super) fn pause(&self, now: Moment) -> Duration {
        self.retry_at.saturating_sub(now)
    }

    /// What is shown of them.
    pub(super) fn state(&self) -> &State {
        &self.state
    }
}

/// `sealed itself again 0.1 s after it was unsealed, 5 times in 10 s`.
fn state(times: u32, within: Duration, after: Duration) -> State {
    let after = after.as_secs_f64();
    let text = if times < 2 {
        format!("sealed itself {after:.1} s after it was unsealed")
    } else {
        let within = humantime::format_duration(Duration::from_secs(within.as_secs().max(1)));
        format!("sealed itself again {after:.1} s after it was unsealed, {times} times in {within}")
    };
    State::SealsItself { times, text }
}
