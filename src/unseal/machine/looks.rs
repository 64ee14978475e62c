//! What looking at the server shows: its health, its seal status, or nothing.

use super::Machine;
use crate::api::{ConnectionEpoch, Health, SealState, SealStatus, Unreachable};
use crate::external::ExternalText;
use crate::unseal::hold::Seal;
use crate::unseal::{Action, Delay, Event, Hold, Moment, State, Step};

/// Most shares a server can ask for (the x coordinate is one byte, and not 0).
const MOST_SHARES: usize = 255;

impl Machine {
    /// No answer of the node's own.
    pub(super) fn unreachable(&mut self, now: Moment, cause: Unreachable) -> Step {
        self.wishes.lost();
        self.unsealed_by_us = None;
        if cause == Unreachable::Refused {
            self.wishes.restarts();
            self.shares_get_through();
            self.evidence.suspect_since = None;
        }
        let server = self.note_failed_look(now, &cause);
        if let Some(step) = self.silence(now, &cause) {
            return step;
        }
        if self.is_one_of_several(&cause) {
            self.abandon();
            return self.after(self.pacing.pace.retry_min, Action::AskHealth);
        }
        self.doubt_lost_answer(now, &cause);
        if let Some(step) = self.damage_in_error(now, &cause) {
            return step;
        }
        self.abandon();
        self.rejected_server_left();
        let later = self.pacing.rate_limited(&cause);
        let refused_since = self.pacing.refused(now, &cause);
        self.state = Some(if matches!(self.last, Action::Submit { .. } | Action::Reset) {
            self.unanswered(cause)
        } else {
            self.lasting.not_through = None;
            State::Unreachable { cause }
        });
        let pause = self.pacing.unreachable(now).max(later).max(server);
        Step { refused_since, ..self.after(pause, Action::AskHealth) }
    }

    /// The connection ended: what was to be asked next is asked sooner.
    pub(super) fn left(&mut self, now: Moment) -> Step {
        let planned = self.due.saturating_sub(now);
        let pause = match self.last {
            // Whoever asks to be left alone for a while closes his connection, too.
            _ if self.asked_to_wait() => planned,
            Action::AskHealth | Action::ReadSealStatus => planned.min(self.pacing.left(now)),
            // Its pause bounds the rate of rounds.
            _ => planned,
        };
        self.after(pause, self.last)
    }

    fn asked_to_wait(&self) -> bool {
        matches!(&self.state, Some(State::Unreachable { cause }) if cause.retry_after().is_some())
    }

    pub(super) fn health(&mut self, now: Moment, health: &Health, life: ConnectionEpoch) -> Step {
        self.pacing.answered();
        self.note_answer(now);
        self.meet(life);
        self.evidence.called_initialised = health.initialized;
        self.note_program(health.version.as_ref(), health.product);
        if health.removed {
            return self.leave_alone(State::Removed);
        }
        if !health.initialized {
            return self.look_closer();
        }
        if !health.sealed {
            if let Some(hold) = self.wishes.unsealed(now, life) {
                return self.held(hold, true);
            }
            self.note_role(now, health.role);
            return self.unsealed(now, State::Unsealed { role: health.role });
        }
        self.lasting.without_active.over();
        if self.are_proven_several() {
            self.wishes.lost();
        }
        self.unsealed_by_us = None;
        match self.wishes.sealed(now, life) {
            Seal::Held(hold) => return self.held(hold, false),
            Seal::Undone => self.events.push(Event::SealUndone),
            Seal::ByItself => self.relapsed(now),
            Seal::Found => {}
        }
        if let Some(step) = self.leave_outsider_alone().or_else(|| self.pause_after_relapse(now)) {
            return step;
        }
        let still = self.still_patient(now).or_else(|| self.still_rejected(now));
        if let Some(step) = still.or_else(|| self.not_yet(now)) {
            return step;
        }
        // Any other state already says that the server is sealed, and more than health can.
        if matches!(
            self.state,
            None | Some(
                State::Unreachable { .. }
                    | State::Unsealed { .. }
                    | State::Unsealing { .. }
                    | State::Held { .. }
            )
        ) && self.lasting.status_failures.times() == 0
        {
            let delay = self.lasting.not_through.clone().map(Delay::NotThrough);
            self.state = Some(State::Sealed { delay });
        }
        self.at_once(Action::ReadSealStatus)
    }

    pub(super) fn seal_status(&mut self, now: Moment, status: &SealStatus) -> Step {
        self.pacing.answered();
        self.note_round(now, status.nonce);
        self.note_agreement(now, status.sealed);
        self.lasting.status_failures.over();
        self.note_program(status.version.as_ref(), status.product);
        if let Some(step) = self.hands_off(now, status, status.foreign_type()) {
            return step;
        }
        if !status.sealed {
            if self.attempt.is_some() {
                // Our peers did it, just now.
                self.pacing.begin_to_settle();
            }
            self.abandon();
            // Health tells the role; a pause, because a server that contradicts itself must not spin us.
            let pause = self.pacing.settle();
            return self.after(pause, Action::AskHealth);
        }
        if !self.evidence.called_initialised {
            // Initialised a moment ago, or not in its right mind: its health decides what may be done with it.
            return self.contradicted(now);
        }
        if let Some(step) = self.doubt_again(now, status).or_else(|| self.keep_waiting(now, status)) {
            return step;
        }
        if !matches!(
            self.state,
            Some(
                State::Sealed { .. }
                    | State::SharesUnavailable { .. }
                    | State::SharesRejected { .. }
                    | State::Damaged { .. }
            )
        ) {
            self.state = Some(State::Sealed { delay: None });
        }
        let pause = self.pacing.turn(now);
        if !pause.is_zero() {
            // Read again after it: what a round looked like before the pause says nothing of it then.
            return self.after(pause, Action::ReadSealStatus);
        }
        self.begin_round(now, status.state)
    }

    fn held(&mut self, hold: Hold, unsealed: bool) -> Step {
        self.forget();
        self.state = Some(State::Held { hold, unsealed });
        self.after(self.pacing.pace.poll_interval, Action::AskHealth)
    }

    /// The server sealed itself: the next unsealing waits, ever longer.
    fn relapsed(&mut self, now: Moment) {
        self.abandon();
        if let Some(relapses) = self.wishes.relapses() {
            let pause = self.pacing.relapse(relapses.times());
            relapses.pause_until(now.saturating_add(pause));
        }
    }

    /// The pause before the next unsealing of a server that seals itself. It is looked at meanwhile: it may restart, or be
    /// unsealed by others.
    fn pause_after_relapse(&mut self, now: Moment) -> Option<Step> {
        let pause = self.wishes.relapses()?.pause(now);
        if pause.is_zero() {
            return None;
        }
        self.state = Some(State::Sealed { delay: None });
        Some(self.after(pause.min(self.pacing.pace.poll_interval), Action::AskHealth))
    }

    fn unsealed(&mut self, now: Moment, state: State) -> Step {
        self.forget();
        self.shares_get_through();
        self.lasting.status_failures.over();
        self.lasting.losses = 0;
        self.newcomer = false;
        self.evidence.seen_unsealed = true;
        self.evidence.suspect_since = None;
        if !self.state.as_ref().is_some_and(State::is_unsealed) {
            self.pacing.begin_to_settle();
        }
        self.state = Some(state);
        let pause = self.pacing.settle();
        let pause = self.wishes.lasts_in(now).map_or(pause, |lasts| pause.min(lasts));
        self.after(pause, Action::AskHealth)
    }

    /// States in which a server is none of our business, from a seal status and the type that it names.
    pub(super) fn hands_off(
        &mut self,
        now: Moment,
        status: &SealState,
        seal_type: Option<&ExternalText>,
    ) -> Option<Step> {
        if status.removed {
            Some(self.leave_alone(State::Removed))
        } else if !status.initialized || (status.sealed && status.threshold == 0) {
            Some(self.uninitialized(now, status))
        } else if !status.sealed {
            None
        } else if status.migration {
            // First: a move away from Shamir has the new seal's type already.
            Some(self.leave_alone(State::Migrating { product: self.product }))
        } else if !status.takes_unseal_shares() {
            // It was unsealed without us: how soon it was sealed after that says nothing of it.
            self.wishes.forgive();
            Some(self.leave_alone(State::ForeignSeal { seal_type: seal_type.cloned() }))
        } else if status.threshold > MOST_SHARES {
            let why = format!("the server asks for {} shares, more than can exist", status.threshold);
            Some(self.leave_alone(State::Sealed { delay: Some(Delay::because(why)) }))
        } else {
            None
        }
    }

    /// A sealed server that is another cluster's: our shares are nothing to it.
    pub(super) fn leave_outsider_alone(&mut self) -> Option<Step> {
        let why = self.outsider.clone()?;
        Some(self.leave_alone(State::Sealed { delay: Some(Delay::because(why)) }))
    }

    pub(super) fn leave_alone(&mut self, state: State) -> Step {
        self.forget();
        self.state = Some(state);
        self.after(self.pacing.pace.slow_interval, Action::AskHealth)
    }
}
