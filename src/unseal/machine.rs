//! The state machine of one node.

use super::attempt::{Attempt, Next};
use super::pacing::{self, Pacing};
use super::round::{Round, Seen};
use super::{Action, Event, Holding, Moment, Observation, State, Step};
use crate::config::Pace;
use crate::vault::{Health, Meaning, Refusal, SealStatus, Unreachable, UnsealAnswer};
use std::time::Duration;

/// Most shares a server can ask for (the x coordinate is one byte, and not 0).
const MOST_SHARES: usize = 255;

/// Decides what to do about one node.
#[derive(Debug)]
pub struct Machine {
    pacing: Pacing,
    state: Option<State>,
    events: Vec<Event>,
    last: Action,
    /// The seal status that the next attempt builds on.
    found: Option<SealStatus>,
    attempt: Option<Attempt>,
    joining_until: Option<Moment>,
    rejection: Option<Rejection>,
    /// What we hold is enough to unseal alone, as far as the last look at the source told.
    full_custody: bool,
}

/// Proof that our shares are not this server's, and when to doubt it.
#[derive(Debug)]
struct Rejection {
    text: String,
    times: u32,
    /// The next try, if nobody asks for one earlier.
    retry_at: Moment,
    /// The earliest try if the server went away: it may have come back with other data.
    retry_after_restart: Moment,
}

impl Machine {
    /// A machine that has seen nothing. `seed` feeds its jitter.
    pub fn new(pace: Pace, seed: u64) -> Self {
        Self {
            pacing: Pacing::new(pace, seed),
            state: None,
            events: Vec::new(),
            last: Action::AskHealth,
            found: None,
            attempt: None,
            joining_until: None,
            rejection: None,
            full_custody: true,
        }
    }

    /// The first thing to do.
    pub fn start(&mut self) -> Step {
        self.at_once(Action::AskHealth)
    }

    /// The node's state; `None` before the first answer.
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// What happened since this was last called.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Loaded shares are still needed; when false, whoever holds them drops them.
    pub fn needs_shares(&self) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| !attempt.waiting)
    }

    /// A change of the share source would be good news: it is worth watching while this is true.
    pub fn waits_for_shares(&self) -> bool {
        matches!(self.state, Some(State::SharesRejected { .. } | State::SharesUnavailable { .. }))
    }

    /// New intervals after a reload.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pacing.pace = pace;
    }

    /// Takes what the last action showed and says what to do next.
    pub fn observe(&mut self, now: Moment, seen: Observation) -> Step {
        match seen {
            Observation::Unreachable(cause) => self.unreachable(now, cause),
            Observation::Health(health) => self.health(now, &health),
            Observation::SealStatus(status) => self.seal_status(now, status),
            Observation::Shares(holding) => self.shares(now, holding),
            Observation::SharesUnavailable { kind, text, advice } => {
                self.abandon();
                self.state = Some(State::SharesUnavailable { kind, text, advice });
                let pause = self.pacing.source();
                self.after(pause, Action::AskHealth)
            }
            Observation::Answer(UnsealAnswer::Status(status)) => self.accepted(now, &status),
            Observation::Answer(UnsealAnswer::Refused(refusal)) => self.refused(now, refusal),
            Observation::Woken => {
                self.pacing.forget();
                self.rejection = None;
                self.abandon();
                self.at_once(Action::AskHealth)
            }
        }
    }

    fn unreachable(&mut self, now: Moment, cause: Unreachable) -> Step {
        let silent = matches!(cause, Unreachable::Timeout(_));
        if silent && matches!(self.last, Action::Submit { completes: true, .. }) {
            // The handler may be waiting for the leader: the share was taken.
            return self.join(now);
        }
        if silent && self.joining_until.is_some_and(|until| now < until) {
            // A joining server may hold its state lock, and its answers with it.
            return self.after(self.pacing.joining(), Action::AskHealth);
        }
        self.abandon();
        self.joining_until = None;
        if let Some(rejection) = &mut self.rejection {
            rejection.retry_at = rejection.retry_at.min(rejection.retry_after_restart);
        }
        self.state = Some(State::Unreachable { cause });
        let pause = self.pacing.unreachable(now);
        self.after(pause, Action::AskHealth)
    }

    fn health(&mut self, now: Moment, health: &Health) -> Step {
        self.pacing.answered();
        if health.removed {
            return self.leave_alone(State::Removed);
        }
        if !health.initialized {
            return self.uninitialized();
        }
        if !health.sealed {
            return self.unsealed(State::Unsealed { role: health.role });
        }
        if let Some(until) = self.joining_until {
            if now < until {
                return self.after(self.pacing.joining(), Action::AskHealth);
            }
            self.joining_until = None;
        }
        if let Some(step) = self.still_rejected(now) {
            return step;
        }
        let known = matches!(
            self.state,
            Some(
                State::ForeignSeal { .. }
                    | State::Migrating
                    | State::SharesUnavailable { .. }
                    | State::WaitingForPeers { .. }
                    | State::Sealed { .. }
            )
        );
        if !known {
            self.state = Some(State::Sealed { delay: None });
        }
        self.at_once(Action::ReadSealStatus)
    }

    fn seal_status(&mut self, now: Moment, status: SealStatus) -> Step {
        self.pacing.answered();
        if let Some(step) = self.hands_off(&status) {
            return step;
        }
        if !status.sealed {
            self.abandon();
            // Health tells the role; a pause, because a server that contradicts itself must not spin us.
            let pause = self.pacing.settle();
            return self.after(pause, Action::AskHealth);
        }
        if let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.waiting) {
            if attempt.round.goes_on(&status) {
                attempt.round.grew(&status);
                self.state =
                    Some(State::WaitingForPeers { progress: status.progress, threshold: status.threshold });
                return self.after(self.pacing.pace.poll_interval, Action::ReadSealStatus);
            }
            let completed = status.progress == 0 && attempt.round.next_completes(attempt.threshold);
            self.abandon();
            if completed {
                // A peer's share may have completed the round and set off a raft join.
                self.joining_until = Some(now.saturating_add(pacing::JOIN_PATIENCE_FOR_PEERS));
                self.state = Some(State::Joining);
                return self.after(self.pacing.joining(), Action::AskHealth);
            }
            self.events.push(Event::RoundLost);
        }
        let pause = self.pacing.turn(now, self.full_custody);
        if !pause.is_zero() {
            // Read again after it: what a round looked like before the pause says nothing of it then.
            return self.after(pause, Action::ReadSealStatus);
        }
        let threshold = status.threshold;
        self.found = Some(status);
        self.at_once(Action::LoadShares { threshold })
    }

    fn shares(&mut self, now: Moment, holding: Holding) -> Step {
        let Some(status) = self.found.take() else {
            return self.at_once(Action::ReadSealStatus);
        };
        let attempt = Attempt::new(status.threshold, holding.candidates, Round::found(&status));
        if !attempt.possible() {
            return self.reject(
                now,
                "no share of this source can belong to a server with this threshold".to_owned(),
            );
        }
        self.full_custody = attempt.full_custody();
        if status.progress > 0 && self.full_custody {
            self.events.push(Event::StrangerInRound { progress: status.progress, ours: 0 });
        }
        self.state = Some(State::Unsealing { progress: status.progress, threshold: status.threshold });
        self.attempt = Some(attempt);
        self.submit_next()
    }

    fn submit_next(&mut self) -> Step {
        let Some(attempt) = self.attempt.as_mut() else {
            return self.at_once(Action::AskHealth);
        };
        match attempt.next() {
            Next::Share(share) => {
                let completes = attempt.round.next_completes(attempt.threshold);
                self.at_once(Action::Submit { share, completes })
            }
            Next::AllIn if !attempt.full_custody() => {
                attempt.waiting = true;
                let (progress, threshold) = (attempt.round.progress(), attempt.threshold);
                self.state = Some(State::WaitingForPeers { progress, threshold });
                self.after(self.pacing.pace.poll_interval, Action::ReadSealStatus)
            }
            Next::AllIn | Next::TornTooOften => self.again(),
        }
    }

    /// An answer 200 to a share or a reset.
    fn accepted(&mut self, now: Moment, status: &SealStatus) -> Step {
        self.pacing.answered();
        self.pacing.server_is_well();
        if let Some(step) = self.hands_off(status) {
            return step;
        }
        if !status.sealed {
            return self.done();
        }
        let Some(attempt) = self.attempt.as_mut() else {
            return self.at_once(Action::AskHealth);
        };
        if status.threshold != attempt.threshold {
            // Rekeyed, or another server: our plan is for another threshold.
            return self.again();
        }
        let Action::Submit { share, completes } = self.last else {
            attempt.begin(Round::found(status));
            return self.submit_next();
        };
        if status.progress == 0 {
            if completes {
                return self.join(now);
            }
            self.events.push(Event::RoundLost);
            return self.again();
        }
        match attempt.round.accepted(share, status) {
            Seen::Stranger if attempt.full_custody() => {
                self.events
                    .push(Event::StrangerInRound { progress: status.progress, ours: attempt.round.ours() });
            }
            // With fewer shares than needed, others' shares are what we wait for.
            Seen::Ours | Seen::Stranger => {}
            Seen::Lost => self.events.push(Event::RoundLost),
        }
        self.state = Some(State::Unsealing { progress: status.progress, threshold: status.threshold });
        self.submit_next()
    }

    /// An error answer to a share or a reset.
    fn refused(&mut self, now: Moment, refusal: Refusal) -> Step {
        self.pacing.answered();
        match refusal.meaning {
            Meaning::RoundFailed => self.round_failed(now, refusal.text),
            Meaning::Malformed => self.reject(now, refusal.text),
            Meaning::NotInitialized => self.uninitialized(),
            Meaning::AlreadyUnsealed => self.done(),
            Meaning::Migrating => self.leave_alone(State::Migrating),
            Meaning::NoKeyring | Meaning::Transient => {
                self.abandon();
                self.state =
                    Some(State::Sealed { delay: Some(format!("HTTP {}: {}", refusal.status, refusal.text)) });
                let pause = self.pacing.server();
                self.after(pause, Action::AskHealth)
            }
        }
    }

    fn round_failed(&mut self, now: Moment, text: String) -> Step {
        let Some(attempt) = self.attempt.as_mut() else {
            return self.at_once(Action::AskHealth);
        };
        let full_custody = attempt.full_custody();
        let ours_alone = full_custody && attempt.round.is_ours_alone(attempt.threshold);
        self.events.push(Event::RoundFailed { ours_alone, text: text.clone() });
        if ours_alone && !attempt.failed_alone() {
            return self.reject(now, text);
        }
        if !full_custody {
            return self.again();
        }
        let pause = self.pacing.book(now, true);
        self.after(pause, Action::Reset)
    }

    /// The attempt came to nothing, through no proven fault of our shares: look again, then start over.
    fn again(&mut self) -> Step {
        self.abandon();
        self.state = Some(State::Sealed { delay: Some("others disturb the unseal round".to_owned()) });
        self.at_once(Action::ReadSealStatus)
    }

    /// The round is complete, yet the server stays sealed without an error: a raft join in the background.
    fn join(&mut self, now: Moment) -> Step {
        let stranger = self.attempt.as_ref().is_some_and(|a| a.full_custody() && a.round.had_stranger());
        let patience = if stranger { pacing::JOIN_PATIENCE_AFTER_STRANGER } else { pacing::JOIN_PATIENCE };
        self.abandon();
        self.joining_until = Some(now.saturating_add(patience));
        self.state = Some(State::Joining);
        self.after(self.pacing.joining(), Action::AskHealth)
    }

    /// The server said `sealed: false` to us.
    fn done(&mut self) -> Step {
        if let Some(shares) = self.attempt.as_ref().and_then(Attempt::second_choice) {
            self.events.push(Event::FoundGoodShares { shares: shares.to_vec() });
        }
        if self.attempt.is_some() {
            self.events.push(Event::Unsealed);
        }
        self.abandon();
        self.pacing.begin_to_settle();
        self.at_once(Action::AskHealth)
    }

    fn unsealed(&mut self, state: State) -> Step {
        self.abandon();
        self.joining_until = None;
        self.rejection = None;
        if !self.state.as_ref().is_some_and(State::is_unsealed) {
            self.pacing.begin_to_settle();
        }
        self.state = Some(state);
        let pause = self.pacing.settle();
        self.after(pause, Action::AskHealth)
    }

    fn uninitialized(&mut self) -> Step {
        self.abandon();
        self.joining_until = None;
        self.rejection = None;
        self.state = Some(State::Uninitialized);
        self.after(self.pacing.pace.poll_interval, Action::AskHealth)
    }

    /// States in which a server is none of our business, from a seal status.
    fn hands_off(&mut self, status: &SealStatus) -> Option<Step> {
        if status.removed {
            Some(self.leave_alone(State::Removed))
        } else if !status.initialized || (status.sealed && status.threshold == 0) {
            Some(self.uninitialized())
        } else if status.threshold > MOST_SHARES {
            let delay = format!("the server asks for {} shares, more than can exist", status.threshold);
            Some(self.leave_alone(State::Sealed { delay: Some(delay) }))
        } else if status.sealed && !status.takes_unseal_shares() {
            Some(self.leave_alone(State::ForeignSeal { seal_type: status.seal_type.clone() }))
        } else if status.sealed && status.migration {
            Some(self.leave_alone(State::Migrating))
        } else {
            None
        }
    }

    fn leave_alone(&mut self, state: State) -> Step {
        self.abandon();
        self.joining_until = None;
        self.rejection = None;
        self.state = Some(state);
        self.after(self.pacing.pace.slow_interval, Action::AskHealth)
    }

    fn reject(&mut self, now: Moment, text: String) -> Step {
        self.abandon();
        let times = self.rejection.as_ref().map_or(0, |earlier| earlier.times + 1);
        self.rejection = Some(Rejection {
            text: text.clone(),
            times,
            retry_at: now.saturating_add(pacing::rejected_retry(times)),
            retry_after_restart: now.saturating_add(self.pacing.pace.slow_interval),
        });
        self.state = Some(State::SharesRejected { text });
        self.after(self.pacing.pace.slow_interval, Action::AskHealth)
    }

    /// The verdict stands: not yet time to try again.
    fn still_rejected(&mut self, now: Moment) -> Option<Step> {
        let rejection = self.rejection.as_ref()?;
        if now >= rejection.retry_at {
            return None;
        }
        self.state = Some(State::SharesRejected { text: rejection.text.clone() });
        Some(self.after(self.pacing.pace.slow_interval, Action::AskHealth))
    }

    fn abandon(&mut self) {
        self.attempt = None;
        self.found = None;
    }

    fn at_once(&mut self, action: Action) -> Step {
        self.after(Duration::ZERO, action)
    }

    fn after(&mut self, wait: Duration, action: Action) -> Step {
        self.last = action;
        Step { wait, action }
    }
}
