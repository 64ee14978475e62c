//! What looking at the server shows: its health, its seal status, or nothing.

use super::NodeMachine;
use crate::api::{ConnectionEpoch, Health, Role, SealStatus, Unreachable};
use crate::unseal::hold::SealedBy;
use crate::unseal::phase::{Obstacle, Phase, Work};
use crate::unseal::seal::Seal;
use crate::unseal::{Action, Delay, Event, Hold, Moment, Step};

impl NodeMachine {
    /// Something listens, and nothing is known of it yet: sealed is what a server is that was just started, and then its seal
    /// status tells all that a share depends on.
    pub(super) fn look_first(&mut self) -> Step {
        let step = self.at_once(Action::ReadSealStatus);
        self.first_look = true;
        Step { load_ahead: self.may_want_shares(), overdue_after: self.overdue_after(step.action), ..step }
    }

    /// Nothing that is known speaks against submitting shares to a server that turns out to be sealed.
    fn may_want_shares(&mut self) -> bool {
        self.holds.hold.is_none()
            && self.outsider.is_none()
            && self.tried.rejection.is_none()
            && self.failures.status_unread.is_none()
            && self.phase.attempt().is_none()
            && !matches!(self.phase, Phase::LeftAlone(_))
            && !matches!(self.phase.obstacle(), Some(Obstacle::SourceFailed(_)))
    }

    /// No answer of the node's own.
    pub(super) fn unreachable(&mut self, now: Moment, cause: Unreachable) -> Step {
        if self.first_look {
            if is_of_the_question(&cause) {
                // A server that joins its cluster, or whoever stands before it, may answer the other question.
                return self.at_once(Action::AskHealth);
            }
            // The connection failed, whatever would have been asked over it.
            self.last = Action::AskHealth;
        }
        self.holds.lost();
        self.unsealed_by_us = None;
        if cause == Unreachable::Refused {
            self.holds.restarts();
            self.shares_get_through();
            self.evidence.suspect_since = None;
        }
        let server = self.note_failed_look(now, &cause);
        if let Some(step) = self.silence(now, &cause) {
            return step;
        }
        if self.is_one_of_several(&cause) {
            self.phase.abandon();
            return self.after(self.pacing.pace.retry_min, Action::AskHealth);
        }
        let awaited = self.lost_answer(now, &cause);
        if let Some(step) = self.damage_in_error(now, &cause) {
            return step;
        }
        if let Some(rejection) = &mut self.tried.rejection {
            // It may come back with other data.
            rejection.retry_at = rejection.retry_at.min(rejection.retry_after_restart);
        }
        let later = self.pacing.rate_limited(&cause);
        let refused_since = self.pacing.refused(now, &cause);
        if matches!(self.last, Action::Submit { .. } | Action::Reset) {
            self.unanswered(cause, awaited);
        } else if self.last == Action::ReadSealStatus && self.evidence.called_initialised {
            self.failures.not_through = None;
            self.status_unread(cause, awaited);
        } else {
            self.failures.not_through = None;
            self.failures.status_unread = None;
            self.phase = Phase::Unreachable { cause, awaited };
        }
        let pause = self.pacing.unreachable(now).max(later).max(server);
        Step { refused_since, ..self.after(pause, Action::AskHealth) }
    }

    /// The connection ended: what was to be asked next is asked sooner.
    pub(super) fn left(&mut self, now: Moment) -> Step {
        if self.first_look {
            // Of an earlier connection.
            return self.look_first();
        }
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
        matches!(&self.phase, Phase::Unreachable { cause, .. } if cause.retry_after().is_some())
    }

    pub(super) fn health(&mut self, now: Moment, health: &Health, epoch: ConnectionEpoch) -> Step {
        self.pacing.answered();
        self.note_answer(now);
        self.meet(epoch);
        self.evidence.called_initialised = health.initialized;
        self.note_program(health.version.as_ref(), health.product);
        let seal = Seal::of_health(health);
        match seal {
            Seal::Unsealed => return self.unsealed(now, health.role, epoch),
            Seal::Sealed => self.sealed(now, epoch),
            _ => {}
        }
        if let Err(step) = self.gate(now, seal) {
            return step;
        }
        // Any other phase already says that the server is sealed, and more than health can.
        let says_less = match self.phase {
            Phase::Unseen | Phase::Unreachable { .. } | Phase::Unsealed(_) | Phase::Held { .. } => true,
            Phase::Sealed { work: Work::Over(progress), obstacle: None } => !progress.waits,
            _ => false,
        };
        if says_less {
            let cause = self.failures.not_through.clone();
            self.phase = Phase::sealed(cause.map(|cause| Obstacle::Delay(Delay::NotThrough(cause))));
        }
        let load_ahead = self.may_want_shares();
        Step { load_ahead, ..self.at_once(Action::ReadSealStatus) }
    }

    /// It is sealed, by the first question that was asked about that: what it was before tells who did it.
    fn sealed(&mut self, now: Moment, epoch: ConnectionEpoch) {
        self.failures.without_active.over();
        if self.are_proven_several() {
            self.holds.lost();
        }
        self.unsealed_by_us = None;
        match self.holds.sealed(now, epoch) {
            SealedBy::Operator => self.events.push(Event::SealUndone),
            SealedBy::Itself => {
                // The next unsealing waits, ever longer.
                self.phase.abandon();
                if let Some(relapses) = self.holds.relapses() {
                    let pause = self.pacing.relapse(relapses.times);
                    relapses.retry_at = now.saturating_add(pause);
                }
            }
            SealedBy::Unknown => {}
        }
    }

    pub(super) fn seal_status(&mut self, now: Moment, status: &SealStatus, epoch: ConnectionEpoch) -> Step {
        self.pacing.answered();
        self.meet(epoch);
        self.note_round(now, status.nonce);
        // Nothing was said before a first look, which "unsealed" could contradict.
        if !self.first_look || status.sealed {
            self.note_agreement(now, status.sealed);
        }
        self.note_arrival(status);
        self.failures.status_failures.over();
        if self.failures.status_unread.take().is_some() {
            self.phase.clear(|obstacle| matches!(obstacle, Obstacle::Delay(Delay::StatusUnread(_))));
        }
        self.note_program(status.version.as_ref(), status.product);
        let seal = Seal::of_status(status);
        if self.first_look {
            if matches!(seal, Seal::Unsealed | Seal::WithoutKeys(_)) {
                // Its role, and whether it can be true that it has no keys, only its health tells.
                return self.at_once(Action::AskHealth);
            }
            // What its health would have said: both come from the same place in the server.
            self.evidence.called_initialised = status.initialized;
            if seal != Seal::Removed {
                self.sealed(now, epoch);
            }
        }
        if seal == Seal::Unsealed {
            if self.phase.attempt().is_some() {
                // Our peers did it, just now.
                self.pacing.begin_to_settle();
            }
            self.phase.abandon();
            // Health tells the role; a pause, because a server that contradicts itself must not spin us.
            let pause = self.pacing.settle();
            return self.after(pause, Action::AskHealth);
        }
        if seal == Seal::Sealed && self.evidence.called_initialised {
            if let Some(step) = self.doubt_again(now, status).or_else(|| self.keep_waiting(now, status)) {
                return step;
            }
        }
        let pass = match self.gate(now, seal) {
            Ok(pass) => pass,
            Err(step) => return step,
        };
        // What was seen before is over, but for what keeps the server sealed.
        match &mut self.phase {
            Phase::Sealed { work, obstacle } => {
                obstacle.take_if(|obstacle| matches!(obstacle, Obstacle::Joining));
                if let Work::Over(_) = work {
                    *work = Work::Looking;
                }
            }
            phase => *phase = Phase::sealed(None),
        }
        let pause = self.pacing.turn(now);
        if !pause.is_zero() {
            // Read again after it: what a round looked like before the pause says nothing of it then.
            return self.after(pause, Action::ReadSealStatus);
        }
        self.begin_round(now, pass, status.state)
    }

    pub(super) fn held(&mut self, hold: Hold, unsealed: bool) -> Step {
        self.forget();
        self.phase = Phase::Held { hold, unsealed };
        self.after(self.pacing.pace.poll_interval, Action::AskHealth)
    }

    /// Its health says that it is unsealed.
    fn unsealed(&mut self, now: Moment, role: Role, epoch: ConnectionEpoch) -> Step {
        self.note_joined(epoch);
        if let Some(hold) = self.holds.unsealed(now, epoch) {
            return self.held(hold, true);
        }
        self.note_role(now, role);
        self.forget();
        self.shares_get_through();
        self.failures.status_failures.over();
        self.failures.status_unread = None;
        self.failures.losses = 0;
        self.newcomer = false;
        self.evidence.seen_unsealed = true;
        self.evidence.suspect_since = None;
        if !matches!(self.phase, Phase::Unsealed(_) | Phase::Held { unsealed: true, .. }) {
            self.pacing.begin_to_settle();
        }
        self.phase = Phase::Unsealed(role);
        let pause = if role.is_active() { self.pacing.active() } else { self.pacing.settle() };
        let pause = self.holds.lasts_in(now).map_or(pause, |lasts| pause.min(lasts));
        self.after(pause, Action::AskHealth)
    }
}

/// Another question over the same connection may be answered all the same.
fn is_of_the_question(cause: &Unreachable) -> bool {
    !matches!(
        cause,
        Unreachable::Refused
            | Unreachable::Network(_)
            | Unreachable::Descriptors { .. }
            | Unreachable::Name(_)
            | Unreachable::Tls(_)
            | Unreachable::Peer(_)
            | Unreachable::Files(_)
            // Whoever asks to be left alone for a while means every question.
            | Unreachable::TooManyRequests { .. }
    )
}
