//! One look at every server: what `status`, `wait` and `check` share.

use super::machine;
use super::names::ResolvedName;
use crate::accounts::Trusted;
use crate::api::{Health, SealStatus};
use crate::cluster::Node;
use crate::cluster::ShareSource;
use crate::cluster::{Discovery, NodeAddress};
use crate::config::{Cluster, Settings};
use crate::unseal::{Objection, State};
use crate::vault::{ClusterClient, Server, TlsFileError};
use std::collections::BTreeSet;
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

/// What one look showed.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) state: State,
    pub(super) health: Option<Health>,
    /// Read only while it does not serve.
    pub(super) seal: Option<SealStatus>,
    /// Our clock when the health answer came.
    pub(super) at: SystemTime,
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
pub(super) async fn look(target: &Target) -> Look {
    let health = match target.server.health().await {
        Ok(health) => health,
        Err(cause) => {
            return Look { state: State::of_error(cause), health: None, seal: None, at: SystemTime::now() };
        }
    };
    let at = SystemTime::now();
    if let Some(state) = State::of_health(&health) {
        return Look { state, health: Some(health), seal: None, at };
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
            Look { state, health: Some(health), seal: Some(seal), at }
        }
        // Unsealed between the two questions: its role is not known yet.
        Ok(seal) => Look { state: State::Sealed { delay: None }, health: Some(health), seal: Some(seal), at },
        Err(cause) => Look { state: State::of_error(cause), health: Some(health), seal: None, at },
    }
}

/// Asks all servers at once; the answers come in the order of the targets.
pub(super) async fn look_at_all(targets: &[Target]) -> Vec<Look> {
    let tasks: Vec<_> =
        targets.iter().cloned().map(|target| tokio::spawn(async move { look(&target).await })).collect();
    let mut looks = Vec::with_capacity(tasks.len());
    for task in tasks {
        if let Ok(look) = task.await {
            looks.push(look);
        }
    }
    tell_of_peers(targets, &mut looks);
    looks
}

/// A server without keys learns of the others of its cluster that have some.
fn tell_of_peers(targets: &[Target], looks: &mut [Look]) {
    let clusters: BTreeSet<&str> = (targets.iter().zip(looks.iter()))
        .filter(|(_, look)| look.state.is_initialised())
        .map(|(target, _)| target.cluster.as_str())
        .collect();
    for (target, look) in targets.iter().zip(looks) {
        if let State::Uninitialized { objection, .. } = &mut look.state {
            if clusters.contains(target.cluster.as_str()) {
                *objection = Objection::PeerInitialised;
            }
        }
    }
}
