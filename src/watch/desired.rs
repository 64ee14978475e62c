//! Which nodes are to be watched, those of the configuration and those that names stand for, and what the task of each needs.

use super::key::{NodeKey, SearchKey};
use super::registry::DiscoveryStatus;
use super::search::DiscoveryTask;
use super::source::SharedSource;
use crate::cluster::Node;
use crate::config::{Cluster, Settings};
use crate::discovery::Owners;
use crate::vault::{ClusterClient, Server, TlsFileError};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;

/// A cluster that is watched, and how its servers are spoken to.
#[derive(Debug, Clone)]
pub(super) struct ClusterContext {
    pub(super) cluster: Arc<Cluster>,
    access: ClusterClient,
    /// Where its shares are.
    source: Option<Arc<SharedSource>>,
}

/// The clusters of a configuration by their names, with their TLS files read.
#[derive(Debug, Clone, Default)]
pub struct ClusterContexts(pub(super) BTreeMap<String, ClusterContext>);

impl ClusterContexts {
    /// Those of new settings: clusters that did not change stay what they are. The TLS files of all are read: what would
    /// keep the daemon from starting again is said now. Blocks on the file system: call it off the loop.
    pub fn changed_to(&self, settings: &Settings) -> Result<Self, TlsFileError> {
        let (mut contexts, mut readable) = (BTreeMap::new(), Vec::new());
        for cluster in &settings.clusters {
            let unchanged = self.0.get(&cluster.name).filter(|context| *context.cluster == *cluster);
            let Some(context) = unchanged else {
                contexts.insert(cluster.name.clone(), ClusterContext::of(cluster)?);
                continue;
            };
            // Many clusters may share their files.
            let files = (&cluster.tls, &cluster.trusted);
            if !readable.contains(&files) {
                ClusterClient::to(cluster)?;
                readable.push(files);
            }
            contexts.insert(cluster.name.clone(), context.clone());
        }
        Ok(Self(contexts))
    }
}

/// What the task of one node is to do; replaced as a whole by a reload.
#[derive(Debug)]
pub struct NodeSpec {
    /// The cluster as configured, shared by its nodes.
    pub cluster: Arc<Cluster>,
    /// The server, with its client.
    pub server: Server,
    /// The node, with the name that its certificate must have.
    pub node: Node,
    /// Its place among the nodes of the configuration. A node that is found and not named stands behind all.
    pub(super) rank: usize,
    /// Where the node's shares are; shared by the cluster's nodes.
    source: Option<Arc<SharedSource>>,
    /// Told when the node cannot be reached: the name that it was found by may stand for another by now.
    trouble: Option<Arc<Notify>>,
}

impl ClusterContext {
    /// Reads the cluster's TLS files.
    pub(super) fn of(cluster: &Cluster) -> Result<Self, TlsFileError> {
        let source =
            cluster.shares.as_ref().map(|source| Arc::new(SharedSource::of(source, &cluster.trusted)));
        Ok(Self { cluster: Arc::new(cluster.clone()), access: ClusterClient::to(cluster)?, source })
    }

    /// What the task of one node is to do.
    pub(super) fn spec(&self, desired: DesiredNode) -> Arc<NodeSpec> {
        let DesiredNode { node, rank, trouble, .. } = desired;
        let server = self.access.server(&node);
        let source = self.source.clone();
        Arc::new(NodeSpec { cluster: Arc::clone(&self.cluster), server, node, rank, source, trouble })
    }
}

impl NodeSpec {
    /// The same spec over the connections of an earlier one, where that one demanded the same of the server.
    pub(super) fn continuing(self: Arc<Self>, earlier: &Self) -> Arc<Self> {
        let demands = |cluster: &Cluster| (cluster.allow_plaintext, Arc::clone(&cluster.trusted));
        if self.cluster.tls != earlier.cluster.tls
            || demands(&self.cluster) != demands(&earlier.cluster)
            || self.node != earlier.node
        {
            return self;
        }
        let server = earlier.server.clone().with_limit(self.cluster.pace.request_timeout);
        let (cluster, node, rank) = (Arc::clone(&self.cluster), self.node.clone(), self.rank);
        let (source, trouble) = (self.source.clone(), self.trouble.clone());
        Arc::new(Self { cluster, server, node, rank, source, trouble })
    }

    /// It says the same as an earlier one of the same node, by the same cluster and over the same connection.
    pub(super) fn is_as_good_as(&self, earlier: &Self) -> bool {
        Arc::ptr_eq(&self.cluster, &earlier.cluster) && self.node == earlier.node
    }

    /// Where the node's shares are.
    pub(super) fn source(&self) -> Option<&Arc<SharedSource>> {
        self.source.as_ref()
    }

    /// The node cannot be reached.
    pub(super) fn report_unreachable(&self) {
        if let Some(trouble) = &self.trouble {
            trouble.notify_one();
        }
    }
}

/// One node that is to be watched.
pub(super) struct DesiredNode {
    pub(super) node: Node,
    /// Its place among the nodes of the configuration.
    pub(super) rank: usize,
    pub(super) finding: Option<DiscoveryStatus>,
    /// Who wants to know when it cannot be reached.
    pub(super) trouble: Option<Arc<Notify>>,
}

/// All of them.
pub(super) struct DesiredNodes {
    pub(super) nodes: BTreeMap<NodeKey, DesiredNode>,
    /// What was found for one cluster and is a node of another: by which name, and whose node it is.
    pub(super) elsewhere: BTreeMap<NodeKey, (SearchKey, String)>,
}

impl DesiredNodes {
    /// A node is in one cluster only ([`Owners`]). What is in DNS comes before what is missing there, so that a node can
    /// move from one cluster to another; and among these, those that `is_watched` already.
    pub(super) fn of(
        contexts: &BTreeMap<String, ClusterContext>,
        searches: &BTreeMap<SearchKey, DiscoveryTask>,
        is_watched: impl Fn(&NodeKey) -> bool,
    ) -> Self {
        let mut owners = Owners::default();
        let mut wanted = Self { nodes: BTreeMap::new(), elsewhere: BTreeMap::new() };
        for (name, context) in contexts {
            owners.configured(name, &context.cluster.nodes);
            for (rank, address) in context.cluster.nodes.iter().enumerate() {
                let key = NodeKey { cluster: name.clone(), address: address.clone() };
                let place = DesiredNode { node: address.clone().into(), rank, finding: None, trouble: None };
                wanted.nodes.entry(key).or_insert(place);
            }
        }
        // What is of the same precedence stays in the order of clusters and names.
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (search_key, search) in searches {
            for (node, in_dns) in search.inventory.nodes() {
                let key = NodeKey { cluster: search_key.cluster.clone(), address: node.address.clone() };
                let precedence = (!in_dns, !is_watched(&key));
                let (discovery, tls_name) = (search_key.discovery.clone(), node.name.clone());
                let finding = Some(DiscoveryStatus { discovery, tls_name, in_dns });
                let trouble = Some(Arc::clone(&search.trouble));
                let place = DesiredNode { node, rank: usize::MAX, finding, trouble };
                found.entry(precedence).or_default().push((key, search_key, place));
            }
        }
        for (key, search_key, place) in found.into_values().flatten() {
            match owners.elsewhere(&key.address, &key.cluster).map(str::to_owned) {
                None => drop(wanted.nodes.entry(key).or_insert(place)),
                Some(owner) => drop(wanted.elsewhere.insert(key, (search_key.clone(), owner))),
            }
        }
        wanted
    }
}
