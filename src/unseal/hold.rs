//! Holds, on request or by an operator's seal; and seals of a server that did not restart: an operator's, or the server's own.

use super::pacing::LASTING_UNSEAL;
use super::{Hold, Moment, State};
use crate::api::ConnectionEpoch;
use crate::cluster::OnOperatorSeal;
use std::time::Duration;

/// Who sealed a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SealedBy {
    /// A restart, or nobody saw it happen; or the server is held.
    Unknown,
    /// An operator; it is undone.
    Operator,
    /// Itself, soon after it was unsealed.
    Itself,
}

/// A server that was unsealed when it was seen last, if it could be asked ever since.
#[derive(Debug, Clone, Copy)]
struct SeenUnsealed {
    epoch: ConnectionEpoch,
    /// Since when, if that is not long ago.
    since: Option<Moment>,
}

/// What is known of an operator's wishes for one node, and of the server's own seals.
#[derive(Debug, Clone, Default)]
pub(super) struct HoldTracker {
    policy: OnOperatorSeal,
    pub(super) hold: Option<Hold>,
    /// When the hold ends by itself.
    pub(super) until: Option<Moment>,
    unsealed: Option<SeenUnsealed>,
    relapses: Option<Relapses>,
}

impl HoldTracker {
    /// Sets the policy. With `unseal`, a hold by an operator's seal ends. A hold on request stays.
    pub(super) fn follow(&mut self, policy: OnOperatorSeal) {
        self.policy = policy;
        if policy == OnOperatorSeal::Unseal && self.hold == Some(Hold::Seal) {
            self.set(None);
        }
    }

    /// An earlier run of the daemon had a hold.
    pub(super) fn restore(&mut self, hold: Option<Hold>, until: Option<Moment>) {
        self.set(hold);
        self.until = until;
        self.follow(self.policy);
    }

    /// Somebody asks for a hold, or for its end.
    pub(super) fn set(&mut self, hold: Option<Hold>) {
        self.hold = hold;
        self.until = None;
        self.unsealed = None;
        self.relapses = None;
    }

    /// The server was seen unsealed, or said so to a share. Whoever unsealed one that an operator had sealed ended the
    /// hold.
    pub(super) fn unsealed(&mut self, now: Moment, epoch: ConnectionEpoch) -> Option<Hold> {
        let since = match self.unsealed {
            Some(SeenUnsealed { epoch: same, since }) if same == epoch => since,
            // It may have been unsealed just now: after a restart of ours, or a silence, nobody knows.
            _ => Some(now),
        };
        let since = since.filter(|since| now.saturating_sub(*since) < LASTING_UNSEAL);
        self.relapses.take_if(|relapses| since.is_none() || relapses.epoch != epoch);
        self.unsealed = Some(SeenUnsealed { epoch, since });
        if self.hold == Some(Hold::Seal) {
            self.hold = None;
            self.until = None;
        }
        self.hold
    }

    /// How long until an unsealing has lasted, if the last one has not: the server has to be looked at then, because
    /// whatever seals it later is an operator.
    pub(super) fn lasts_in(&self, now: Moment) -> Option<Duration> {
        let Some(SeenUnsealed { since: Some(since), .. }) = self.unsealed else { return None };
        Some(since.saturating_add(LASTING_UNSEAL).saturating_sub(now))
    }

    /// The server was seen sealed: who did it, where it does not come under a hold for that.
    ///
    /// A server that is sealed in the very life in which it was unsealed did not restart. If it was not yet seen to stay
    /// unsealed for [`LASTING_UNSEAL`], it sealed itself, as servers do 50 to 150 ms after each unsealing when they
    /// cannot read their leases or write to their storage; an operator who is that quick is not told from it, and a
    /// hold would be an outage that nobody wanted. Later it was an operator. If its connection ended in between, or it
    /// could not be asked, it most likely restarted. If the connection ended only because the server had said so,
    /// nothing speaks for a restart.
    pub(super) fn sealed(&mut self, now: Moment, epoch: ConnectionEpoch) -> SealedBy {
        let before = self.unsealed.take();
        self.relapses.take_if(|relapses| relapses.epoch != epoch);
        self.shorten(now);
        if self.until.is_some_and(|until| now >= until) {
            self.hold = None;
            self.until = None;
        }
        if self.hold.is_some() {
            return SealedBy::Unknown;
        }
        let Some(SeenUnsealed { epoch: unsealed_in, since }) = before else { return SealedBy::Unknown };
        match (since, self.policy) {
            _ if unsealed_in != epoch => SealedBy::Unknown,
            (Some(since), _) => {
                let after = now.saturating_sub(since);
                let first = Relapses { epoch, since, times: 0, retry_at: Moment::MAX, text: String::new() };
                self.relapses.get_or_insert(first).another(now, after);
                SealedBy::Itself
            }
            (None, OnOperatorSeal::Unseal) => SealedBy::Operator,
            (None, OnOperatorSeal::Hold { at_most }) => {
                self.hold = Some(Hold::Seal);
                self.until = at_most.map(|most| now.saturating_add(most));
                SealedBy::Unknown
            }
        }
    }

    /// No hold ends later from now than the policy has it: neither one from before the policy, nor one whose end was
    /// kept by a clock that has been set back since.
    fn shorten(&mut self, now: Moment) {
        let OnOperatorSeal::Hold { at_most: Some(most) } = self.policy else { return };
        if self.hold == Some(Hold::Seal) {
            let latest = now.saturating_add(most);
            self.until = Some(self.until.map_or(latest, |until| until.min(latest)));
        }
    }

    /// The server could not be asked.
    pub(super) fn lost(&mut self) {
        self.unsealed = None;
    }

    /// Seals of its own that the server has not got over.
    pub(super) fn relapses(&mut self) -> Option<&mut Relapses> {
        self.relapses.as_mut()
    }

    /// What is shown of them.
    pub(super) fn seals_itself(&self) -> Option<State> {
        self.relapses.as_ref().map(Relapses::state)
    }

    /// Somebody mended something: the next unsealing may last.
    pub(super) fn forgive(&mut self) {
        self.relapses = None;
    }

    /// Nothing listens at the server: it restarts. Less than that, as a network that is down, does not end a hold.
    pub(super) fn restarts(&mut self) {
        if self.hold == Some(Hold::Seal) {
            self.set(None);
        }
    }
}

/// A server that sealed itself and has not stayed unsealed since.
#[derive(Debug, Clone)]
pub(super) struct Relapses {
    epoch: ConnectionEpoch,
    /// When it was unsealed before the first.
    since: Moment,
    pub(super) times: u32,
    /// Nothing is submitted before.
    pub(super) retry_at: Moment,
    /// How soon and how often, in words.
    text: String,
}

impl Relapses {
    /// Another one, so long after another unsealing.
    fn another(&mut self, now: Moment, after: Duration) {
        self.times = self.times.saturating_add(1);
        let after = after.as_secs_f64();
        self.text = if self.times < 2 {
            format!("sealed itself {after:.1} s after it was unsealed")
        } else {
            let within = Duration::from_secs(now.saturating_sub(self.since).as_secs().max(1));
            let (times, within) = (self.times, humantime::format_duration(within));
            format!("sealed itself again {after:.1} s after it was unsealed, {times} times in {within}")
        };
    }

    /// How long nothing is to be submitted.
    pub(super) fn pause(&self, now: Moment) -> Duration {
        self.retry_at.saturating_sub(now)
    }

    /// What is shown of them.
    fn state(&self) -> State {
        State::SealsItself { times: self.times, text: self.text.clone() }
    }
}

#[cfg(test)]
mod tests;
