//! Which nodes are to be watched: those of the configuration, and those that names stand for.

use super::board::{Finding, NodeKey, SearchKey};
use super::duty::Ground;
use super::search::Search;
use crate::discovery::{Node, Owners};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;

/// One node that is to be watched.
pub(super) struct Place {
    pub(super) node: Node,
    pub(super) finding: Option<Finding>,
    /// Who wants to know when it cannot be reached.
    pub(super) trouble: Option<Arc<Notify>>,
}

/// All of them.
pub(super) struct Wanted {
    pub(super) nodes: BTreeMap<NodeKey, Place>,
    /// What was found for one cluster and is a node of another: by which name, and whose node it is.
    pub(super) elsewhere: BTreeMap<NodeKey, (SearchKey, String)>,
}

impl Wanted {
    /// A node is in one cluster only ([`Owners`]). What is in DNS comes before what is missing there, so that a node can
    /// move from one cluster to another; and among these, those that `is_watched` already.
    pub(super) fn of(
        grounds: &BTreeMap<String, Ground>,
        searches: &BTreeMap<SearchKey, Search>,
        is_watched: impl Fn(&NodeKey) -> bool,
    ) -> Self {
        let mut owners = Owners::default();
        let mut wanted = Self { nodes: BTreeMap::new(), elsewhere: BTreeMap::new() };
        for (name, ground) in grounds {
            owners.configured(name, &ground.cluster.nodes);
            for address in &ground.cluster.nodes {
                let key = NodeKey { cluster: name.clone(), address: address.clone() };
                let place = Place { node: address.clone().into(), finding: None, trouble: None };
                wanted.nodes.insert(key, place);
            }
        }
        let mut found = Vec::new();
        for (search_key, search) in searches {
            for (node, in_dns) in search.roll.nodes() {
                let key = NodeKey { cluster: search_key.cluster.clone(), address: node.address.clone() };
                let rank = (!in_dns, !is_watched(&key));
                let (discovery, tls_name) = (search_key.discovery.clone(), node.name.clone());
                let finding = Some(Finding { discovery, tls_name, in_dns });
                let trouble = Some(Arc::clone(&search.trouble));
                found.push((rank, key, search_key, Place { node, finding, trouble }));
            }
        }
        // Stable: what is of the same rank stays in the order of clusters and names.
        found.sort_by_key(|(rank, ..)| *rank);
        for (_, key, search_key, place) in found {
            match owners.elsewhere(&key.address, &key.cluster).map(str::to_owned) {
                None => drop(wanted.nodes.entry(key).or_insert(place)),
                Some(owner) => drop(wanted.elsewhere.insert(key, (search_key.clone(), owner))),
            }
        }
        wanted
    }
}
