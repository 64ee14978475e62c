//! Fewer shares than needed: ours are in, the rest is for others to give.

use super::Machine;
use crate::api::SealState;
use crate::unseal::{Action, Delay, Event, Moment, State, Step};

impl Machine {
    /// All that we hold is in.
    pub(super) fn wait_for_peers(&mut self, now: Moment) -> Step {
        let Some(attempt) = self.attempt.as_mut() else {
            return self.at_once(Action::AskHealth);
        };
        attempt.waiting = true;
        let (progress, threshold) = (attempt.round.progress(), attempt.threshold);
        self.shares_get_through();
        self.pacing.server_is_well();
        self.offer_again_at = now.saturating_add(self.pacing.pace.slow_interval);
        self.state = Some(State::WaitingForPeers { progress, threshold });
        self.after(self.pacing.pace.poll_interval, Action::ReadSealStatus)
    }

    /// Follows the round that our shares wait in; `None` when we do not wait, or wait no longer.
    pub(super) fn keep_waiting(&mut self, now: Moment, status: &SealState) -> Option<Step> {
        let attempt = self.attempt.as_mut().filter(|attempt| attempt.waiting)?;
        let same_plan = status.threshold == attempt.threshold;
        if same_plan && attempt.round.goes_on(status) {
            attempt.round.grew(status);
            let nameless = attempt.round.is_nameless();
            self.state =
                Some(State::WaitingForPeers { progress: status.progress, threshold: status.threshold });
            if nameless && now >= self.offer_again_at {
                // Another round may have taken the place of ours unseen; a share that is in does no harm.
                self.abandon();
                self.found = Some(*status);
                return Some(self.at_once(Action::LoadShares(status.scheme())));
            }
            return Some(self.after(self.pacing.pace.poll_interval, Action::ReadSealStatus));
        }
        let completed = same_plan && status.progress == 0 && attempt.round.next_completes(attempt.threshold);
        if completed {
            // A peer's share may have completed the round and set off a raft join.
            return Some(self.wait_for_outcome_of_peers(now));
        }
        self.abandon();
        self.events.push(Event::RoundLost);
        self.state = Some(State::Sealed { delay: Some(Delay::because("the unseal round was lost")) });
        None
    }

    /// Shows our shares going in. Where they only make sure of a round that waits for peers, it still waits.
    pub(super) fn show_progress(&mut self, progress: usize, threshold: usize) {
        let waits = !self.full_custody && matches!(self.state, Some(State::WaitingForPeers { .. }));
        // It was tried before, to no avail: that it is tried again is no news.
        if matches!(
            self.state,
            Some(
                State::Damaged { .. }
                    | State::Sealed { delay: Some(Delay::Refused(_) | Delay::NotThrough(_)) }
            )
        ) {
            return;
        }
        self.state = Some(if waits {
            State::WaitingForPeers { progress, threshold }
        } else {
            State::Unsealing { progress, threshold }
        });
    }
}
