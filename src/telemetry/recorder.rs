//! Makes facts, counters and events of what the task of one node sees.

use super::cluster::ClusterRecord;
use super::event::{EventKind, RecordedEvent};
use super::node::{AttemptResult, LastUnseal, NodeName, NodeRecord, ServerFlags, StateSummary};
use super::store::{Memory, Telemetry, now};
use crate::api::{ConnectionEpoch, Health, Meaning, SealState, Unreachable, UnsealAnswer};
use crate::ordered::Place;
use crate::unseal::{Action, Event, Hold, Observation, State};
use std::sync::Arc;
use std::time::Duration;

/// When certificates begin and end, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CertificateDates {
    /// From when until when the one is valid that the server showed last.
    pub server: Option<(u64, u64)>,
    /// The same of the first to end of the authorities that the configuration names.
    pub authority: Option<(u64, u64)>,
}

/// What the task of one node reports to.
#[derive(Debug)]
pub struct NodeRecorder {
    telemetry: Arc<Telemetry>,
    node: Arc<NodeName>,
    place: Place,
    /// The life of the server in which it was unsealed when it was seen last.
    unsealed_in: Option<ConnectionEpoch>,
    /// It has answered.
    answered: bool,
    /// Nothing listened at it when it was tried last.
    closed: bool,
    /// How often it has sealed itself, as counted since it last stayed unsealed.
    relapses: u32,
    /// The last state that showed whether it was held.
    shown: Option<StateSummary>,
}

impl NodeRecorder {
    /// For a node that was entered.
    pub fn new(telemetry: Arc<Telemetry>, cluster: &str, address: &str) -> Self {
        let node = Arc::new(NodeName { cluster: cluster.to_owned(), address: address.to_owned() });
        let place = Place::default();
        Self {
            telemetry,
            node,
            place,
            unsealed_in: None,
            answered: false,
            closed: false,
            relapses: 0,
            shown: None,
        }
    }

    /// An action was carried out, and this came of it after so long.
    pub fn executed(
        &mut self,
        action: Action,
        seen: &Observation,
        took: Duration,
        dates: CertificateDates,
        shares: Option<usize>,
        poll_interval: Duration,
    ) {
        let restarted = self.restarted(seen);
        let telemetry = Arc::clone(&self.telemetry);
        let mut memory = telemetry.memory();
        let Memory { nodes, clusters, .. } = &mut *memory;
        let (Some(node), Some(cluster)) =
            (nodes.find(&self.node, &self.place), clusters.get_mut(&self.node.cluster))
        else {
            return;
        };
        node.certificate = dates.server;
        (cluster.authority, cluster.poll_interval) = (dates.authority, Some(poll_interval));
        if is_answer(seen) {
            node.last_confirmed = Some(now());
            cluster.request_latency.observe(took);
        }
        match seen {
            Observation::Health(health, _) => {
                node.flags = Some(ServerFlags::of(health));
                if node.version != health.version {
                    node.version.clone_from(&health.version);
                }
            }
            Observation::SealStatus(status, _) => learn(node, cluster, status),
            Observation::Answer(UnsealAnswer::Status(status)) => learn(node, cluster, status),
            Observation::Shares(_) => {
                cluster.share_source_up = Some(true);
                cluster.shares_held = shares.or(cluster.shares_held);
            }
            Observation::Misfit(_) => cluster.share_source_up = Some(true),
            Observation::SharesUnavailable { .. } => {
                cluster.share_source_up = Some(false);
                cluster.shares_held = None;
            }
            _ => {}
        }
        if matches!(action, Action::Submit { .. }) && says_nothing_of_the_share(seen) {
            node.counters.attempt(AttemptResult::Error);
        }
        if restarted {
            node.counters.restarts += 1;
            memory.push_of(&self.place, RecordedEvent::new(EventKind::Restarted, Some(&self.node)));
        }
    }

    /// Whether what was seen shows that the server was restarted: nothing listened at it, and it answers again; or it is
    /// sealed over another connection than the one that showed it unsealed.
    fn restarted(&mut self, seen: &Observation) -> bool {
        match seen {
            Observation::Unreachable(Unreachable::Refused) => {
                self.closed = true;
                false
            }
            Observation::Health(Health { sealed, .. }, epoch) => {
                let sealed_anew = *sealed && self.unsealed_in.is_some_and(|before| before != *epoch);
                let restarted = self.answered && (self.closed || sealed_anew);
                (self.answered, self.closed) = (true, false);
                self.unsealed_in = (!sealed).then_some(*epoch);
                restarted
            }
            _ => false,
        }
    }

    /// Something happened on the way to a state.
    pub fn happened(&self, event: &Event) {
        let (kind, result) = match event {
            Event::Unsealed => (None, Some(AttemptResult::Unsealed)),
            Event::RoundFailed { ours_alone: true, .. } => {
                (Some(EventKind::RoundRefused), Some(AttemptResult::Refused))
            }
            Event::RoundFailed { ours_alone: false, .. } | Event::RoundLost => {
                (Some(EventKind::RoundDisturbed), Some(AttemptResult::Disturbed))
            }
            Event::SealUndone => (Some(EventKind::OperatorSeal), None),
            Event::KeepsFailing { .. } => (Some(EventKind::KeepsFailing), None),
            Event::SeveralServers => (Some(EventKind::SeveralServers), None),
            Event::NoActiveNode { .. } => (Some(EventKind::NoActiveNode), None),
            // A round that fails is told as such.
            Event::StrangerInRound { .. } | Event::FoundGoodShares { .. } => (None, None),
        };
        let mut memory = self.telemetry.memory();
        let Some(node) = memory.nodes.find(&self.node, &self.place) else { return };
        if let Some(result) = result {
            node.counters.attempt(result);
        }
        if *event == Event::SealUndone {
            node.counters.operator_seals += 1;
        }
        if let Some(kind) = kind {
            memory.push_of(&self.place, RecordedEvent::new(kind, Some(&self.node)));
        }
    }

    /// Something else is to be told of the node, and the kind of error that it is about.
    pub fn note(&self, kind: EventKind, cause: Option<&'static str>) {
        let mut memory = self.telemetry.memory();
        if memory.nodes.find(&self.node, &self.place).is_some() {
            memory
                .push_of(&self.place, RecordedEvent { cause, ..RecordedEvent::new(kind, Some(&self.node)) });
        }
    }

    /// The node is in this state; it had been seen sealed for so long, if it is unsealed now.
    pub fn state(&mut self, state: &State, took: Option<Duration>) {
        let new_relapses = self.count_relapses(state);
        let (summary, now) = (StateSummary::of(state), now());
        // Silence ends no hold. The first one may be a hold too: then it is of an earlier run.
        let shown = if summary.shows_hold() { self.shown.replace(summary) } else { None };
        let mut memory = self.telemetry.memory();
        let Memory { nodes, clusters, .. } = &mut *memory;
        let Some(node) = nodes.find(&self.node, &self.place) else { return };
        let before = node.state.replace(summary);
        node.counters.self_seals += u64::from(new_relapses);
        if let Some(took) = took {
            node.last_unseal = Some(LastUnseal { at: now, took });
            if let Some(cluster) = clusters.get_mut(&self.node.cluster) {
                cluster.unseal_duration.observe(took);
            }
        }
        let mut sealed_by_operator = false;
        if let Some(shown) = shown.filter(|shown| shown.hold != summary.hold) {
            sealed_by_operator = shown.hold.is_none() && summary.hold == Some(Hold::Seal);
            node.counters.operator_seals += u64::from(sealed_by_operator);
            node.counters.holds += u64::from(summary.hold == Some(Hold::Request));
        }
        if before.is_none_or(|before| before.word != summary.word) {
            node.state_since = Some(now);
        }
        if sealed_by_operator {
            memory.push_of(&self.place, RecordedEvent::new(EventKind::OperatorSeal, Some(&self.node)));
        }
        if new_relapses > 0 {
            memory.push_of(&self.place, RecordedEvent::new(EventKind::SelfSeal, Some(&self.node)));
        }
        if before.is_none_or(|before| !before.is_as(&summary)) {
            memory.push_of(
                &self.place,
                RecordedEvent {
                    state: Some(summary.word),
                    role: summary.role,
                    hold: summary.hold,
                    previous: before.map(|before| before.word),
                    cause: summary.cause,
                    took,
                    ..RecordedEvent::new(EventKind::State, Some(&self.node))
                },
            );
        }
    }

    /// How many seals of the server's own a state shows that were not counted yet.
    fn count_relapses(&mut self, state: &State) -> u32 {
        match state {
            State::SealsItself { times, .. } => {
                let new = if *times >= self.relapses { times - self.relapses } else { *times };
                self.relapses = *times;
                new
            }
            State::Unsealed { .. } => {
                self.relapses = 0;
                0
            }
            _ => 0,
        }
    }
}

/// The server itself said something.
fn is_answer(seen: &Observation) -> bool {
    match seen {
        Observation::Health(..)
        | Observation::SealStatus(..)
        | Observation::Answer(UnsealAnswer::Status(_)) => true,
        Observation::Answer(UnsealAnswer::Refused(refusal)) => refusal.from_server,
        _ => false,
    }
}

/// A share was sent, and nothing that came back is about it.
fn says_nothing_of_the_share(seen: &Observation) -> bool {
    match seen {
        Observation::Unreachable(_) => true,
        Observation::Answer(UnsealAnswer::Refused(refusal)) => !matches!(
            refusal.meaning,
            Meaning::RoundFailed | Meaning::InvalidKey | Meaning::AlreadyUnsealed | Meaning::Malformed
        ),
        _ => false,
    }
}

/// What a seal status shows.
fn learn(node: &mut NodeRecord, cluster: &mut ClusterRecord, status: &SealState) {
    // The role is told by the health.
    let standby = node.flags.and_then(|flags| flags.standby).filter(|_| !status.sealed);
    node.flags = Some(ServerFlags { initialized: status.initialized, sealed: status.sealed, standby });
    if status.takes_unseal_shares() && status.threshold > 0 {
        cluster.shares_threshold = Some(status.threshold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Role;
    use crate::telemetry::{NodeCounters, NodeRecord};

    fn recorder() -> (Arc<Telemetry>, NodeRecorder) {
        let telemetry = Arc::new(Telemetry::default());
        telemetry.enter("home", "https://vault.home:8200");
        (Arc::clone(&telemetry), NodeRecorder::new(telemetry, "home", "https://vault.home:8200"))
    }

    fn record(telemetry: &Telemetry) -> NodeRecord {
        let mut found = None;
        telemetry.nodes(None, 9, |_, record| found = Some(record.clone()));
        found.unwrap()
    }

    fn health(sealed: bool, epoch: u64) -> Observation {
        let text = format!(r#"{{"initialized":true,"sealed":{sealed},"standby":false,"version":"2.7.2"}}"#);
        Observation::Health(Health::parse(text.as_bytes()).unwrap(), ConnectionEpoch::of(epoch))
    }

    fn see(recorder: &mut NodeRecorder, seen: &Observation) {
        let dates = CertificateDates::default();
        recorder.executed(
            Action::AskHealth,
            seen,
            Duration::from_millis(2),
            dates,
            None,
            Duration::from_secs(1),
        );
    }

    #[test]
    fn restart_is_counted_once_and_a_first_start_is_none() {
        let refused = || Observation::Unreachable(Unreachable::Refused);
        let timeout = || Observation::Unreachable(Unreachable::Timeout(Duration::from_secs(1)));
        for (what, seen, restarts) in [
            ("it had not been seen before", vec![refused(), refused(), health(true, 1)], 0),
            (
                "nothing listened",
                vec![health(false, 1), refused(), refused(), health(true, 2), health(false, 2)],
                1,
            ),
            ("it was quick", vec![health(false, 1), health(true, 2), health(true, 2)], 1),
            ("it was sealed where it is", vec![health(false, 1), health(true, 1), health(false, 1)], 0),
            ("an idle connection ended", vec![health(false, 1), health(false, 2), health(false, 3)], 0),
            ("the network was away", vec![health(false, 1), timeout(), health(false, 2)], 0),
            ("it was away and came back sealed", vec![health(false, 1), timeout(), health(true, 2)], 1),
            ("it was sealed all the time", vec![health(true, 1), health(true, 2)], 0),
        ] {
            let (telemetry, mut recorder) = recorder();
            for seen in &seen {
                see(&mut recorder, seen);
            }
            assert_eq!(record(&telemetry).counters.restarts, restarts, "{what}");
        }
    }

    #[test]
    fn what_only_the_server_says_is_known_with_its_answer() {
        let (telemetry, mut recorder) = recorder();
        see(&mut recorder, &Observation::Unreachable(Unreachable::Refused));
        let before = record(&telemetry);
        assert_eq!((before.flags, before.last_confirmed, before.version), (None, None, None));
        see(&mut recorder, &health(false, 1));
        let after = record(&telemetry);
        assert_eq!(after.flags, Some(ServerFlags { initialized: true, sealed: false, standby: Some(false) }));
        assert!(after.last_confirmed.is_some() && after.version.is_some());
    }

    #[test]
    fn states_are_counted_as_they_change() {
        let unsealed = State::Unsealed { role: Role::Active };
        let sealed = State::Sealed { delay: None };
        let itself = |times| State::SealsItself { times, text: String::new() };
        let held = |hold| State::Held { hold, unsealed: false };
        let away = || State::Unreachable { cause: Unreachable::Refused };
        let none = NodeCounters::default();
        for (states, counters, events) in [
            (vec![sealed.clone(), unsealed.clone(), unsealed.clone()], none, 2),
            (
                vec![unsealed.clone(), itself(1), itself(1), itself(2), unsealed.clone(), itself(1)],
                NodeCounters { self_seals: 3, ..none },
                4 + 3,
            ),
            (
                vec![unsealed.clone(), held(Hold::Request), sealed.clone()],
                NodeCounters { holds: 1, ..none },
                3,
            ),
            (vec![unsealed.clone(), held(Hold::Seal)], NodeCounters { operator_seals: 1, ..none }, 2 + 1),
            (vec![held(Hold::Seal), held(Hold::Request)], NodeCounters { holds: 1, ..none }, 2),
            (vec![held(Hold::Request)], none, 1),
            // Answers that are late, and nothing else.
            (
                vec![
                    unsealed.clone(),
                    held(Hold::Request),
                    away(),
                    held(Hold::Request),
                    away(),
                    held(Hold::Request),
                ],
                NodeCounters { holds: 1, ..none },
                6,
            ),
            (
                vec![unsealed.clone(), held(Hold::Seal), away(), held(Hold::Seal)],
                NodeCounters { operator_seals: 1, ..none },
                4 + 1,
            ),
            (vec![away(), held(Hold::Seal), away(), held(Hold::Seal)], none, 4),
            (
                vec![
                    unsealed.clone(),
                    itself(1),
                    away(),
                    itself(1),
                    itself(2),
                    away(),
                    itself(2),
                    unsealed.clone(),
                ],
                NodeCounters { self_seals: 2, ..none },
                7 + 2,
            ),
            (
                vec![held(Hold::Request), away(), unsealed.clone(), held(Hold::Request)],
                NodeCounters { holds: 1, ..none },
                4,
            ),
            (
                vec![
                    State::Unsealing { progress: 1, threshold: 3 },
                    State::Unsealing { progress: 2, threshold: 3 },
                ],
                none,
                1,
            ),
        ] {
            let (telemetry, mut recorder) = recorder();
            let before = telemetry.last_event();
            for state in &states {
                recorder.state(state, None);
            }
            assert_eq!(record(&telemetry).counters, counters, "{states:?}");
            assert_eq!(telemetry.last_event() - before, events, "{states:?}");
            assert_eq!(record(&telemetry).event, telemetry.last_event());
        }
    }

    /// One that only a TPM opens, after a reload: it may be another than the one that could not be read.
    #[test]
    fn source_that_is_opened_later_is_no_longer_one_that_cannot_be_read() {
        let (telemetry, mut recorder) = recorder();
        let known = || {
            let mut known = None;
            telemetry
                .clusters(None, 1, |_, record| known = Some((record.share_source_up, record.shares_held)));
            known.unwrap()
        };
        telemetry.shares_read("home", None);
        assert_eq!(known(), (None, None));
        telemetry.shares_read("home", Some(5));
        telemetry.shares_read("home", None);
        assert_eq!(known(), (Some(true), Some(5)), "what was read stays");
        see(
            &mut recorder,
            &Observation::SharesUnavailable { kind: "permission", text: String::new(), advice: None },
        );
        assert_eq!(known(), (Some(false), None));
        telemetry.shares_read("home", None);
        assert_eq!(known(), (None, None));
    }

    #[test]
    fn node_that_is_gone_is_remembered_no_more() {
        let (telemetry, mut recorder) = recorder();
        telemetry.leave("home", "https://vault.home:8200");
        let after = telemetry.last_event();
        see(&mut recorder, &health(true, 1));
        recorder.state(&State::Sealed { delay: None }, Some(Duration::ZERO));
        recorder.happened(&Event::Unsealed);
        recorder.note(EventKind::CorruptShare, None);
        assert_eq!(telemetry.last_event(), after);
        assert_eq!(telemetry.nodes(None, 9, |_, _| {}), None);
        assert_eq!(telemetry.clusters(None, 9, |_, _| {}), None);
    }
}
