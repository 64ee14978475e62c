//! The verdict that our shares are not this server's, and when to doubt it.

use super::Machine;
use crate::unseal::{Action, Moment, State, Step, pacing};

/// Proof that our shares are not this server's.
#[derive(Debug)]
pub(super) struct Rejection {
    text: String,
    times: u32,
    /// The next try, if nobody asks for one earlier.
    retry_at: Moment,
    /// The earliest try if the server went away: it may have come back with other data.
    retry_after_restart: Moment,
}

impl Machine {
    pub(super) fn reject(&mut self, now: Moment, text: String) -> Step {
        self.abandon();
        let times = self.rejection.as_ref().map_or(0, |earlier| earlier.times.saturating_add(1));
        self.rejection = Some(Rejection {
            text: text.clone(),
            times,
            retry_at: now.saturating_add(pacing::rejected_retry(times)),
            retry_after_restart: now.saturating_add(self.pacing.pace.slow_interval),
        });
        self.fruitless = 0;
        self.state = Some(State::SharesRejected { text });
        self.after(self.pacing.pace.slow_interval, Action::AskHealth)
    }

    /// The verdict stands: not yet time to try again.
    pub(super) fn still_rejected(&mut self, now: Moment) -> Option<Step> {
        let rejection = self.rejection.as_ref()?;
        let left = rejection.retry_at.saturating_sub(now);
        if left.is_zero() {
            return None;
        }
        self.state = Some(State::SharesRejected { text: rejection.text.clone() });
        Some(self.after(self.pacing.pace.slow_interval.min(left), Action::AskHealth))
    }

    /// The server went away: it may come back with other data.
    pub(super) fn rejected_server_left(&mut self) {
        if let Some(rejection) = &mut self.rejection {
            rejection.retry_at = rejection.retry_at.min(rejection.retry_after_restart);
        }
    }
}
