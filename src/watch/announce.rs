//! Says what changed, once, in the journal's fields and in plain words.

use super::connection::Reconnect;
use super::key::NodeKey;
use super::lasting::LastingState;
use super::registry::Confirmation;
use crate::api::Unreachable;
use crate::explain::Explain;
use crate::report::in_one_line;
use crate::report::message::Message;
use crate::report::state::{SEALS_ITSELF, advice, describe, keep_sealed, phrase, span};
use crate::shares::{ShareSet, positions_in_words};
use crate::telemetry::{CertificateDates, EventKind, NodeRecorder};
use crate::unseal::{Action, Delay, Event, ForeignNode, Observation, State};
use crate::vault::Server;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tracing::Level;

/// How long the same disturbance stays unmentioned after it was reported.
const QUIET: Duration = Duration::from_secs(30);

/// Announces one node's changes of state and what else happens to it, in the journal and to whoever observes the daemon.
pub(super) struct Announcer {
    key: NodeKey,
    previous: Option<State>,
    /// Since when the node is not unsealed but answers: the time we are measured by.
    locked_since: Option<Instant>,
    /// When a share of ours unsealed it, which is shown only by its next answer.
    unlocked_at: Option<Instant>,
    disturbed: Option<Instant>,
    corrupt: Vec<usize>,
    outsider: Option<ForeignNode>,
    lasting: LastingState,
    recorder: NodeRecorder,
}

impl Announcer {
    pub(super) fn new(key: NodeKey, recorder: NodeRecorder) -> Self {
        let (previous, locked_since, unlocked_at, disturbed, outsider) = (None, None, None, None, None);
        let (corrupt, lasting) = (Vec::new(), LastingState::new(Instant::now()));
        Self { key, previous, locked_since, unlocked_at, disturbed, corrupt, outsider, lasting, recorder }
    }

    /// An action was carried out; `shares` is how many its share source has, if that was read.
    pub(super) fn executed(
        &mut self,
        action: Action,
        seen: &Observation,
        took: Duration,
        server: &Server,
        shares: Option<usize>,
        poll: Duration,
    ) {
        self.lasting.attempts = self.lasting.attempts.saturating_add(1);
        let dates = CertificateDates { server: server.certificate(), authority: server.authority() };
        self.recorder.executed(action, seen, took, dates, shares, poll);
    }

    /// Tells what happened on the way to a state; `held` are the shares that took part.
    pub(super) fn tell(&mut self, events: &[Event], held: Option<&ShareSet>) {
        for event in events {
            self.recorder.happened(event);
            self.event(event, held);
        }
    }

    /// Announces the state if it is news. `confirmed`: when the node's last answer came.
    pub(super) fn announce(&mut self, state: Option<&State>, confirmed: Option<Confirmation>) {
        let Some(state) = state else { return };
        let locked = self.locked_since.filter(|_| matches!(state, State::Unsealed { .. }));
        self.recorder.state(state, locked.map(|since| self.locked_for(since)));
        if self.previous.as_ref().map(State::word) != Some(state.word()) {
            self.lasting = LastingState::new(Instant::now());
        }
        if self.is_news(state) {
            self.state(state, confirmed);
            self.previous = Some(state.clone());
        } else if !matches!(state, State::Unsealed { .. } | State::Held { .. }) {
            self.lasts(state);
        }
    }

    /// How long it was locked that has been so since then, and is no longer.
    fn locked_for(&self, since: Instant) -> Duration {
        self.unlocked_at.unwrap_or_else(Instant::now).saturating_duration_since(since)
    }

    /// Says now and then that it is still so.
    fn lasts(&mut self, state: &State) {
        let Some(lasted) = self.lasting.due(Instant::now()) else { return };
        let often = match state {
            State::Unreachable { .. } => format!(", {} attempts in", self.lasting.attempts),
            _ => " for".to_owned(),
        };
        let text = format!("{}: still {}{often} {}", self.key.address, phrase(state), span(lasted));
        self.log(level(state), Message::of(state), None, &text);
    }

    /// A change of state, or of what a person has to do about it. Progress within a state is no news.
    fn is_news(&self, state: &State) -> bool {
        match (self.previous.as_ref(), state) {
            (Some(State::Unreachable { cause: before }), State::Unreachable { cause }) => {
                before.kind() != cause.kind()
            }
            (Some(State::Unsealed { role: before }), State::Unsealed { role }) => before != role,
            (Some(State::SharesUnavailable { kind: before, .. }), State::SharesUnavailable { kind, .. })
            | (Some(State::SharesRejected { kind: before, .. }), State::SharesRejected { kind, .. }) => {
                before != kind
            }
            (Some(State::Damaged { damage: before }), State::Damaged { damage }) => before != damage,
            (Some(State::Held { hold: before, .. }), State::Held { hold, .. }) => before != hold,
            (
                Some(State::Sealed { delay: Some(Delay::NotThrough(before)) }),
                State::Sealed { delay: Some(Delay::NotThrough(cause)) },
            )
            | (
                Some(State::Sealed { delay: Some(Delay::StatusUnread(before)) }),
                State::Sealed { delay: Some(Delay::StatusUnread(cause)) },
            ) => before.kind() != cause.kind(),
            (Some(State::Sealed { delay: before }), State::Sealed { delay }) => {
                delay.is_some() && before != delay
            }
            (Some(State::SealsItself { times: before, .. }), State::SealsItself { times, .. }) => {
                before < times && is_round(*times)
            }
            (Some(before), now) => before.word() != now.word(),
            (None, _) => true,
        }
    }

    fn state(&mut self, state: &State, confirmed: Option<Confirmation>) {
        let node = self.key.address.to_string();
        let mut text = format!("{node}: {}", phrase(state));
        match state {
            State::Unsealed { .. } => {
                if let Some(since) = self.locked_since.take() {
                    let took = self.locked_for(since).as_millis();
                    let _ = write!(text, ", {took} ms after it was first seen sealed");
                }
            }
            State::Sealed { .. } | State::SealsItself { .. } => {
                self.unlocked_at = None;
                self.locked_since.get_or_insert_with(Instant::now);
            }
            State::Unreachable { cause } => {
                self.locked_since = None;
                // Of one that is gone it is clear.
                if let (Unreachable::Timeout(_), Some(confirmed)) = (cause, confirmed) {
                    let _ = write!(text, ", last confirmed {} ago", span(confirmed.age()));
                }
            }
            State::Uninitialized { .. } | State::Held { .. } => self.locked_since = None,
            _ => {}
        }
        let advice = match state {
            State::SealsItself { .. } => Some(format!("{SEALS_ITSELF} {}", keep_sealed(&self.key.address))),
            state => advice(state),
        };
        if let Some(advice) = advice {
            text.push_str(". ");
            text.push_str(&advice);
        }
        self.log(level(state), Message::of(state), Some(state), &text);
    }

    fn event(&mut self, event: &Event, held: Option<&ShareSet>) {
        let node = &self.key.address;
        match event {
            Event::StrangerInRound { progress, ours } => {
                let text = format!(
                    "{node}: of the {progress} shares in a round that failed, {ours} came from here. Somebody else \
                     submits shares: an operator, another daemon, or an attacker"
                );
                self.disturbance(Message::Stranger, &text);
            }
            Event::RoundLost => {
                let text = format!(
                    "{node}: the unseal round was reset or restarted by somebody else; starting over"
                );
                self.disturbance(Message::RoundDisturbed, &text);
            }
            Event::RoundFailed { ours_alone: true, refusal } => {
                let text = format!("{node}: the server refused a round of shares from here: {refusal}");
                self.log(Level::WARN, Message::RoundDisturbed, None, &text);
            }
            Event::RoundFailed { ours_alone: false, refusal } => {
                let text = format!(
                    "{node}: an unseal round with others' shares in it failed: {refusal}; trying again"
                );
                self.disturbance(Message::RoundDisturbed, &text);
            }
            Event::FoundGoodShares { shares } => {
                if let Some(held) = held {
                    let bad = held.outliers(shares);
                    self.corrupt(&held.positions(&bad));
                }
            }
            Event::Unsealed => self.unlocked_at = Some(Instant::now()),
            Event::SealUndone
            | Event::KeepsFailing { .. }
            | Event::SeveralServers
            | Event::NoActiveNode { .. } => {
                if let Some((level, message, text)) = describe(node, event) {
                    self.log(level, message, None, &text);
                }
            }
        }
    }

    /// Names shares that do not belong to the others, once for each finding.
    pub(super) fn corrupt(&mut self, positions: &[usize]) {
        if positions.is_empty() || self.corrupt == positions {
            return;
        }
        self.corrupt = positions.to_vec();
        self.recorder.note(EventKind::CorruptShare, None);
        let (shares, fit, it) = match positions.len() {
            1 => ("share", "does not fit the others and is", "it with a good copy"),
            _ => ("shares", "do not fit the others and are", "them with good copies"),
        };
        let text = format!(
            "{}: {shares} {} of the source {fit} not used. Replace {it} while enough good ones are left.",
            self.key.address,
            positions_in_words(positions)
        );
        self.log(Level::WARN, Message::CorruptShare, None, &text);
    }

    /// Tells that the node is another cluster's, once for each finding.
    pub(super) fn outsider(&mut self, outsider: Option<&ForeignNode>) {
        if self.outsider.as_ref() == outsider {
            return;
        }
        self.outsider = outsider.cloned();
        if let Some(outsider) = outsider {
            self.recorder.note(EventKind::ForeignNode, Some(outsider.kind()));
            let text = format!("{}: {}", self.key.address, in_one_line(outsider));
            self.log(Level::WARN, Message::Outsider, None, &text);
        }
    }

    /// Tells what would become of a new connection to a server that is unsealed.
    pub(super) fn reconnect(&self, news: &Reconnect) {
        let node = &self.key.address;
        match news {
            Reconnect::Refused(cause) => self.recorder.note(EventKind::ReconnectFails, Some(cause.kind())),
            Reconnect::Good => self.recorder.note(EventKind::ReconnectWorks, None),
        }
        let (level, text) = match news {
            Reconnect::Refused(cause) => (
                Level::ERROR,
                format!(
                    "{node}: unsealed, but a new connection to it fails, and once it restarts it stays sealed: {}",
                    in_one_line(cause)
                ),
            ),
            Reconnect::Good => (Level::INFO, format!("{node}: a new connection to it is good again")),
        };
        self.log(level, Message::Reconnect, None, &text);
    }

    fn disturbance(&mut self, message: Message, text: &str) {
        let level = match self.disturbed {
            Some(at) if at.elapsed() < QUIET => Level::DEBUG,
            _ => {
                self.disturbed = Some(Instant::now());
                Level::WARN
            }
        };
        self.log(level, message, None, text);
    }

    fn log(&self, level: Level, message: Message, state: Option<&State>, text: &str) {
        let previous = self.previous.as_ref().map(State::word);
        // The state after this message: the new one if it changed, else the last.
        let states = [state.map(State::word).or(previous), previous];
        message.log(level, &self.key.address, &self.key.cluster, states, text);
    }
}

/// Worth a line each: 1, 2, 5, 10, 20, 50 and so on.
fn is_round(times: u32) -> bool {
    let digits = times.checked_ilog10().unwrap_or(0);
    let power = 10_u32.saturating_pow(digits);
    times % power == 0 && matches!(times / power, 1 | 2 | 5)
}

fn level(state: &State) -> Level {
    match state {
        State::SharesRejected { .. }
        | State::SharesUnavailable { .. }
        | State::ForeignSeal { .. }
        | State::Damaged { .. } => Level::ERROR,
        State::Unreachable { .. }
        | State::Uninitialized { .. }
        | State::Held { .. }
        | State::Migrating { .. }
        | State::SealsItself { .. }
        | State::Sealed { delay: Some(Delay::NotThrough(_) | Delay::StatusUnread(_)) }
        | State::Removed => Level::WARN,
        State::Sealed { .. }
        | State::Unsealing { .. }
        | State::WaitingForPeers { .. }
        | State::Joining
        | State::Unsealed { .. } => Level::INFO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Role;
    use crate::testing::logged;
    use crate::unseal::Hold;
    use crate::watch::StatusRegistry;

    #[test]
    fn how_long_it_was_locked_is_counted_to_the_share_that_unsealed_it() {
        let key = NodeKey { cluster: "home".to_owned(), address: "https://vault.home:8200".parse().unwrap() };
        let mut announcer = Announcer::new(key.clone(), StatusRegistry::default().recorder(&key));
        for (by_us, said) in [(true, ", 10000 ms after it was first seen sealed"), (false, ", 36000")] {
            announcer.announce(Some(&State::Sealed { delay: None }), None);
            announcer.locked_since = Instant::now().checked_sub(Duration::from_secs(3600));
            if by_us {
                announcer.tell(&[Event::Unsealed], None);
                assert!(announcer.unlocked_at.is_some());
                announcer.unlocked_at = announcer.locked_since.map(|since| since + Duration::from_secs(10));
            } else {
                announcer.locked_since = Instant::now().checked_sub(Duration::from_secs(36));
            }
            let lines = logged(|| announcer.announce(Some(&State::Unsealed { role: Role::Active }), None));
            assert!(lines.iter().any(|line| line.contains(said)), "{lines:?}");
        }
    }

    #[test]
    fn state_that_lasts_is_said_again_with_how_often_it_was_tried() {
        let refused = || State::Unreachable { cause: Unreachable::Refused };
        let held = || State::Held { hold: Hold::Request, unsealed: false };
        for (state, said) in [
            (
                refused(),
                Some("https://vault.home:8200: still unreachable (connection refused), 340 attempts in 1h"),
            ),
            (State::Joining, Some("https://vault.home:8200: still joining for 1h")),
            (held(), None),
        ] {
            let key =
                NodeKey { cluster: "home".to_owned(), address: "https://vault.home:8200".parse().unwrap() };
            let mut announcer = Announcer::new(key.clone(), StatusRegistry::default().recorder(&key));
            let first = logged(|| announcer.announce(Some(&state), None));
            assert_eq!(first.len(), 1, "{first:?}");
            announcer.lasting.attempts += 339;
            assert_eq!(logged(|| announcer.announce(Some(&state), None)), [""; 0], "at once is no news");
            announcer.lasting.since -= Duration::from_secs(3600);
            let again = logged(|| {
                announcer.announce(Some(&state), None);
                announcer.announce(Some(&state), None);
            });
            assert_eq!(again.len(), usize::from(said.is_some()), "{again:?}");
            assert!(again.iter().all(|line| line.contains(said.unwrap_or_default())), "{again:?}");
        }
    }
}
