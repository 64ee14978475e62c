//! A question that has had no answer for long, and may still get one: a server that hangs accepts what it is sent. What was
//! seen before is then shown no longer, and nothing else changes: the answer goes on where the last one ended.

use super::NodeMachine;
use crate::api::Unreachable;
use crate::unseal::phase::{Obstacle, Phase, Work};
use crate::unseal::{Action, State};
use std::time::Duration;

/// How many polls are missed by then.
const MISSED: u32 = 2;
/// How long it takes at the least: a server that waits for its disk is slow.
const LEAST: Duration = Duration::from_secs(2);

impl NodeMachine {
    /// The question under way has had no answer for as long as [`Step::overdue_after`](crate::unseal::Step::overdue_after)
    /// allows. It goes on; what it brings, [`observe`](Self::observe) is told as ever.
    pub fn overdue(&mut self) {
        self.overdue = self.overdue_after(self.last);
        self.state = self.shown();
    }

    /// After how long without an answer to this the last one is shown no longer; `None` where nothing is claimed of the server
    /// that an answer would have to confirm, or where silence is to be expected: a share's answer may wait for a join, and so
    /// may everything that is asked during one, and first of all the seal status. At a port that has just opened "refused" is
    /// claimed no longer.
    pub(super) fn overdue_after(&self, action: Action) -> Option<Duration> {
        let claims = match &self.phase {
            Phase::Unseen | Phase::Unreachable { .. } => false,
            Phase::Sealed { work, obstacle } => match (work, obstacle) {
                (_, Some(Obstacle::Joining)) => false,
                (work, Some(_)) => matches!(work, Work::Looking | Work::Over(_)),
                (work, None) => matches!(work, Work::Looking),
            },
            Phase::Uninitialized | Phase::Unsealed(_) | Phase::Held { .. } | Phase::LeftAlone(_) => true,
        };
        let missed = self.pacing.pace.poll_interval.saturating_mul(MISSED);
        (self.first_look || (claims && action == Action::AskHealth)).then_some(missed.max(LEAST))
    }

    /// What is shown meanwhile.
    pub(super) fn silent(&self) -> Option<State> {
        self.overdue.map(|silent| State::Unreachable { cause: Unreachable::Timeout(silent) })
    }
}
