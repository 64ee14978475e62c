//! Which nodes a name stands for, and stood for; and which cluster a node belongs to.

use super::error::{LookupError, RefusedTargets};
use super::lookup::FoundNodes;
use crate::cluster::{Node, NodeAddress};
use crate::ordered;
use crate::unseal::Moment;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most nodes of one name, those included that are no longer in DNS: what DNS makes up must not take the memory that other
/// clusters' nodes need.
const MOST: usize = 4096;

/// What is known of one name. A node that is no longer in DNS is still watched: Kubernetes takes a pod that is not
/// ready out of a headless service, and a sealed server is not ready.
#[derive(Debug, Clone, Default)]
pub struct NodeInventory {
    known: BTreeMap<NodeAddress, Entry>,
    refused: RefusedTargets,
    failure: Option<LookupError>,
    /// A lookup succeeded once.
    answered: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    name: Option<String>,
    missing_since: Option<Moment>,
}

/// What a lookup changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A node that was not known.
    Appeared(NodeAddress),
    /// A node that is not in the answer any more; it is still watched.
    Missing(NodeAddress),
    /// A node that was missing and is in the answer again.
    Returned(NodeAddress),
    /// A node that was missing, and silent, for too long.
    Forgotten(NodeAddress),
    /// Targets that may not be nodes: all of them, some of them new.
    Refused(RefusedTargets),
    /// Lookups begin to fail.
    Failing(LookupError),
    /// They work again.
    Working,
}

impl NodeInventory {
    /// Takes in what a lookup brought. A node that has been missing for `forget_after` is forgotten if `silence` says
    /// that it has not answered for as long either. A lookup that failed says nothing about any node.
    pub fn apply(
        &mut self,
        now: Moment,
        outcome: Result<FoundNodes, LookupError>,
        forget_after: Duration,
        silence: impl Fn(&NodeAddress) -> Duration,
    ) -> Vec<Change> {
        let found = match outcome {
            Ok(found) => found,
            Err(error) => {
                let news = self.failure.is_none();
                self.failure = Some(error.clone());
                return if news { vec![Change::Failing(error)] } else { Vec::new() };
            }
        };
        let mut changes = Vec::new();
        self.answered = true;
        let present = ordered::set(found.nodes.iter().map(|node| &node.address));
        self.known.retain(|address, entry| {
            if present.contains(address) {
                return true;
            }
            let Some(since) = entry.missing_since else {
                entry.missing_since = Some(now);
                changes.push(Change::Missing(address.clone()));
                return true;
            };
            let over = now.saturating_sub(since) >= forget_after && silence(address) >= forget_after;
            if over {
                changes.push(Change::Forgotten(address.clone()));
            }
            !over
        });
        let mut failure = None;
        for Node { address, name } in found.nodes {
            if let Some(entry) = self.known.get_mut(&address) {
                if entry.missing_since.take().is_some() {
                    changes.push(Change::Returned(address));
                }
            } else if self.known.len() >= MOST {
                failure = Some(LookupError::TooMany(MOST));
            } else {
                changes.push(Change::Appeared(address.clone()));
                self.known.insert(address, Entry { name, missing_since: None });
            }
        }
        if found.refused.is_news_after(&self.refused) {
            changes.push(Change::Refused(found.refused.clone()));
        }
        self.refused = found.refused;
        match (std::mem::replace(&mut self.failure, failure.clone()), failure) {
            (None, Some(error)) => changes.push(Change::Failing(error)),
            (Some(_), None) => changes.push(Change::Working),
            _ => {}
        }
        changes
    }

    /// The nodes, and whether each is in DNS.
    pub fn nodes(&self) -> impl Iterator<Item = (Node, bool)> + '_ {
        self.known.iter().map(|(address, entry)| {
            let node = Node { address: address.clone(), name: entry.name.clone() };
            (node, entry.missing_since.is_none())
        })
    }

    /// How many nodes there are.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// How many of them are not in DNS.
    pub fn missing(&self) -> usize {
        self.known.values().filter(|entry| entry.missing_since.is_some()).count()
    }

    /// Targets that may not be nodes, of the last lookup that succeeded.
    pub fn refused(&self) -> &RefusedTargets {
        &self.refused
    }

    /// Why lookups fail, while they do.
    pub fn trouble(&self) -> Option<&LookupError> {
        self.failure.as_ref()
    }

    /// Whether any lookup succeeded.
    pub fn was_answered(&self) -> bool {
        self.answered
    }

    /// What is odd, for the one line that systemd shows; `None` while all is well.
    pub fn brief(&self) -> Option<String> {
        let missing = self.missing();
        let refused = self.refused().count();
        if let Some(failure) = &self.failure {
            return Some(failure.to_string());
        }
        if !self.answered {
            return Some("not looked up yet".to_owned());
        }
        let mut parts = Vec::new();
        if missing > 0 {
            parts.push(format!("{missing} no longer in DNS"));
        }
        if refused > 0 {
            parts.push(format!("{refused} refused"));
        }
        if parts.is_empty() && self.count() == 0 {
            parts.push("no nodes".to_owned());
        }
        if parts.is_empty() { None } else { Some(parts.join(", ")) }
    }
}

/// The cluster of each address: the one whose configuration has it, so that DNS cannot take a node away from that; else
/// the one that found it first. The daemon and the verbs decide by the same rule; in which order they ask is theirs.
#[derive(Debug, Default)]
pub struct Owners(BTreeMap<NodeAddress, String>);

impl Owners {
    /// The nodes of a cluster's configuration. Of two clusters that have the same, the later one's.
    pub fn configured(&mut self, cluster: &str, nodes: &[NodeAddress]) {
        self.0.extend(nodes.iter().map(|address| (address.clone(), cluster.to_owned())));
    }

    /// A node was found for `cluster`. Returns the cluster that it belongs to, if that is another one.
    pub fn elsewhere(&mut self, address: &NodeAddress, cluster: &str) -> Option<&str> {
        let owner = self.0.entry(address.clone()).or_insert_with(|| cluster.to_owned());
        (owner != cluster).then_some(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FEW, RefusedTarget};
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const SILENT: Duration = Duration::MAX;

    fn address(host: &str) -> NodeAddress {
        NodeAddress { tls: true, host: host.to_owned(), port: 8200 }
    }

    fn found(hosts: &[&str]) -> FoundNodes {
        let nodes = hosts.iter().map(|host| Node { address: address(host), name: Some("vault".to_owned()) });
        FoundNodes { nodes: nodes.collect(), refused: RefusedTargets::default() }
    }

    fn at(seconds: u64) -> Moment {
        Duration::from_secs(seconds)
    }

    fn hosts(inventory: &NodeInventory) -> String {
        let mark = |(node, present): (Node, bool)| node.address.host + if present { "" } else { "?" };
        inventory.nodes().map(mark).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_node_that_vanishes_is_kept_and_said_once_and_welcomed_back() {
        let mut inventory = NodeInventory::default();
        assert_eq!(
            inventory.apply(at(0), Ok(found(&["a", "b"])), HOUR, |_| SILENT),
            [Change::Appeared(address("a")), Change::Appeared(address("b"))]
        );
        assert_eq!(
            inventory.apply(at(1), Ok(found(&["b"])), HOUR, |_| SILENT),
            [Change::Missing(address("a"))]
        );
        assert_eq!(inventory.apply(at(2), Ok(found(&["b"])), HOUR, |_| SILENT), []);
        assert_eq!(hosts(&inventory), "a? b");
        assert_eq!(
            inventory.apply(at(3), Ok(found(&["a", "b"])), HOUR, |_| SILENT),
            [Change::Returned(address("a"))]
        );
        assert_eq!(hosts(&inventory), "a b");
    }

    #[test]
    fn only_a_node_that_is_missing_and_silent_for_long_enough_is_forgotten() {
        // Missing for, silent for, in seconds; forgotten.
        for (missing, silent, forgotten) in
            [(3599, 9999, false), (3600, 3599, false), (3600, 3600, true), (999_999, 0, false)]
        {
            let mut inventory = NodeInventory::default();
            inventory.apply(at(0), Ok(found(&["a"])), HOUR, |_| SILENT);
            inventory.apply(at(10), Ok(found(&[])), HOUR, |_| SILENT);
            let changes = inventory.apply(at(10 + missing), Ok(found(&[])), HOUR, |_| at(silent));
            assert_eq!(changes == [Change::Forgotten(address("a"))], forgotten, "{missing} {silent}");
            assert_eq!(hosts(&inventory), if forgotten { "" } else { "a?" });
        }
    }

    #[test]
    fn a_failure_is_said_once_and_says_nothing_about_nodes() {
        let mut inventory = NodeInventory::default();
        inventory.apply(at(0), Ok(found(&["a", "b"])), HOUR, |_| SILENT);
        inventory.apply(at(1), Ok(found(&["b"])), HOUR, |_| SILENT);
        let failure = LookupError::NoSuchName;
        let changes = inventory.apply(at(9000), Err(failure.clone()), HOUR, |_| SILENT);
        assert_eq!(changes, [Change::Failing(failure.clone())]);
        let timeout = LookupError::Timeout(at(1));
        assert_eq!(inventory.apply(at(9001), Err(timeout.clone()), HOUR, |_| SILENT), []);
        assert_eq!(inventory.trouble(), Some(&timeout), "what is shown is the last");
        assert_eq!(hosts(&inventory), "a? b", "none goes missing, none is forgotten");
        let changes = inventory.apply(at(9002), Ok(found(&["b"])), HOUR, |_| SILENT);
        assert_eq!(changes, [Change::Forgotten(address("a")), Change::Working]);
        assert_eq!(inventory.trouble(), None);
    }

    #[test]
    fn a_name_that_stands_for_ever_other_nodes_is_not_followed_without_end() {
        let mut inventory = NodeInventory::default();
        let round = |round: usize| {
            let hosts: Vec<String> = (0..1000).map(|node| format!("{round}.{node}")).collect();
            Ok(found(&hosts.iter().map(String::as_str).collect::<Vec<_>>()))
        };
        let counts = |changes: &[Change]| {
            let appeared = changes.iter().filter(|change| matches!(change, Change::Appeared(_))).count();
            let failing = changes.contains(&Change::Failing(LookupError::TooMany(MOST)));
            (appeared, failing, changes.contains(&Change::Working))
        };
        let mut told = Vec::new();
        for minute in 0..6 {
            told.push(counts(&inventory.apply(
                at(60 * minute),
                round(minute.try_into().unwrap()),
                HOUR,
                |_| SILENT,
            )));
        }
        let full = [(96, true, false), (0, false, false)];
        assert_eq!(told, [&[(1000, false, false); 4][..], &full].concat());
        assert_eq!((inventory.count(), inventory.missing()), (MOST, MOST), "none of the last is known");
        // Those that were missing for long enough make room.
        let changes = inventory.apply(at(3600 + 60 * 9), round(9), HOUR, |_| SILENT);
        assert_eq!(counts(&changes), (1000, false, true));
    }

    fn refusing(targets: &[&str]) -> (FoundNodes, Change) {
        let refused =
            |target: &&str| RefusedTarget { target: crate::external::ExternalText::new(*target), port: 8200 };
        let refused = RefusedTargets::of(targets.iter().map(refused).collect());
        (FoundNodes { nodes: Vec::new(), refused: refused.clone() }, Change::Refused(refused))
    }

    #[test]
    fn a_target_that_may_not_be_a_node_is_said_once_while_it_is_there() {
        let mut inventory = NodeInventory::default();
        let (none, _) = refusing(&[]);
        let (one, one_is_news) = refusing(&["evil.net"]);
        let (two, two_are_news) = refusing(&["evil.net", "worse.net"]);
        let (other, other_is_news) = refusing(&["bad.net"]);
        for (minute, (found, news)) in [
            (&one, Some(&one_is_news)),
            (&one, None),
            (&none, None),
            (&one, Some(&one_is_news)),
            (&two, Some(&two_are_news)),
            (&one, None),
            (&other, Some(&other_is_news)),
        ]
        .into_iter()
        .enumerate()
        {
            let changes = inventory.apply(at(minute as u64), Ok(found.clone()), HOUR, |_| SILENT);
            assert_eq!(changes.first(), news, "{minute}");
        }
    }

    #[test]
    fn many_refused_targets_are_one_change() {
        let mut inventory = NodeInventory::default();
        let names: Vec<String> = (0..1500).map(|number| format!("t{number}.evil.net")).collect();
        let (found, news) = refusing(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(inventory.apply(at(0), Ok(found.clone()), HOUR, |_| SILENT), [news]);
        assert_eq!(inventory.apply(at(1), Ok(found), HOUR, |_| SILENT), []);
        assert_eq!((inventory.refused().count(), inventory.refused().first().count()), (1500, FEW));
    }

    #[test]
    fn node_belongs_to_who_configured_it_or_else_to_who_found_it_first() {
        let [configured, found]: [NodeAddress; 2] =
            ["http://v1:8200", "http://v2:8200"].map(|text| text.parse().unwrap());
        let mut owners = Owners::default();
        owners.configured("home", std::slice::from_ref(&configured));
        assert_eq!(owners.elsewhere(&configured, "work"), Some("home"));
        assert_eq!(owners.elsewhere(&configured, "home"), None);
        assert_eq!(owners.elsewhere(&found, "work"), None);
        assert_eq!(owners.elsewhere(&found, "home"), Some("work"));
    }
}
