//! One look at every server: what `status`, `wait` and `check` share.

use crate::config::{Cluster, NodeAddress, Settings};
use crate::unseal::State;
use crate::vault::{Health, SealStatus, Server, TlsFileError};
use std::time::{Duration, SystemTime};

/// A server to look at.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) cluster: String,
    pub(super) address: NodeAddress,
    pub(super) verified: bool,
    pub(super) server: Server,
    pub(super) poll_interval: Duration,
}

/// What one look showed.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) state: State,
    pub(super) health: Option<Health>,
    /// Read only while sealed.
    pub(super) seal: Option<SealStatus>,
    /// Our clock when the health answer came.
    pub(super) at: SystemTime,
}

/// Every server of `settings`.
pub(super) fn targets(settings: &Settings) -> Result<Vec<Target>, TlsFileError> {
    let mut targets = Vec::new();
    for cluster in &settings.clusters {
        targets.extend(of_cluster(cluster)?);
    }
    Ok(targets)
}

/// The servers of one cluster.
pub(super) fn of_cluster(cluster: &Cluster) -> Result<Vec<Target>, TlsFileError> {
    let servers = Server::of_cluster(cluster)?;
    Ok(cluster
        .nodes
        .iter()
        .zip(servers)
        .map(|(address, server)| Target {
            cluster: cluster.name.clone(),
            address: address.clone(),
            verified: address.tls && cluster.tls.authenticates(),
            server,
            poll_interval: cluster.pace.poll_interval,
        })
        .collect())
}

/// Asks one server for its health and, while it is sealed, for its seal.
pub(super) async fn look(target: &Target) -> Look {
    let health = match target.server.health().await {
        Ok(health) => health,
        Err(cause) => {
            return Look {
                state: State::Unreachable { cause },
                health: None,
                seal: None,
                at: SystemTime::now(),
            };
        }
    };
    let at = SystemTime::now();
    if let Some(state) = State::of_health(&health) {
        return Look { state, health: Some(health), seal: None, at };
    }
    match target.server.seal_status().await {
        Ok(seal) if seal.sealed => {
            Look { state: State::of_seal_status(&seal), health: Some(health), seal: Some(seal), at }
        }
        // Unsealed between the two questions: its role is not known yet.
        Ok(seal) => Look { state: State::Sealed { delay: None }, health: Some(health), seal: Some(seal), at },
        Err(cause) => Look { state: State::Unreachable { cause }, health: Some(health), seal: None, at },
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
    looks
}
