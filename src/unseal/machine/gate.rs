//! The gate: every condition that forbids a share, in one place.

use super::NodeMachine;
use crate::unseal::phase::{Obstacle, PendingOutcome, Phase, Work};
use crate::unseal::seal::Seal;
use crate::unseal::{Action, Delay, Event, Moment, Step};

/// Shows that the gate was asked. The share source is not read, and no share submitted, without one of its own.
pub(super) struct Pass(());

impl NodeMachine {
    /// Whether a share may be submitted to a server of which this was seen last, by its health, its seal status or its answer
    /// to a share. If not, what is done instead.
    pub(super) fn gate(&mut self, now: Moment, seal: Seal) -> Result<Pass, Step> {
        match seal {
            Seal::WithoutKeys(None) => return Err(self.look_closer()),
            Seal::WithoutKeys(Some(status)) => return Err(self.uninitialized(now, &status)),
            Seal::OutOfBounds(threshold) => {
                let delay = Delay::out_of_bounds(threshold);
                return Err(self.leave_alone(Phase::sealed(Some(Obstacle::Delay(delay)))));
            }
            Seal::Foreign(_) => {
                // It was unsealed without us: how soon it was sealed after that says nothing of it.
                self.holds.forgive();
                return Err(self.leave_alone(Phase::LeftAlone(seal)));
            }
            Seal::Removed | Seal::Migrating => return Err(self.leave_alone(Phase::LeftAlone(seal))),
            Seal::Unsealed | Seal::Sealed => {}
        }
        if !self.evidence.called_initialised {
            // Initialised a moment ago, or not in its right mind: its health decides what may be done with it.
            return Err(self.contradicted(now));
        }
        if let Some(hold) = self.holds.hold {
            return Err(self.held(hold, false));
        }
        if let Some(why) = self.outsider.clone() {
            // It is another cluster's: our shares are nothing to it.
            return Err(self.leave_alone(Phase::sealed(Some(Obstacle::because(why)))));
        }
        let step = self.pause_after_relapse(now).or_else(|| self.still_patient(now));
        step.or_else(|| self.still_rejected(now)).or_else(|| self.not_yet(now)).map_or(Ok(Pass(())), Err)
    }

    pub(super) fn leave_alone(&mut self, phase: Phase) -> Step {
        self.forget();
        self.phase = phase;
        self.after(self.pacing.pace.slow_interval, Action::AskHealth)
    }

    /// The pause before the next unsealing of a server that seals itself. It is looked at meanwhile: it may restart, or be
    /// unsealed by others.
    fn pause_after_relapse(&mut self, now: Moment) -> Option<Step> {
        let pause = self.holds.relapses()?.pause(now);
        if pause.is_zero() {
            return None;
        }
        self.phase = Phase::sealed(None);
        Some(self.after(pause.min(self.pacing.pace.poll_interval), Action::AskHealth))
    }

    /// An outcome is awaited.
    fn still_patient(&mut self, now: Moment) -> Option<Step> {
        let patience @ PendingOutcome { until, peers, before, .. } = *self.phase.patience()?;
        if now >= until {
            self.phase.stop();
            if peers {
                self.events.push(Event::RoundLost);
            }
            return None;
        }
        self.phase.begin(Work::Awaiting(patience));
        if before.is_some() {
            // Its seal status tells whether there is an outcome to wait for.
            return Some(self.at_once(Action::ReadSealStatus));
        }
        if !matches!(self.phase.obstacle(), Some(Obstacle::Joining)) {
            self.phase
                .hinder(Obstacle::because("the answer to the last share was lost, its outcome is awaited"));
        }
        Some(self.after(self.pacing.joining().min(until.saturating_sub(now)), Action::AskHealth))
    }

    /// The verdict stands: not yet time to try again.
    fn still_rejected(&mut self, now: Moment) -> Option<Step> {
        let rejection = self.tried.rejection.as_ref()?;
        let left = rejection.retry_at.saturating_sub(now);
        if left.is_zero() {
            return None;
        }
        self.phase.hinder(Obstacle::Rejected(rejection.verdict.clone()));
        Some(self.after(self.pacing.pace.slow_interval.min(left), Action::AskHealth))
    }

    /// It answered shares with an error of its own, and is not yet asked again.
    fn not_yet(&mut self, now: Moment) -> Option<Step> {
        let failed =
            matches!(self.phase.obstacle(), Some(Obstacle::Damaged(_) | Obstacle::Delay(Delay::Refused(_))));
        let left = self.evidence.again_at.saturating_sub(now);
        (failed && !left.is_zero()).then(|| self.after(left, Action::AskHealth))
    }
}
