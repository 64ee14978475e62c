//! What the server answers to a share or a reset.

use super::Machine;
use crate::api::{Meaning, Refusal, Release, SealState};
use crate::unseal::attempt::Round;
use crate::unseal::phase::{Obstacle, Phase};
use crate::unseal::seal::Seal;
use crate::unseal::{Action, Damage, Delay, Event, Moment, Step};

impl Machine {
    /// An answer 200.
    pub(super) fn accepted(&mut self, now: Moment, status: &SealState) -> Step {
        self.pacing.answered();
        self.note_round(now, status.nonce);
        let seal = Seal::of_answer(status);
        match seal {
            Seal::Unsealed => return self.done(now),
            Seal::Sealed => {
                if let Some(step) = self.book(now, status) {
                    return step;
                }
            }
            _ => {}
        }
        match self.gate(now, seal) {
            Ok(pass) => {
                self.show_progress();
                self.submit_next(now, pass)
            }
            Err(step) => step,
        }
    }

    /// Books what became of the round; `None` where it goes on.
    fn book(&mut self, now: Moment, status: &SealState) -> Option<Step> {
        let Some(attempt) = self.phase.attempt() else {
            return Some(self.at_once(Action::AskHealth));
        };
        if status.threshold != attempt.threshold {
            // Rekeyed, or another server: our plan is for another threshold.
            self.phase.abandon();
            return Some(self.again(Obstacle::because("the server changed its threshold")));
        }
        if let Action::Submit { share, .. } = self.last {
            if status.progress == 0 {
                // The share is in, the round is over, and there was no error.
                return Some(self.join(now));
            }
            if attempt.round.accepted(share, status) {
                attempt.disturb();
                if attempt.round.is_nameless() {
                    self.note_loss(now);
                }
                if !self.are_several() {
                    self.events.push(Event::RoundLost);
                }
            }
        } else {
            attempt.begin(Round::found(status));
        }
        None
    }

    /// An error.
    pub(super) fn refused(&mut self, now: Moment, refusal: Refusal) -> Step {
        self.pacing.answered();
        match refusal.meaning {
            Meaning::InvalidKey if self.release == Release::Old => {
                self.round_failed(now, Refusal { meaning: Meaning::RoundFailed, ..refusal })
            }
            // A server that was initialised by Vault before 1.3 says it to wrong shares still: whose round it was matters.
            Meaning::RoundFailed | Meaning::InvalidKey => self.round_failed(now, refusal),
            Meaning::NoSealConfiguration => self.damaged(now, Damage::NoSealConfiguration),
            Meaning::Malformed => self.reject(now, refusal.to_string(), None),
            // It took part in a round: its seal status had said that it is initialised.
            Meaning::NotInitialized => self.contradicted(now),
            Meaning::NoKeyring => self.without_keyring(now, refusal),
            Meaning::AlreadyUnsealed => self.done(now),
            Meaning::Migrating => self.leave_alone(Phase::LeftAlone(Seal::Migrating)),
            Meaning::QuotaExceeded
            | Meaning::HeaderMissing
            | Meaning::PermissionDenied
            | Meaning::Initialized
            | Meaning::Transient => self.trouble(now, refusal),
        }
    }

    /// An error that says nothing of our shares and that only time can mend.
    pub(super) fn trouble(&mut self, now: Moment, refusal: Refusal) -> Step {
        self.note_failed_share(now, &refusal);
        // What a proxy says is no word of the server's.
        let proxy = (!refusal.from_server).then(|| refusal.unreachable());
        if let Some(step) = proxy.as_ref().and_then(|cause| self.silence(now, cause)) {
            return step;
        }
        self.note_fruitless();
        self.phase.abandon();
        let pause = self.pacing.server();
        if let Some(cause) = proxy {
            self.unanswered(cause, None);
            return self.after(pause, Action::AskHealth);
        }
        let overloaded = refusal.meaning == Meaning::QuotaExceeded;
        self.phase.hinder(Obstacle::Delay(Delay::Refused(refusal)));
        if overloaded { self.after(pause, Action::AskHealth) } else { self.shares_later(now, pause) }
    }

    /// The server says that it is unsealed.
    fn done(&mut self, now: Moment) -> Step {
        if let Some(life) = self.life {
            self.wishes.unsealed(now, life);
        }
        // To a reset it says so, too, and to a share that came after somebody else's last one.
        if let Action::Submit { completes, .. } = self.last {
            let ours = self.phase.attempt().filter(|attempt| completes && attempt.is_ours_alone());
            let whole = ours.is_some();
            if let Some(shares) = ours.and_then(|attempt| Some(attempt.one_of_several()?.to_vec())) {
                self.events.push(Event::FoundGoodShares { shares });
            }
            self.unsealed_by_us = self.life.filter(|_| whole);
            if whole {
                self.note_whole_round(now);
            }
            self.events.push(Event::Unsealed);
        }
        self.phase.abandon();
        self.pacing.begin_to_settle();
        self.at_once(Action::AskHealth)
    }
}
