//! The servers: what each showed, its certificate and clock, what names stand for, and whether each is in its own cluster and
//! in one place only.

use super::finding::{Findings, Severity, Topic};
use crate::api::Role;
use crate::cli::daemon_status::{self, DaemonStatus, HoldNote};
use crate::cli::probe::{Probe, ResolvedName, Target};
use crate::config::Cluster;
use crate::discovery::FirstFew;
use crate::explain::{Explain, Explanation};
use crate::report::state::NO_ACTIVE_NODE;
use crate::report::state::{advice, counted, phrase};
use crate::unseal::{Objection, State};
use crate::vault::{ClusterClient, Lifetimes};
use ring::digest::Digest;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::lookup_host;
use tokio::time::timeout;

/// An issuer that ends sooner than this is worth a warning.
const ISSUER_RENEWAL: Duration = Duration::from_secs(30 * 24 * 3600);
/// Clocks that differ by more than this make certificates fail at the worst time.
const CLOCK_TOLERANCE: u64 = 60;

/// The servers of all clusters so far, what they showed, and what the daemon says of them.
#[derive(Default)]
pub(super) struct CheckedServers {
    pub(super) daemon: DaemonStatus,
    /// The digests of their sets of shares, each with the cluster's name.
    pub(super) sets: Vec<(String, Digest)>,
    pub(super) targets: Vec<Target>,
    pub(super) probes: Vec<Probe>,
}

/// What one server showed, and whether its clock agrees.
pub(super) fn node(probe: &Probe, held: Option<HoldNote>, topic: &mut Topic<'_>) {
    let (severity, kind) = match &probe.state {
        State::Unsealed { .. } | State::Sealed { .. } | State::Unsealing { .. } | State::Joining => {
            (Severity::Ok, probe.state.word())
        }
        State::Uninitialized { objection: Objection::Nothing | Objection::PeerInitialised, .. }
        | State::WaitingForPeers { .. }
        | State::Held { .. } => (Severity::Warning, probe.state.word()),
        State::Unreachable { cause } => (Severity::Problem, cause.kind()),
        _ => (Severity::Problem, probe.state.word()),
    };
    let version = probe.health.as_ref().and_then(|health| health.version.as_ref());
    let mut message = phrase(&probe.state);
    if let Some(version) = version {
        let _ = write!(message, ", version {version}");
    }
    if let Some(held) = held {
        let _ = write!(message, "{held}");
    }
    topic.add(severity, Explanation { kind, message, advice: advice(&probe.state) });
    if matches!(probe.state, State::Unsealed { role: Role::StandbyWithoutActive }) {
        topic.warn(
            "no-active-node",
            "it sees no active node: its clients are not served, unless it was unsealed just now",
            NO_ACTIVE_NODE,
        );
    }
    if let Some(theirs) = probe.health.as_ref().and_then(|health| health.server_time) {
        let ours = probe.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let apart = ours.abs_diff(theirs);
        if apart > CLOCK_TOLERANCE {
            let apart = humantime::format_duration(Duration::from_secs(apart));
            topic.warn(
                "clock",
                format!("its clock and this machine's are {apart} apart"),
                "Let both follow a time server: `timedatectl set-ntp true`.",
            );
        }
    }
}

/// Certificates that are good now and will not be soon.
pub(super) async fn expiry(cluster: &Cluster, targets: &[Target], tls: &str, findings: &mut Findings) {
    let Ok((access, inspection)) = ClusterClient::inspecting(cluster, ISSUER_RENEWAL).await else { return };
    let mut told = Vec::new();
    for target in targets.iter().filter(|target| target.verified) {
        // Whatever it answers: its certificate was good, or nothing is noted.
        let _ = access.server(&target.node).health().await;
        let Some(Lifetimes { server, issuer }) = inspection.take() else { continue };
        if server.ends_soon(SystemTime::now()) {
            findings.about(&target.address).warn(
                "certificate-expires-soon",
                format!("its certificate expires soon, on {}", server.end()),
                "Renew it before: an expired certificate keeps this machine from unsealing.",
            );
        }
        // One CA vouches for many servers.
        let name = issuer.as_ref().map(ToString::to_string);
        let Some(issuer) = issuer.filter(|_| !told.contains(&name)) else { continue };
        told.push(name);
        findings.about(tls).warn(
            "issuer-expires-soon",
            format!("{issuer} vouches for {} and expires on {}", target.address, issuer.validity.end()),
            "Renew it before, where the server has it and where `tls` names it: once it has ended, no server that it \
             vouches for is unsealed.",
        );
    }
}

/// What each name of a cluster stands for, and what is wrong with it.
pub(super) fn names(cluster: &str, names: &[ResolvedName], findings: &mut Findings) {
    for name in names.iter().filter(|name| name.cluster == cluster) {
        let mut topic = findings.about(&name.discovery);
        let nodes: Vec<_> = name.nodes().map(|node| &node.address).collect();
        if !nodes.is_empty() {
            topic.good(format!("{}: {}", counted(nodes.len(), "node"), FirstFew::of(&nodes)));
        }
        for problem in name.problems() {
            topic.add(Severity::Problem, problem);
        }
    }
}

/// How long names are looked up: a name that takes longer is told by its server's own finding.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything about the servers of all clusters together.
pub(super) async fn identity(seen: &CheckedServers, findings: &mut Findings) {
    let memberships = daemon_status::memberships(&seen.targets, &seen.probes);
    for (target, outsider) in seen.targets.iter().zip(daemon_status::outsiders(&memberships, &seen.targets)) {
        if let Some(outsider) = outsider {
            findings.about(&target.address).explain(Severity::Problem, &outsider);
        }
    }
    for (first, second, own) in memberships.twins() {
        findings.about(second).problem(
            "one-cluster-twice",
            format!("its servers are of the cluster \"{first}\": both show {own}"),
            "Write the nodes of one cluster into one [[cluster]].",
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
            findings.about(&target.address).warn(
                "same-server",
                format!("it is the server of {}: both are {address}", first.address),
                "Name each server once, by one address.",
            );
        }
        for address in addresses {
            known.entry(address).or_insert(target);
        }
    }
}
