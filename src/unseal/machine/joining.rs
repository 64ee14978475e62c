//! Complete rounds of unknown outcome: a server that joins its raft cluster unseals in the background, without
//! a word, and may hold its answers meanwhile. Shares sent to it then only disturb.

use super::Machine;
use crate::api::{ConnectionEpoch, Unreachable};
use crate::unseal::attempt::Attempt;
use crate::unseal::{Action, Delay, Event, Moment, State, Step, pacing};
use std::time::Duration;

/// Until when the outcome of a complete round is awaited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    until: Moment,
    /// The life of the server in which the round was completed; `None` if the connection may have been lost since.
    /// In another life nothing is left of the round.
    life: Option<ConnectionEpoch>,
    /// A peer's share completed the round, if anybody's did: what is still sealed at the end lost it.
    peers: bool,
}

impl Machine {
    /// Our share was taken and the round is over, yet the server is sealed and reports no error.
    pub(super) fn join(&mut self, now: Moment) -> Step {
        let completes = matches!(self.last, Action::Submit { completes: true, .. });
        let Some(attempt) = &self.attempt else { return self.at_once(Action::AskHealth) };
        let patience = match (attempt.full_custody(), completes) {
            // With fewer shares than needed, others' shares belong to the plan.
            (false, true) if self.newcomer => pacing::JOIN_PATIENCE,
            // Theirs may also have failed, or been reset, between ours and its answer.
            (false, _) => self.patience_for_peers(),
            (true, true) if attempt.is_ours_alone() => pacing::JOIN_PATIENCE,
            (true, _) => pacing::JOIN_PATIENCE_DISTURBED,
        };
        self.note_fruitless();
        self.evidence.suspect_since = None;
        self.wait_for_outcome(now.saturating_add(patience))
    }

    /// How long a peer's complete round is given.
    pub(super) fn patience_for_peers(&self) -> Duration {
        if self.newcomer { pacing::JOIN_PATIENCE_FOR_PEERS } else { pacing::ROUND_PATIENCE_FOR_PEERS }
    }

    pub(super) fn wait_for_outcome(&mut self, until: Moment) -> Step {
        self.abandon();
        self.patience = Some(Patience { until, life: self.life, peers: false });
        self.state = Some(State::Joining);
        self.after(self.pacing.joining(), Action::AskHealth)
    }

    /// The same for a round that waited for peers and is over.
    pub(super) fn wait_for_outcome_of_peers(&mut self, now: Moment) -> Step {
        let step = self.wait_for_outcome(now.saturating_add(self.patience_for_peers()));
        if let Some(patience) = &mut self.patience {
            patience.peers = true;
        }
        step
    }

    /// A whole set of ours is in, and nothing shows whether it was the right one: next time another goes first.
    pub(super) fn note_fruitless(&mut self) {
        let completes = matches!(self.last, Action::Submit { completes: true, .. });
        if completes && self.attempt.as_ref().is_some_and(Attempt::is_ours_alone) {
            self.fruitless = self.fruitless.saturating_add(1);
        }
    }

    /// Health came from this life of the server.
    pub(super) fn meet(&mut self, life: ConnectionEpoch) {
        if self.life.replace(life) != Some(life) {
            // It restarted, or may have.
            self.evidence.suspect_since = None;
            self.evidence.again_at = Moment::ZERO;
        }
        // Its connection broke without a word, or a question about it went over the next one.
        if self.patience.is_some_and(|patience| patience.life.is_some_and(|known| known != life)) {
            self.patience = None;
        }
    }

    /// The server is sealed while an outcome is awaited.
    pub(super) fn still_patient(&mut self, now: Moment) -> Option<Step> {
        let Patience { until, peers, .. } = self.patience?;
        if now >= until {
            self.patience = None;
            if peers {
                self.events.push(Event::RoundLost);
            }
            return None;
        }
        if !matches!(self.state, Some(State::Joining)) {
            let delay = Delay::because("the answer to the last share was lost, its outcome is awaited");
            self.state = Some(State::Sealed { delay: Some(delay) });
        }
        Some(self.after(self.pacing.joining().min(until.saturating_sub(now)), Action::AskHealth))
    }

    /// A server that is there but does not answer, where that has a meaning of its own.
    pub(super) fn silence(&mut self, now: Moment, cause: &Unreachable) -> Option<Step> {
        if !is_silence(cause) {
            return None;
        }
        // Whoever waits in vain for an answer ends the connection.
        self.life = None;
        if let Some(patience) = &mut self.patience {
            patience.life = None;
        }
        match self.last {
            // The handler may be waiting for the leader: the share was taken.
            Action::Submit { completes: true, .. } => Some(self.join(now)),
            // Its health was answered just before: something holds the state lock, as an unseal or a join does.
            Action::ReadSealStatus => {
                self.abandon();
                self.state = Some(State::Joining);
                Some(self.after(self.pacing.joining(), Action::AskHealth))
            }
            // A joining server may hold the lock that its health needs, too.
            _ if self.patience.is_some_and(|patience| now < patience.until) => {
                Some(self.after(self.pacing.joining(), Action::AskHealth))
            }
            _ => None,
        }
    }

    /// The connection ended: nothing is awaited any more, unless it took the answer to the last share with it.
    pub(super) fn doubt_lost_answer(&mut self, now: Moment, cause: &Unreachable) {
        let lost = matches!(self.last, Action::Submit { completes: true, .. })
            && matches!(cause, Unreachable::Closed | Unreachable::Network(_));
        self.patience = lost.then(|| Patience {
            until: now.saturating_add(pacing::LOST_ANSWER_PATIENCE),
            life: None,
            peers: false,
        });
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
