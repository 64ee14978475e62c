//! Rounds: which share goes in next, what the server answers to it, when a round begins, ends and is torn, and when it waits
//! for the shares of peers.

use super::NodeMachine;
use super::gate::Pass;
use crate::api::{Meaning, Refusal, Release, SealState};
use crate::unseal::attempt::{Attempt, Next, Round};
use crate::unseal::phase::{Obstacle, Phase, Stage, Work};
use crate::unseal::seal::Seal;
use crate::unseal::{Action, Damage, Delay, Event, Moment, ShareCandidates, Step};

impl NodeMachine {
    /// A turn was granted: a round on top of `status`, with the shares in hand or those of the source.
    pub(super) fn begin_round(&mut self, now: Moment, pass: Pass, status: SealState) -> Step {
        match self.phase.attempt() {
            Some(attempt) if attempt.threshold == status.threshold => {
                attempt.begin(Round::found(&status));
                self.show_progress();
                self.submit_next(now, pass)
            }
            _ => self.load_shares(pass, status, false),
        }
    }

    /// `offered`: only to make sure of shares that wait for those of peers.
    pub(super) fn load_shares(&mut self, _: Pass, found: SealState, offered: bool) -> Step {
        self.phase.begin(Work::Loading { found, offered });
        self.at_once(Action::LoadShares(found.scheme()))
    }

    /// The source was read.
    pub(super) fn shares(&mut self, now: Moment, holding: ShareCandidates) -> Step {
        self.pacing.source_is_well();
        let Phase::Sealed { work: Work::Loading { found, offered }, .. } = self.phase else {
            return self.at_once(Action::ReadSealStatus);
        };
        let pass = match self.gate(now, Seal::of_answer(&found)) {
            Ok(pass) => pass,
            Err(step) => return step,
        };
        let round = Round::found(&found);
        let first = self.good_set.saturating_add(self.tried.fruitless);
        let attempt = Attempt::new(found.threshold, holding.candidates, first, round, offered);
        if !attempt.possible() {
            return self.reject(now, "there is no share to submit".to_owned(), None);
        }
        self.phase.begin(Work::Trying(attempt, Stage::Submitting));
        self.show_progress();
        self.submit_next(now, pass)
    }

    /// Our shares go in, and that is shown: what earlier attempts met is over.
    pub(super) fn show_progress(&mut self) {
        if let Phase::Sealed { obstacle, .. } = &mut self.phase {
            obstacle.take_if(|obstacle| !obstacle.outlasts_attempts());
        }
    }

    pub(super) fn submit_next(&mut self, now: Moment, _: Pass) -> Step {
        let Some(attempt) = self.phase.attempt() else {
            return self.at_once(Action::AskHealth);
        };
        match attempt.next() {
            Next::Share(share) => {
                let completes = attempt.round.next_completes(attempt.threshold);
                self.at_once(Action::Submit { share, completes })
            }
            Next::AllIn if !attempt.full_custody() => self.wait_for_peers(now),
            Next::AllIn | Next::InterruptedTooOften => {
                attempt.disturb();
                self.again(Obstacle::because("others disturb the unseal round"))
            }
        }
    }

    /// A complete round was refused: all its shares are gone, whoever's they were.
    pub(super) fn round_failed(&mut self, now: Moment, refusal: Refusal) -> Step {
        self.shares_get_through();
        let Some(attempt) = self.phase.attempt() else {
            return self.at_once(Action::AskHealth);
        };
        self.evidence.suspect_since = None;
        let full_custody = attempt.full_custody();
        let ours_alone = attempt.is_ours_alone();
        if full_custody && !ours_alone {
            attempt.disturb();
            self.events.push(Event::StrangerInRound {
                progress: attempt.threshold,
                ours: attempt.round.submitted.len().saturating_add(1),
            });
        }
        self.events.push(Event::RoundFailed { ours_alone, refusal });
        // The shares decrypted the stored keys, and those not the keyring.
        let right = refusal.meaning == Meaning::InvalidKey && self.release == Release::New;
        if ours_alone && right {
            self.good_set = attempt.one_of_several().map_or(self.good_set, |(set, _)| set);
        }
        if ours_alone && !attempt.failed_alone(refusal, right) {
            let telling = attempt.telling(refusal);
            return self.doubt(now, telling);
        }
        let failed = Obstacle::Delay(Delay::RoundFailed(refusal));
        if !full_custody && refusal.meaning == Meaning::InvalidKey && self.release == Release::New {
            // No round is ours alone here: what the servers of today mean by it is the likelier cause.
            return self.damaged(now, Damage::Keyring);
        }
        if !full_custody {
            self.phase.abandon();
            return self.again(failed);
        }
        self.clear_round(now, refusal)
    }

    /// Resets the round that ended with this when it is our turn, and begins another.
    pub(super) fn clear_round(&mut self, now: Moment, refusal: Refusal) -> Step {
        self.stays_sealed(Obstacle::Delay(Delay::RoundFailed(refusal)));
        let pause = self.pacing.book(now);
        self.after(pause, Action::Reset)
    }

    /// The round came to nothing, through no proven fault of our shares: look again, then start over.
    pub(super) fn again(&mut self, why: Obstacle) -> Step {
        self.stays_sealed(why);
        self.at_once(Action::ReadSealStatus)
    }

    /// Shows why; damage stays what is shown, for that it is tried again is no news.
    pub(super) fn stays_sealed(&mut self, why: Obstacle) {
        if !self.phase.is_damaged() {
            self.phase.hinder(why);
        }
    }

    /// All that we hold is in.
    fn wait_for_peers(&mut self, now: Moment) -> Step {
        self.shares_get_through();
        self.pacing.server_is_well();
        let offer_again_at = now.saturating_add(self.pacing.pace.slow_interval);
        if let Phase::Sealed { work: Work::Trying(_, stage), obstacle } = &mut self.phase {
            *stage = Stage::Waiting { offer_again_at, epoch: self.epoch };
            *obstacle = None;
        }
        self.after(self.pacing.pace.poll_interval, Action::ReadSealStatus)
    }

    /// Follows the round that our shares wait in; `None` when we do not wait, or wait no longer.
    pub(super) fn keep_waiting(&mut self, now: Moment, status: &SealState) -> Option<Step> {
        let (attempt, stage) = self.phase.trying()?;
        let Stage::Waiting { offer_again_at, epoch } = *stage else { return None };
        let same_plan = status.threshold == attempt.threshold;
        if same_plan && attempt.round.goes_on(status) {
            attempt.round.progress = status.progress;
            // The name shows that it is the same round, whichever connection shows it.
            if !attempt.round.is_nameless() {
                *stage = Stage::Waiting { offer_again_at, epoch: self.epoch };
            }
            if attempt.round.is_nameless() && now >= offer_again_at {
                // Another round may have taken the place of ours unseen; a share that is in does no harm.
                let pass = self.gate(now, Seal::Sealed);
                return Some(pass.map_or_else(|step| step, |pass| self.load_shares(pass, *status, true)));
            }
            return Some(self.after(self.pacing.pace.poll_interval, Action::ReadSealStatus));
        }
        let completed = same_plan && status.progress == 0 && attempt.round.next_completes(attempt.threshold);
        if completed && epoch == self.epoch {
            // A peer's share may have completed the round and set off a raft join.
            return Some(self.wait_for_outcome(now.saturating_add(self.patience_for_peers()), true));
        }
        self.phase.abandon();
        self.events.push(Event::RoundLost);
        self.phase.hinder(Obstacle::because("the unseal round was lost"));
        None
    }

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
        if let Some(epoch) = self.epoch {
            self.holds.unsealed(now, epoch);
        }
        // To a reset it says so, too, and to a share that came after somebody else's last one.
        if let Action::Submit { completes, .. } = self.last {
            let ours = self.phase.attempt().filter(|attempt| completes && attempt.is_ours_alone());
            let whole = ours.is_some();
            if let Some((set, shares)) = ours.and_then(|attempt| attempt.one_of_several()) {
                self.events.push(Event::FoundGoodShares { shares: shares.to_vec() });
                self.good_set = set;
            }
            self.unsealed_by_us = self.epoch.filter(|_| whole);
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
