//! Complete rounds of unknown outcome: a server that joins its raft cluster unseals in the background, without
//! a word, and may hold its answers meanwhile. Shares sent to it then only disturb.

use super::NodeMachine;
use crate::api::{ConnectionEpoch, SealState, Unreachable};
use crate::unseal::phase::{Obstacle, PendingOutcome, Phase, Work};
use crate::unseal::{Action, Moment, Step, pacing};
use std::time::Duration;

impl NodeMachine {
    /// Our share was taken and the round is over, yet the server is sealed and reports no error.
    pub(super) fn join(&mut self, now: Moment) -> Step {
        let completes = matches!(self.last, Action::Submit { completes: true, .. });
        let Some(attempt) = self.phase.attempt() else { return self.at_once(Action::AskHealth) };
        let (full_custody, ours_alone) = (attempt.full_custody(), attempt.is_ours_alone());
        let set = attempt.one_of_several().filter(|_| completes && ours_alone).map(|(set, _)| set);
        let patience = match (full_custody, completes) {
            // With fewer shares than needed, others' shares belong to the plan.
            (false, true) if self.newcomer => pacing::JOIN_PATIENCE,
            // Theirs may also have failed, or been reset, between ours and its answer.
            (false, _) => self.patience_for_peers(),
            (true, true) if ours_alone => pacing::JOIN_PATIENCE,
            (true, _) => pacing::JOIN_PATIENCE_DISTURBED,
        };
        self.note_fruitless();
        self.evidence.suspect_since = None;
        let step = self.wait_for_outcome(now.saturating_add(patience), false);
        if let Some(patience) = self.phase.patience() {
            patience.set = set;
        }
        step
    }

    /// It is unsealed, in this life of it: whatever joined its cluster since the last round, that round was the right one.
    pub(super) fn note_joined(&mut self, epoch: ConnectionEpoch) {
        let joined = self.phase.patience().filter(|patience| patience.epoch == Some(epoch));
        if let Some(set) = joined.and_then(|patience| patience.set) {
            self.good_set = set;
        }
    }

    /// How long a peer's complete round is given.
    pub(super) fn patience_for_peers(&self) -> Duration {
        if self.newcomer { pacing::JOIN_PATIENCE_FOR_PEERS } else { pacing::ROUND_PATIENCE_FOR_PEERS }
    }

    /// The outcome of a complete round is awaited; `peers`: a peer's share may have completed the round.
    pub(super) fn wait_for_outcome(&mut self, until: Moment, peers: bool) -> Step {
        let outcome = PendingOutcome { until, epoch: self.epoch, peers, before: None, set: None };
        let work = Work::Awaiting(outcome);
        self.phase = Phase::Sealed { work, obstacle: Some(Obstacle::Joining) };
        self.after(self.pacing.joining(), Action::AskHealth)
    }

    /// A whole set of ours is in, and nothing shows whether it was the right one: next time another goes first.
    pub(super) fn note_fruitless(&mut self) {
        let completes = matches!(self.last, Action::Submit { completes: true, .. });
        if completes && self.phase.attempt().is_some_and(|attempt| attempt.is_ours_alone()) {
            self.tried.fruitless = self.tried.fruitless.saturating_add(1);
        }
    }

    /// Health or a seal status came from this life of the server.
    pub(super) fn meet(&mut self, epoch: ConnectionEpoch) {
        if self.epoch.replace(epoch) != Some(epoch) {
            // It restarted, or may have.
            self.evidence.suspect_since = None;
            self.evidence.again_at = Moment::ZERO;
        }
        // Its connection broke without a word, or a question about it went over the next one.
        if self.phase.patience().is_some_and(|patience| patience.epoch.is_some_and(|known| known != epoch)) {
            self.phase.stop();
        }
    }

    /// A server that is there but does not answer, where that has a meaning of its own.
    pub(super) fn silence(&mut self, now: Moment, cause: &Unreachable) -> Option<Step> {
        if !is_silence(cause) {
            return None;
        }
        // Whoever waits in vain for an answer ends the connection.
        self.epoch = None;
        if let Some(patience) = self.phase.patience() {
            patience.epoch = None;
        }
        match self.last {
            // The handler may be waiting for the leader: the share was taken.
            Action::Submit { completes: true, .. } => Some(self.join(now)),
            // Its health was answered just before: something holds the state lock, as an unseal or a join does.
            Action::ReadSealStatus => {
                self.phase = Phase::sealed(Some(Obstacle::Joining));
                Some(self.after(self.pacing.joining(), Action::AskHealth))
            }
            // A joining server may hold the lock that its health needs, too.
            _ if self.phase.patience().is_some_and(|patience| now < patience.until) => {
                Some(self.after(self.pacing.joining(), Action::AskHealth))
            }
            _ => None,
        }
    }

    /// The connection ended: nothing is awaited any more, unless it took the answer to the last share with it.
    pub(super) fn lost_answer(&mut self, now: Moment, cause: &Unreachable) -> Option<PendingOutcome> {
        let lost = matches!(self.last, Action::Submit { completes: true, .. })
            && matches!(cause, Unreachable::Closed | Unreachable::Network(_));
        let until = now.saturating_add(pacing::LOST_ANSWER_PATIENCE);
        let before = self.phase.attempt().map(|attempt| attempt.round.standing());
        lost.then_some(PendingOutcome { until, epoch: None, peers: false, before, set: None })
    }

    /// A seal status shows whether the share arrived whose answer was lost. If not, nothing is awaited.
    pub(super) fn note_arrival(&mut self, status: &SealState) {
        let before = self.phase.patience().and_then(|patience| patience.before.take());
        if before.is_some_and(|before| before.lasts(status)) {
            self.phase.stop();
        }
    }
}

/// No answer in our time, or in that of a gateway before the server.
fn is_silence(cause: &Unreachable) -> bool {
    matches!(
        cause,
        Unreachable::Timeout(_)
            | Unreachable::NotVault { status: 504, .. }
            | Unreachable::ServerError { status: 504, .. }
    )
}
