//! Checks over all clusters: whether each server is in its own, and in one place only.

use super::cluster::Seen;
use super::finding::{Findings, Severity};
use crate::cli::look::Target;
use crate::cli::outsiders;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// How long names are looked up: a name that takes longer is told by its server's own finding.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything about the servers of all clusters together.
pub(super) async fn check(seen: &Seen, findings: &mut Findings) {
    let memberships = outsiders::memberships(&seen.targets, &seen.looks);
    for (target, outsider) in seen.targets.iter().zip(outsiders::of(&memberships, &seen.targets)) {
        if let Some(outsider) = outsider {
            findings.explain(Severity::Problem, &target.address.to_string(), &outsider);
        }
    }
    for (first, second, own) in memberships.twins() {
        findings.add(
            Severity::Problem,
            second,
            "one-cluster-twice",
            format!("its servers are of the cluster \"{first}\": both show {own}"),
            Some("Write the nodes of one cluster into one [[cluster]].".to_owned()),
        );
    }
    same_servers(&seen.targets, findings).await;
}

/// One server under two addresses would be given shares twice.
async fn same_servers(targets: &[Target], findings: &mut Findings) {
    let asked: Vec<_> = targets
        .iter()
        .map(|target| {
            let is_socket = target.address.socket().is_some();
            let (host, port) = (target.address.host.clone(), target.address.port);
            tokio::spawn(async move {
                // A path is what it is.
                if is_socket {
                    return Vec::new();
                }
                let found = timeout(PATIENCE, lookup_host((host, port))).await;
                found.ok().and_then(Result::ok).map(Vec::from_iter).unwrap_or_default()
            })
        })
        .collect();
    let mut known: BTreeMap<SocketAddr, &Target> = BTreeMap::new();
    for (target, addresses) in targets.iter().zip(asked) {
        let addresses: Vec<SocketAddr> = addresses.await.unwrap_or_default();
        if let Some((address, first)) = addresses.iter().find_map(|at| Some((at, known.get(at)?))) {
            findings.add(
                Severity::Warning,
                &target.address.to_string(),
                "same-server",
                format!("it is the server of {}: both are {address}", first.address),
                Some("Name each server once, by one address.".to_owned()),
            );
        }
        for address in addresses {
            known.entry(address).or_insert(target);
        }
    }
}
