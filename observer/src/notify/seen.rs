//! What a snapshot shows: the problems there are, what is well, and of what nothing is known. Pure.

use super::event::Event;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use vault_unseal::external::ExternalText;
use vault_unseal::observe::{ObservedCluster, ObservedCounters, ObservedNode, Snapshot};

/// What can have a problem, and one at a time: the daemon, a cluster or a server, each in one respect.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// The cluster's name; empty for the daemon.
    pub cluster: String,
    /// The server's address; empty for a whole cluster.
    pub node: String,
    /// In which respect: the word of an event, or `state` of a server.
    pub respect: String,
}

impl Subject {
    fn new(cluster: &str, node: &str, respect: &str) -> Self {
        Self { cluster: cluster.to_owned(), node: node.to_owned(), respect: respect.to_owned() }
    }

    /// For people.
    pub fn name(&self) -> &str {
        [&self.node, &self.cluster]
            .into_iter()
            .find(|name| !name.is_empty())
            .map_or("the daemon", String::as_str)
    }
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Problem {
    /// Its word.
    pub event: String,
    /// More of it, in words of ours.
    pub detail: String,
    /// Since when the subject has been in this state, as far as that is told.
    pub since: Option<Duration>,
}

/// How a subject is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Standing {
    /// It has a problem.
    Bad(Event, Problem),
    /// All is well with it.
    Good,
    /// Nothing is known yet.
    Unknown,
}

/// What one look showed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// When, since 1970.
    pub at: Duration,
    /// The daemon answered: what is not in `standings` is no longer watched. If it did not, nothing is known of that.
    pub answered: bool,
    /// The daemon has run for a while: what it does not name is no longer watched. Before, it may not have been found yet.
    pub(super) settled: bool,
    /// What has a standing.
    pub standings: BTreeMap<Subject, Standing>,
    /// What was counted of each server (cluster, address), and in which life of the daemon.
    pub counters: BTreeMap<(String, String), Counted>,
}

/// What was counted of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    /// Names the life of the daemon in which it was.
    pub instance: String,
    /// Seals by an operator.
    pub operator_seals: u64,
    /// Seals of its own.
    pub self_seals: u64,
    /// Restarts.
    pub restarts: u64,
}

impl Counted {
    fn of(instance: &ExternalText, counters: &ObservedCounters) -> Self {
        Self {
            instance: instance.to_string(),
            operator_seals: counters.operator_seals,
            self_seals: counters.self_seals,
            restarts: counters.restarts,
        }
    }

    /// What was counted since: in another life all of it.
    pub(super) fn since(&self, before: &Self) -> [(Event, u64); 3] {
        let less = |now: u64, before: u64, same: bool| if same { now.saturating_sub(before) } else { now };
        let same = self.instance == before.instance;
        [
            (Event::OperatorSeal, less(self.operator_seals, before.operator_seals, same)),
            (Event::SelfSeal, less(self.self_seals, before.self_seals, same)),
            (Event::Restarted, less(self.restarts, before.restarts, same)),
        ]
    }
}

/// After this time a daemon has found the servers that its names stand for.
const SETTLED: Duration = Duration::from_secs(300);
/// A CA that lives for ten years is no problem for the last two and a half: as `vault-unseal check` has it.
const CA_NOTICE: Duration = Duration::from_secs(60 * 24 * 3600);

impl Seen {
    /// The daemon does not answer, for this reason, since then.
    pub(super) fn nothing(at: Duration, since: Duration, why: &str) -> Self {
        let problem = Problem {
            event: Event::DaemonGone.word().to_owned(),
            detail: why.to_owned(),
            since: Some(since),
        };
        let standing = Standing::Bad(Event::DaemonGone, problem);
        let subject = Subject::new("", "", Event::DaemonGone.word());
        let standings = BTreeMap::from([(subject, standing)]);
        Self { at, answered: false, settled: false, standings, counters: BTreeMap::new() }
    }

    /// What the daemon says.
    pub(super) fn of(snapshot: &Snapshot<ExternalText>) -> Self {
        let at = seconds(snapshot.at);
        let settled = at.saturating_sub(seconds(snapshot.started_at)) >= SETTLED;
        let (standings, counters) = (BTreeMap::new(), BTreeMap::new());
        let mut seen = Self { at, answered: true, settled, standings, counters };
        seen.put("", "", Event::DaemonGone, None);
        let refused = snapshot.reload_refused.then(|| "the old configuration stays".to_owned());
        seen.put("", "", Event::ReloadRefused, refused);
        for node in &snapshot.nodes {
            let (cluster, address) = (node.cluster.to_string(), node.address.to_string());
            seen.counters
                .insert((cluster.clone(), address.clone()), Counted::of(&snapshot.instance, &node.counters));
            let (state, held) = standings_of(node);
            seen.standings.insert(Subject::new(&cluster, &address, "state"), state);
            seen.standings.insert(Subject::new(&cluster, &address, Event::Held.word()), held);
            let certificate = node.certificate.map(|dates| {
                let (first, last) =
                    (Duration::from_secs(dates.not_before), Duration::from_secs(dates.not_after));
                let soon = last.saturating_sub(at) < last.saturating_sub(first) / 4;
                soon.then(|| ends("its certificate", last, at))
            });
            match certificate {
                Some(problem) => seen.put(&cluster, &address, Event::Certificate, problem),
                // Without TLS.
                None if serves(node) => seen.put(&cluster, &address, Event::Certificate, None),
                None => seen.unknown(&cluster, &address, Event::Certificate),
            }
        }
        for cluster in &snapshot.clusters {
            seen.cluster(cluster, snapshot, at);
        }
        seen
    }

    fn cluster(
        &mut self,
        cluster: &ObservedCluster<ExternalText>,
        snapshot: &Snapshot<ExternalText>,
        at: Duration,
    ) {
        let name = cluster.name.to_string();
        match cluster.share_source_up {
            Some(up) => {
                let problem = (!up).then(|| "it could not be read when it was tried last".to_owned());
                self.put(&name, "", Event::ShareSource, problem);
            }
            None => self.unknown(&name, "", Event::ShareSource),
        }
        let ends_at = cluster.ca_not_after.map(Duration::from_secs);
        let life = ends_at.map(|end| end.saturating_sub(seconds_of(cluster.ca_not_before)));
        let notice = life.map_or(CA_NOTICE, |life| (life / 4).min(CA_NOTICE));
        let ends_soon = ends_at.filter(|end| end.saturating_sub(at) < notice);
        match ends_at {
            Some(_) => {
                let problem = ends_soon.map(|end| ends("the CA that is configured", end, at));
                self.put(&name, "", Event::CaEnds, problem);
            }
            // None is configured any more.
            None if snapshot
                .nodes
                .iter()
                .any(|node| node.cluster == *name.as_str() && node.state.is_some()) =>
            {
                self.put(&name, "", Event::CaEnds, None);
            }
            None => self.unknown(&name, "", Event::CaEnds),
        }
        let nodes: Vec<_> = snapshot.nodes.iter().filter(|node| node.cluster.to_string() == name).collect();
        if nodes.len() < 2 {
            return;
        }
        if nodes.iter().any(|node| node.state.is_none()) {
            self.unknown(&name, "", Event::NoActiveNode);
            self.unknown(&name, "", Event::RedundancyLost);
            return;
        }
        let serving = nodes.iter().filter(|node| serves(node)).count();
        let active = nodes.iter().any(|node| {
            // Held, its role is not told.
            let role = node.role.as_ref().map(ToString::to_string);
            matches!(role.as_deref(), Some("active" | "dr-secondary"))
                || serves(node) && node.standby == Some(false)
        });
        let inactive = (!active).then(|| format!("{serving} of {} servers are unsealed", nodes.len()));
        self.put(&name, "", Event::NoActiveNode, inactive);
        let last = (serving == 1).then(|| format!("one of {} servers is unsealed", nodes.len()));
        self.put(&name, "", Event::RedundancyLost, last);
    }

    fn put(&mut self, cluster: &str, node: &str, event: Event, problem: Option<String>) {
        let standing = match problem {
            None => Standing::Good,
            Some(detail) => {
                Standing::Bad(event, Problem { event: event.word().to_owned(), detail, since: None })
            }
        };
        self.standings.insert(Subject::new(cluster, node, event.word()), standing);
    }

    fn unknown(&mut self, cluster: &str, node: &str, event: Event) {
        self.standings.insert(Subject::new(cluster, node, event.word()), Standing::Unknown);
    }

    /// How a subject is. One that the daemon does not name is no longer watched, and `None`.
    pub(super) fn standing(&self, subject: &Subject) -> Option<&Standing> {
        self.standings.get(subject).or((!self.settled).then_some(&Standing::Unknown))
    }
}

/// Its clients are served.
pub(super) fn serves(node: &ObservedNode<ExternalText>) -> bool {
    let is = |word: &str| node.state.as_ref().is_some_and(|state| *state == *word);
    is("unsealed") || is("held") && node.sealed == Some(false)
}

/// How a server is, and whether it is held: one that is held and serves is not down, of one that is held and sealed that is not
/// known.
fn standings_of(node: &ObservedNode<ExternalText>) -> (Standing, Standing) {
    let Some(state) = node.state.as_ref().map(ToString::to_string) else {
        return (Standing::Unknown, Standing::Unknown);
    };
    let since = node.state_since.map(seconds);
    let bad = |event: Event, details: &[String]| {
        let detail = details.join(", ");
        Standing::Bad(event, Problem { event: event.word().to_owned(), detail, since })
    };
    let event = match state.as_str() {
        "unsealed" => return (Standing::Good, Standing::Good),
        "unsealing" | "joining" => Some(Event::Sealed),
        word => Event::of(word),
    };
    // Of a later version.
    let Some(event) = event else { return (Standing::Unknown, Standing::Unknown) };
    if event == Event::Held {
        let hold = node.hold.as_ref().map(ToString::to_string);
        let detail = match (hold.as_deref(), node.sealed) {
            (Some("operator-seal"), _) => "an operator sealed it",
            (_, Some(true)) => "and sealed",
            _ => "on request",
        };
        let state = if serves(node) { Standing::Good } else { Standing::Unknown };
        return (state, bad(event, &[detail.to_owned()]));
    }
    let mut details = Vec::new();
    if state != event.word() {
        details.push(state);
    }
    if let (Some(progress), Some(threshold)) = (node.progress, node.threshold) {
        details.push(format!("{progress} of {threshold} shares"));
    }
    details.extend(node.cause.as_ref().map(ToString::to_string));
    // Whether one is held that does not answer is not told.
    let held = if event == Event::Unreachable { Standing::Unknown } else { Standing::Good };
    (bad(event, &details), held)
}

fn ends(what: &str, end: Duration, at: Duration) -> String {
    match end.checked_sub(at) {
        Some(left) if !left.is_zero() => format!("{what} ends in {}", super::message::roughly(left)),
        _ => format!("{what} has ended"),
    }
}

fn seconds_of(time: Option<u64>) -> Duration {
    Duration::from_secs(time.unwrap_or_default())
}

/// Seconds since 1970.
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
