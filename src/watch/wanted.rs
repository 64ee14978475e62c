//! Which nodes are to be watched: those of the configuration, and those that names stand for.

use super::board::{Finding, NodeKey, SearchKey};
use super::duty::Ground;
use super::search::Search;
use crate::config::NodeAddress;
use crate::discovery::Node;
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
    /// What was found for one cluster and is a node of another: the node, by which name, and of which cluster it is.
    pub(super) elsewhere: Vec<(NodeKey, SearchKey, String)>,
}

impl Wanted {
    /// Addresses in the configuration come before what was found, so that DNS cannot take a node away from them; of
    /// two clusters that found the same node, the one whose task it is keeps it as long as their order is the same.
    pub(super) fn of(grounds: &BTreeMap<String, Ground>, searches: &BTreeMap<SearchKey, Search>) -> Self {
        let mut owners: BTreeMap<NodeAddress, String> = BTreeMap::new();
        let mut wanted = Self { nodes: BTreeMap::new(), elsewhere: Vec::new() };
        for (name, ground) in grounds {
            for address in &ground.cluster.nodes {
                owners.insert(address.clone(), name.clone());
                let key = NodeKey { cluster: name.clone(), address: address.clone() };
                let place = Place { node: address.clone().into(), finding: None, trouble: None };
                wanted.nodes.insert(key, place);
            }
        }
        // Those in DNS before those that are missing: a node that moved from one cluster to another is the new one's.
        for present in [true, false] {
            for (search_key, search) in searches {
                for (node, in_dns) in search.roll.nodes().filter(|(_, in_dns)| *in_dns == present) {
                    let key = NodeKey { cluster: search_key.cluster.clone(), address: node.address.clone() };
                    let owner = owners.entry(node.address.clone()).or_insert_with(|| key.cluster.clone());
                    if *owner != key.cluster {
                        wanted.elsewhere.push((key, search_key.clone(), owner.clone()));
                        continue;
                    }
                    let (discovery, tls_name) = (search_key.discovery.clone(), node.name.clone());
                    let finding = Finding { discovery, tls_name, in_dns };
                    let trouble = Some(Arc::clone(&search.trouble));
                    wanted.nodes.entry(key).or_insert(Place { node, finding: Some(finding), trouble });
                }
            }
        }
        wanted
    }
}
