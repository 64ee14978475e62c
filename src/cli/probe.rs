//! The servers of the configuration, with those that its names stand for, and one probe of each: what `status`, `wait`,
//! `check`, `enroll` and `init` share.

use super::machine;
use crate::accounts::Trusted;
use crate::api::{Health, SealStatus};
use crate::cluster::{Discovery, Node, NodeAddress, ShareSource};
use crate::config::{Cluster, Settings};
use crate::control;
use crate::discovery::{FirstFew, FoundNodes, LookupError, Owners, look_up};
use crate::explain::{Explain, Explanation};
use crate::external::{ExternalText, error};
use crate::ordered;
use crate::unseal::{Objection, State};
use crate::vault::{ClusterClient, Server, TlsFileError};
use std::sync::Arc;
use std::time::SystemTime;

/// A server to look at.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) cluster: String,
    pub(super) address: NodeAddress,
    /// The name it was found by, where the configuration does not have its address.
    pub(super) found_by: Option<Discovery>,
    /// The name stands for it now.
    pub(super) in_dns: bool,
    pub(super) verified: bool,
    pub(super) server: Server,
    /// Where its cluster's shares are, and who is trusted.
    pub(super) shares: Option<(ShareSource, Arc<Trusted>)>,
    /// The node, with the name that its certificate must have.
    pub(super) node: Node,
}

/// What one probe showed.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub(super) state: State,
    pub(super) health: Option<Health>,
    /// Read only while it does not serve.
    pub(super) seal: Option<SealStatus>,
    /// Our clock when the health answer came.
    pub(super) at: SystemTime,
}

impl Probe {
    /// It got no answer of the server's own.
    pub(super) fn is_unreachable(&self) -> bool {
        matches!(self.state, State::Unreachable { .. })
    }
}

/// Every server of `settings`, with those that `names` stand for.
pub(super) async fn targets(
    settings: &Settings,
    names: &[ResolvedName],
) -> Result<Vec<Target>, TlsFileError> {
    let mut targets = Vec::new();
    for cluster in &settings.clusters {
        targets.extend(of_cluster(cluster, names).await?);
    }
    Ok(targets)
}

/// The servers of one cluster.
pub(super) async fn of_cluster(
    cluster: &Cluster,
    names: &[ResolvedName],
) -> Result<Vec<Target>, TlsFileError> {
    let access = ClusterClient::read(cluster).await?;
    let mut targets: Vec<Target> = Vec::new();
    let configured = cluster.nodes.iter().map(|address| (Node::from(address.clone()), None));
    let found = names.iter().filter(|name| name.cluster == cluster.name);
    let found = found.flat_map(|name| name.nodes().map(|node| (node.clone(), Some(name.discovery.clone()))));
    for (node, found_by) in configured.chain(found) {
        if !targets.iter().any(|target| target.address == node.address) {
            targets.push(Target::of(cluster, &access, &node, found_by));
        }
    }
    Ok(targets)
}

impl Target {
    /// Whether it is this node of this cluster.
    pub(super) fn is(&self, cluster: &str, address: &NodeAddress) -> bool {
        self.address == *address && self.cluster == cluster
    }

    /// A server of a cluster.
    pub(super) fn of(
        cluster: &Cluster,
        access: &ClusterClient,
        node: &Node,
        found_by: Option<Discovery>,
    ) -> Self {
        Self {
            cluster: cluster.name.clone(),
            address: node.address.clone(),
            found_by,
            in_dns: true,
            verified: node.address.tls && cluster.tls.authenticates(),
            server: access.server(node),
            shares: cluster.shares.clone().map(|source| (source, Arc::clone(&cluster.trusted))),
            node: node.clone(),
        }
    }
}

/// Asks one server for its health and, while it does not serve, for its seal.
pub(super) async fn probe(target: &Target) -> Probe {
    let health = match target.server.health().await {
        Ok(health) => health,
        Err(cause) => {
            return Probe { state: State::of_error(cause), health: None, seal: None, at: SystemTime::now() };
        }
    };
    let at = SystemTime::now();
    if let Some(state) = State::of_health(&health) {
        return Probe { state, health: Some(health), seal: None, at };
    }
    match target.server.seal_status().await {
        Ok(seal) if seal.sealed => {
            let held = match &target.shares {
                Some((source, trusted)) if !seal.initialized => {
                    machine::may_have_shares(source, trusted).await
                }
                _ => false,
            };
            let objection = if held { Objection::SharesHeld } else { Objection::Nothing };
            let state = State::of_seal_status(&seal, health.initialized, objection);
            Probe { state, health: Some(health), seal: Some(seal), at }
        }
        // Unsealed between the two questions: its role is not known yet.
        Ok(seal) => {
            Probe { state: State::Sealed { delay: None }, health: Some(health), seal: Some(seal), at }
        }
        Err(cause) => Probe { state: State::of_error(cause), health: Some(health), seal: None, at },
    }
}

/// Asks all servers at once; the answers come in the order of the targets.
pub(super) async fn probe_all(targets: &[Target]) -> Vec<Probe> {
    let tasks: Vec<_> =
        targets.iter().cloned().map(|target| tokio::spawn(async move { probe(&target).await })).collect();
    let mut probes = Vec::with_capacity(tasks.len());
    for task in tasks {
        if let Ok(probe) = task.await {
            probes.push(probe);
        }
    }
    tell_of_peers(targets, &mut probes);
    probes
}

/// A server without keys learns of the others of its cluster that have some.
fn tell_of_peers(targets: &[Target], probes: &mut [Probe]) {
    let initialised = targets.iter().zip(probes.iter()).filter(|(_, probe)| probe.state.is_initialised());
    let clusters = ordered::set(initialised.map(|(target, _)| target.cluster.as_str()));
    for (target, probe) in targets.iter().zip(probes) {
        if let State::Uninitialized { objection, .. } = &mut probe.state {
            if clusters.contains(target.cluster.as_str()) {
                *objection = Objection::PeerInitialised;
            }
        }
    }
}

/// A name of the configuration, and what it stands for.
#[derive(Debug, Clone)]
pub(super) struct ResolvedName {
    pub(super) cluster: String,
    pub(super) discovery: Discovery,
    pub(super) result: Result<FoundNodes, LookupError>,
    /// Of the nodes in it, those that are another cluster's, and whose.
    pub(super) elsewhere: Vec<(NodeAddress, String)>,
}

impl ResolvedName {
    /// The nodes that belong to its cluster.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        let found = self.result.as_ref().map(|found| found.nodes.as_slice()).unwrap_or_default();
        found.iter().filter(|node| !self.elsewhere.iter().any(|(address, _)| *address == node.address))
    }

    /// For machines, in the form that the daemon has for it.
    pub(super) fn document(&self) -> control::Name {
        let found = self.result.as_ref().ok();
        control::Name {
            cluster: self.cluster.clone(),
            name: self.discovery.to_string(),
            nodes: self.nodes().count(),
            resolved: found.is_some(),
            refused: found
                .map(|found| found.refused.first().map(ToString::to_string).collect())
                .unwrap_or_default(),
            refused_count: found.map_or(0, |found| found.refused.count()),
            problem: self.result.as_ref().err().map(|error| control::Problem {
                kind: error.kind().to_owned(),
                message: error.to_string(),
                advice: error.advice(),
            }),
        }
    }

    /// What is wrong with it, each with what to do about it.
    pub(super) fn problems(&self) -> Vec<Explanation> {
        let found = match &self.result {
            Ok(found) => found,
            Err(error) => return vec![Explanation::of(error)],
        };
        let mut problems = Vec::new();
        if let Some((message, advice)) = found.refused.reason(&self.discovery) {
            problems.push(Explanation::new("target-refused", message, advice));
        }
        let message = match self.elsewhere.as_slice() {
            [] => None,
            [(address, owner)] => {
                Some(format!("it stands for {address}, which is a node of the cluster \"{owner}\""))
            }
            many => {
                let nodes =
                    FirstFew::of(many.iter().map(|(address, owner)| format!("{address} (\"{owner}\")")));
                Some(format!("it stands for {} nodes of other clusters: {nodes}", many.len()))
            }
        };
        if let Some(message) = message {
            let advice =
                "Such a node gets no shares of this cluster. Correct the name in DNS, or the configuration.";
            problems.push(Explanation::new("node-of-another-cluster", message, advice));
        }
        if found.nodes.is_empty() && problems.is_empty() {
            let advice = "The target of its SRV record is \".\" (RFC 2782).";
            let message = "DNS says that there is no such service";
            problems.push(Explanation::new("name-without-nodes", message, advice));
        }
        problems
    }
}

/// Looks up all names at once, in the order of the configuration.
pub(super) async fn names(settings: &Settings) -> Vec<ResolvedName> {
    let all = settings
        .clusters
        .iter()
        .flat_map(|cluster| cluster.discoveries.iter().map(move |discovery| (cluster, discovery)));
    let tasks: Vec<_> = all
        .map(|(cluster, discovery)| {
            let (name, discovery) = (cluster.name.clone(), discovery.clone());
            let lookup = one(cluster, &discovery);
            (name, discovery, tokio::spawn(lookup))
        })
        .collect();
    let mut names = Vec::with_capacity(tasks.len());
    for (cluster, discovery, task) in tasks {
        let result =
            task.await.unwrap_or_else(|error| Err(LookupError::Name(ExternalText::new(error::task(&error)))));
        names.push(ResolvedName { cluster, discovery, result, elsewhere: Vec::new() });
    }
    mark_foreign_nodes(settings, &mut names);
    names
}

/// Looks one name up.
pub(super) fn one(
    cluster: &Cluster,
    discovery: &Discovery,
) -> impl Future<Output = Result<FoundNodes, LookupError>> + use<> {
    let (named, limit) = (cluster.tls.binds_name(), cluster.pace.request_timeout);
    let discovery = discovery.clone();
    async move { look_up(&discovery, named, limit).await }
}

/// Notes the nodes that are another cluster's.
pub(super) fn mark_foreign_nodes(settings: &Settings, names: &mut [ResolvedName]) {
    let mut owners = Owners::default();
    for cluster in &settings.clusters {
        owners.configured(&cluster.name, &cluster.nodes);
    }
    let mut order: Vec<&mut ResolvedName> = names.iter_mut().collect();
    order.sort_unstable_by(|a, b| (&a.cluster, &a.discovery).cmp(&(&b.cluster, &b.discovery)));
    for name in order {
        let Ok(found) = &name.result else { continue };
        name.elsewhere.clear();
        for node in &found.nodes {
            if let Some(owner) = owners.elsewhere(&node.address, &name.cluster) {
                name.elsewhere.push((node.address.clone(), owner.to_owned()));
            }
        }
    }
}
