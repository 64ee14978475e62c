//! Checks one cluster: its shares, its servers, and whether they fit together.

use super::finding::{Findings, Severity, Topic};
use super::nodes::{self, CheckedServers};
use super::scheme::{custody, differing, fit, seals};
use super::sealed::Sealed;
use super::{credential, protection, service};
use crate::cli::look::{look_at_all, of_cluster};
use crate::cli::machine::{CheckedService, InstalledService};
use crate::cli::names::ResolvedName;
use crate::config::Cluster;
use crate::explain::{Explain, Explanation};
use crate::external::quote;
use crate::report::state::counted;
use crate::shares::{CredentialRefusal, Loaded, ShareError, ShareSet, Source};
use ring::digest::Digest;

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
    let mut topic = findings.about(name("shares"));
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
            findings.about(name("tls")).explain(Severity::Problem, &error);
            return findings;
        }
    };
    let mut looks = look_at_all(&targets).await;
    for (target, look) in targets.iter().zip(&mut looks) {
        // One look shows nothing of what becomes of shares, nor of a hold.
        if let Some(state) = seen.told.of(target, &look.state) {
            look.state = state;
        }
        nodes::node(look, seen.told.held(target), &mut findings.about(&target.address));
    }
    let seals = seals(&targets, &looks).await;
    if let Some(held) = &held {
        let mut topic = findings.about(name("shares"));
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
    seen.looks.extend(looks);
    findings
}

/// The shares that a source holds, if they can be had from here.
async fn load(source: &Source, place: &CheckedService<'_>, topic: &mut Topic<'_>) -> Option<ShareSet> {
    let loaded = match source {
        Source::Tpm2 { path, tcti } => {
            Sealed { path, tcti: tcti.as_deref(), machine: place.machine, topic }.check(place.unit()).await
        }
        Source::File(_) | Source::Credential(_) => unsealed(source, place, topic).await,
    }?;
    for notice in &loaded.notices {
        topic.explain(Severity::Warning, notice);
    }
    Some(loaded.shares)
}

/// Those of a file, or of a credential.
async fn unsealed(source: &Source, place: &CheckedService<'_>, topic: &mut Topic<'_>) -> Option<Loaded> {
    match source.load(&place.machine.trusted) {
        Ok(loaded) => {
            topic.good(format!("{} in {source}", counted(loaded.shares.count(), "share")));
            if let Source::File(path) = source {
                protection::plain(place.machine, path, topic);
            }
            Some(loaded)
        }
        Err(ShareError::Credential { name, cause: cause @ CredentialRefusal::NoDirectory }) => {
            // Only the service has its credentials: whoever checks from a shell looks behind them.
            if let Some(InstalledService { unit, .. }) = place.service {
                let loaded = credential::check(place.machine, unit, &name, topic).await;
                if let Some(loaded) = &loaded {
                    service::compare_shares(place.machine, &name, &loaded.shares, topic);
                }
                loaded
            } else {
                let error = ShareError::Credential { name, cause };
                let remedy = "To check the file behind it: vault-unseal check --shares-file FILE, with the file that \
                              LoadCredential= in the unit will name; with several clusters, in a copy of the configuration, \
                              shares = { file = \"FILE\" }. No unit of vault-unseal is installed here.";
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
        topic.warn("same-shares", format!("they are the same shares as those of the cluster {}", quote::toml(other)), "One of the two has the other's. Give each its own, and its own credential; nodes of one cluster stand \
                 in one [[cluster]].");
    }
    sets.push((name.to_owned(), set));
}
