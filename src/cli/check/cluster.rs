//! Checks one cluster: its shares, its servers, and whether they fit together: what the servers say of their key, and what a
//! machine holds of it.

use super::finding::{Findings, Severity, Topic};
use super::nodes::{self, CheckedServers};
use super::sealed::Sealed;
use super::{credential, protection, service};
use crate::api::SealState;
use crate::cli::machine::{CheckedService, InstalledService, Machine};
use crate::cli::probe::{Probe, ResolvedName, Target, of_cluster, probe_all};
use crate::cluster::NodeAddress;
use crate::cluster::{Scheme, ShareSource};
use crate::config::Cluster;
use crate::explain::{Explain, Explanation};
use crate::external::quote;
use crate::report::state::counted;
use crate::shares::{CredentialRefusal, LoadedShares, ShareError, ShareSet, SocketRefusal, Split};
use ring::digest::Digest;
use std::sync::Arc;

/// Everything about one cluster. `several` puts its name before each subject.
pub(super) async fn check(
    cluster: &Cluster,
    names: &[ResolvedName],
    several: bool,
    place: &CheckedService<'_>,
    seen: &mut CheckedServers,
) -> Findings {
    let mut findings = Findings::default();
    let name =
        |subject: &str| if several { format!("{}: {subject}", cluster.name) } else { subject.to_owned() };
    let mut topic = findings.about(&name("shares"));
    let held = match &cluster.shares {
        Some(source) => load(source, place, &mut topic).await,
        None => None,
    };
    if let Some(held) = &held {
        shared(held, &cluster.name, &mut seen.sets, &mut topic);
    }
    nodes::names(&cluster.name, names, &mut findings);
    let targets = match of_cluster(cluster, names).await {
        Ok(targets) => targets,
        Err(error) => {
            findings.about(&name("tls")).explain(Severity::Problem, &error);
            return findings;
        }
    };
    let mut probes = probe_all(&targets).await;
    for (target, probe) in targets.iter().zip(&mut probes) {
        // One probe shows nothing of what becomes of shares, nor of a hold.
        if let Some(state) = seen.daemon.of(target, &probe.state) {
            probe.state = state;
        }
        nodes::node(probe, seen.daemon.held(target), &mut findings.about(&target.address));
    }
    let seals = seals(&targets, &probes).await;
    if let Some(held) = &held {
        let mut topic = findings.about(&name("shares"));
        match seals.first() {
            Some((_, seal)) => {
                fit(held, seal.scheme(), targets.len(), &mut topic);
                custody(held, seal, targets.len(), &mut topic);
            }
            None => topic.add(
                Severity::Warning,
                Explanation::without_advice(
                    "threshold-unknown",
                    "whether they fit the servers cannot be told: no server says how many it needs",
                ),
            ),
        }
    }
    differing(&seals, &mut findings);
    nodes::expiry(cluster, &targets, &name("tls"), &mut findings).await;
    seen.targets.extend(targets);
    seen.probes.extend(probes);
    findings
}

/// The shares that a source holds, if they can be had from here.
async fn load(source: &ShareSource, place: &CheckedService<'_>, topic: &mut Topic<'_>) -> Option<ShareSet> {
    let loaded = match source {
        ShareSource::Tpm2 { path, tcti } => {
            Sealed { path, tcti: tcti.as_deref(), machine: place.machine, topic }.check(place.unit()).await
        }
        ShareSource::Socket(_) => given(source, place.machine, topic).await,
        ShareSource::File(_) | ShareSource::Credential(_) => unsealed(source, place, topic).await,
    }?;
    for notice in &loaded.notices {
        topic.explain(Severity::Warning, notice);
    }
    Some(loaded.shares)
}

/// Those that a service gives, which may take its time.
async fn given(source: &ShareSource, machine: &Machine, topic: &mut Topic<'_>) -> Option<LoadedShares> {
    let (read, trusted) = (source.clone(), Arc::clone(&machine.trusted));
    // Fails only if the runtime ends.
    match tokio::task::spawn_blocking(move || read.load(&trusted)).await.ok()? {
        Ok(loaded) => {
            topic.good(format!("{} in {source}", counted(loaded.shares.count(), "share")));
            Some(loaded)
        }
        // Not to be mended: nobody else is to get them.
        Err(error @ ShareError::Socket(_, SocketRefusal::Denied(_))) if !machine.as_root => {
            topic.warn(
                error.kind(),
                error.to_string(),
                "Root and the service get them: sudo vault-unseal check",
            );
            None
        }
        failed => topic.succeeded(failed),
    }
}

/// Those of a file, or of a credential.
async fn unsealed(
    source: &ShareSource,
    place: &CheckedService<'_>,
    topic: &mut Topic<'_>,
) -> Option<LoadedShares> {
    match source.load(&place.machine.trusted) {
        Ok(loaded) => {
            topic.good(format!("{} in {source}", counted(loaded.shares.count(), "share")));
            if let ShareSource::File(path) = source {
                protection::plain(place.machine, path, topic);
            }
            Some(loaded)
        }
        Err(ShareError::Credential(name, cause @ CredentialRefusal::NoDirectory)) => {
            // Only the service has its credentials: a check from a shell looks at the files behind them.
            if let Some(InstalledService { unit, .. }) = place.service {
                let loaded = credential::check(place.machine, unit, &name, topic).await;
                if let Some(loaded) = &loaded {
                    service::compare_shares(place.machine, &name, &loaded.shares, topic);
                }
                loaded
            } else {
                let error = ShareError::Credential(name, cause);
                let remedy = "To check the file behind it: vault-unseal check --shares-file FILE, with the file that \
                              LoadCredential= in the unit will name; with several clusters, in a copy of the \
                              configuration, shares = { file = \"FILE\" }. No unit of vault-unseal is installed here.";
                topic.warn(error.kind(), error.to_string(), remedy);
                None
            }
        }
        failed => topic.succeeded(failed),
    }
}

/// Two clusters never have the same key: their shares are of one of them, or both are one.
fn shared(held: &ShareSet, name: &str, sets: &mut Vec<(String, Digest)>, topic: &mut Topic<'_>) {
    let set = held.digest();
    if let Some((other, _)) = sets.iter().find(|(_, known)| known.as_ref() == set.as_ref()) {
        topic.warn(
            "same-shares",
            format!("they are the same shares as those of the cluster {}", quote::toml(other)),
            "One of the two has the other's. Give each its own, and its own credential; nodes of one cluster stand in \
             one [[cluster]].",
        );
    }
    sets.push((name.to_owned(), set));
}

/// What no look at shares can tell: those of another server look the same.
const UNPROVEN: &str = "whether they open this server shows only when they are submitted";

/// The seal of each server that takes shares and says how its key is split. Unsealed servers tell it, too.
async fn seals(targets: &[Target], probes: &[Probe]) -> Vec<(NodeAddress, SealState)> {
    let mut asked = Vec::new();
    for (target, probe) in targets.iter().zip(probes).filter(|(_, probe)| probe.health.is_some()) {
        let (server, seal) = (target.server.clone(), probe.seal.clone());
        let answer = tokio::spawn(async move {
            match seal {
                Some(seal) => Some(seal),
                None => server.seal_status().await.ok(),
            }
        });
        asked.push((target.address.clone(), answer));
    }
    let mut seals = Vec::new();
    for (address, answer) in asked {
        let seal = answer.await.ok().flatten();
        if let Some(seal) = seal.filter(|seal| seal.threshold > 0 && seal.takes_unseal_shares()) {
            seals.push((address, seal.state));
        }
    }
    seals
}

/// The servers of one cluster have one key, which is split once.
fn differing(seals: &[(NodeAddress, SealState)], findings: &mut Findings) {
    let Some(((first, seal), others)) = seals.split_first() else { return };
    let usual = seal.scheme();
    let schemes = others.iter().map(|(address, seal)| (address, seal.scheme()));
    for (address, scheme) in schemes.filter(|(_, scheme)| !scheme.agrees_with(usual)) {
        findings.about(address).problem(
            "schemes-differ",
            format!("it has {scheme}, and {first} has {usual}: they are not servers of one cluster"),
            "Give each its own [[cluster]] with its own shares; right after a rekey, check once more.",
        );
    }
}

/// Whether the shares can be those of a cluster of `nodes` servers with this scheme.
fn fit(held: &ShareSet, scheme: Scheme, nodes: usize, topic: &mut Topic<'_>) {
    let (count, threshold) = (held.count(), scheme.threshold);
    let plan = held.plan(scheme);
    if let Some(misfit) = &plan.misfit {
        topic.explain(Severity::Problem, misfit);
        return;
    }
    if count < threshold && nodes < 2 {
        topic.warn(
            "too-few-shares",
            format!("{count} of {threshold} needed, and this is the only server of its cluster: unless others submit \
                     the rest to it, it stays sealed"),
            "Give this daemon the missing shares as well. Leave it so only where daemons on other machines submit them \
             to this server (split custody).",
        );
        return;
    }
    if count < threshold {
        topic.good(format!(
            "{count} of {threshold} needed: the others must come from other machines (split custody)"
        ));
        return;
    }
    let list = |indices: &[usize]| {
        held.positions(indices).iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
    };
    if !plan.corrupt.is_empty() {
        topic.warn(
            "corrupt-share",
            format!(
                "share {} does not fit the others; the server can be unsealed without it",
                list(&plan.corrupt)
            ),
            "Replace it by a good copy while enough good ones are left.",
        );
    } else if plan.ambiguous {
        topic.warn(
            "inconsistent-shares",
            "the shares do not all belong together, and there are too few to tell which is wrong",
            "If they are the shares of a different server, put this one's in their place. If not, the \
             daemon tries them in turn, and names the wrong one once the server is unsealed.",
        );
    } else if count > threshold {
        topic.good(format!("all {count} belong together, {threshold} are needed; {UNPROVEN}"));
    } else {
        let verb = if threshold == 1 { "is" } else { "are" };
        topic.good(format!("{threshold} {verb} needed; {UNPROVEN}"));
    }
}

/// Several servers, and one machine that has enough to open all of them. Each of them may have a daemon with a part.
fn custody(held: &ShareSet, seal: &SealState, nodes: usize, topic: &mut Topic<'_>) {
    let scheme = seal.scheme();
    let enough = held.plan(scheme).candidates.first().is_some_and(|set| set.len() >= scheme.threshold);
    if nodes < 2 || !enough {
        return;
    }
    let command = format!("vault-unseal enroll FILE --split {nodes}");
    let remedy = if let Ok(split) = Split::among(nodes, scheme.total.max(held.count()), scheme.threshold) {
        format!(
            "`{command}`, FILE with all shares, writes a part for a daemon on each of {nodes} machines: any {} of them \
             still bring back every server, and one that is stolen gives nothing away.",
            split.coalition
        )
    } else {
        // One share is enough, and there is nothing to split.
        let options = format!("-init -key-shares={nodes} -key-threshold=2");
        let (vault, openbao) =
            (format!("operator rekey {options}"), format!("operator rotate-keys {options}"));
        format!(
            "Rekey first, so that one share is not enough: {}. Then give a daemon on each of {nodes} machines a part: \
             `{command}`. One that is stolen gives nothing away then.",
            seal.product.commands(&vault, &openbao)
        )
    };
    topic.warn(
        "full-custody",
        format!(
            "this machine alone can open all {nodes} servers: it holds {}, and {} needed",
            counted(held.count(), "share"),
            if scheme.threshold == 1 { "1 is".to_owned() } else { format!("{} are", scheme.threshold) }
        ),
        remedy,
    );
}
