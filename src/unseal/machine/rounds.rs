//! Rounds: which share goes in next, and when a round begins, ends and is torn.

use super::Machine;
use crate::api::{Meaning, Refusal, Release, SealState};
use crate::unseal::attempt::Round;
use crate::unseal::attempt::{Attempt, Next};
use crate::unseal::{Action, Damage, Delay, Event, Holding, Moment, State, Step};

impl Machine {
    /// A turn was granted: a round on top of `status`, with the shares in hand or those of the source.
    pub(super) fn begin_round(&mut self, now: Moment, status: SealState) -> Step {
        if let Some(attempt) = self.attempt.as_mut().filter(|a| a.threshold == status.threshold) {
            attempt.begin(Round::found(&status));
            self.show_progress(status.progress, status.threshold);
            return self.submit_next(now);
        }
        self.abandon();
        let scheme = status.scheme();
        self.found = Some(status);
        self.at_once(Action::LoadShares(scheme))
    }

    /// The source was read.
    pub(super) fn shares(&mut self, now: Moment, holding: Holding) -> Step {
        self.pacing.source_is_well();
        let Some(status) = self.found.take() else {
            return self.at_once(Action::ReadSealStatus);
        };
        let round = Round::found(&status);
        let attempt = Attempt::new(status.threshold, holding.candidates, self.fruitless, round);
        if !attempt.possible() {
            return self.reject(now, "there is no share to submit".to_owned(), None);
        }
        self.full_custody = attempt.full_custody();
        self.attempt = Some(attempt);
        self.show_progress(status.progress, status.threshold);
        self.submit_next(now)
    }

    pub(super) fn submit_next(&mut self, now: Moment) -> Step {
        if let Some(step) = self.leave_outsider_alone() {
            return step;
        }
        let Some(attempt) = self.attempt.as_mut() else {
            return self.at_once(Action::AskHealth);
        };
        match attempt.next() {
            Next::Share(share) => {
                let completes = attempt.round.next_completes(attempt.threshold);
                self.at_once(Action::Submit { share, completes })
            }
            Next::AllIn if !attempt.full_custody() => self.wait_for_peers(now),
            Next::AllIn | Next::TornTooOften => {
                attempt.disturb();
                self.again(Delay::because("others disturb the unseal round"))
            }
        }
    }

    /// A complete round was refused: all its shares are gone, whoever's they were.
    pub(super) fn round_failed(&mut self, now: Moment, refusal: Refusal) -> Step {
        self.shares_get_through();
        let Some(attempt) = self.attempt.as_mut() else {
            return self.at_once(Action::AskHealth);
        };
        self.evidence.suspect_since = None;
        let full_custody = attempt.full_custody();
        let ours_alone = attempt.is_ours_alone();
        if full_custody && !ours_alone {
            attempt.disturb();
            self.events.push(Event::StrangerInRound {
                progress: attempt.threshold,
                ours: attempt.round.ours().saturating_add(1),
            });
        }
        self.events.push(Event::RoundFailed { ours_alone, refusal });
        if ours_alone && !attempt.failed_alone() {
            return self.doubt(now, refusal);
        }
        let delay = Delay::RoundFailed(refusal);
        if !full_custody && refusal.meaning == Meaning::InvalidKey && self.release == Release::New {
            // No round is ours alone here: what the servers of today mean by it is the likelier cause.
            return self.damaged(now, Damage::Keyring);
        }
        if !full_custody {
            self.abandon();
            return self.again(delay);
        }
        self.clear_round(now, delay)
    }

    /// Resets the round when it is our turn, and begins another.
    pub(super) fn clear_round(&mut self, now: Moment, delay: Delay) -> Step {
        self.stays_sealed(delay);
        let pause = self.pacing.book(now);
        self.after(pause, Action::Reset)
    }

    /// The round came to nothing, through no proven fault of our shares: look again, then start over.
    pub(super) fn again(&mut self, delay: Delay) -> Step {
        self.stays_sealed(delay);
        self.at_once(Action::ReadSealStatus)
    }

    /// Shows why; damage stays what is shown, for that it is tried again is no news.
    pub(super) fn stays_sealed(&mut self, delay: Delay) {
        if !self.is_damaged() {
            self.state = Some(State::Sealed { delay: Some(delay) });
        }
    }
}
