//! Which cluster a node belongs to: to one only, however many names stand for it.

use crate::cluster::NodeAddress;
use std::collections::BTreeMap;

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
    use super::*;

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
