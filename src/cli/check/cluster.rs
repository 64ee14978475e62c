//! Checks one cluster: its shares, its servers, and whether they fit together.

use super::finding::{Findings, Severity, shares};
use super::fit::{custody, differing, fit, seals};
use super::sealed::Sealed;
use super::{credential, discovery, protection, running};
use crate::cli::look::{Look, Target, look_at_all, of_cluster};
use crate::cli::machine::{Place, Service};
use crate::cli::names::Name;
use crate::cli::told::{HeldNote, Told};
use crate::config::Cluster;
use crate::explain::Explain;
use crate::external::quote;
use crate::report::lasting::NO_ACTIVE_NODE;
use crate::report::state::{advice, phrase};
use crate::shares::{CredentialRefusal, Loaded, ShareError, ShareSet, Source};
use crate::unseal::{Objection, State};
use crate::vault::{Access, Lifetimes, Role};
use ring::digest::Digest;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An issuer that ends sooner than this is worth a warning.
const ISSUER_RENEWAL: Duration = Duration::from_secs(30 * 24 * 3600);
/// Clocks that differ by more than this make certificates fail at the worst time.
const CLOCK_TOLERANCE: u64 = 60;

/// The servers of all clusters so far, what they showed, and what the daemon says of them.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) told: Told,
    /// The digests of their sets of shares, each with the cluster's name.
    pub(super) sets: Vec<(String, Digest)>,
    pub(super) targets: Vec<Target>,
    pub(super) looks: Vec<Look>,
}

/// Everything about one cluster. `several` puts its name before each subject.
pub(super) async fn check(
    cluster: &Cluster,
    names: &[Name],
    several: bool,
    place: &Place<'_>,
    seen: &mut Seen,
) -> Findings {
    let mut findings = Findings::default();
    let name =
        |subject: &str| if several { format!("{}: {subject}", cluster.name) } else { subject.to_owned() };
    let subject = name("shares");
    let held = match &cluster.shares {
        Some(source) => load(source, &subject, place, &mut findings).await,
        None => None,
    };
    if let Some(held) = &held {
        shared(held, &cluster.name, &subject, &mut seen.sets, &mut findings);
    }
    discovery::check(&cluster.name, names, &mut findings);
    let targets = match of_cluster(cluster, names).await {
        Ok(targets) => targets,
        Err(error) => {
            findings.explain(Severity::Problem, &name("tls"), &error);
            return findings;
        }
    };
    let mut looks = look_at_all(&targets).await;
    for (target, look) in targets.iter().zip(&mut looks) {
        // One look shows nothing of what becomes of shares, nor of a hold.
        if let Some(state) = seen.told.of(target, &look.state) {
            look.state = state;
        }
        node(target, look, seen.told.held(target), &mut findings);
    }
    let seals = seals(&targets, &looks).await;
    if let Some(held) = &held {
        match seals.first() {
            Some((_, seal)) => {
                fit(held, seal.scheme(), targets.len(), &subject, &mut findings);
                custody(held, seal, targets.len(), &subject, &mut findings);
            }
            None => findings.add(
                Severity::Warning,
                &subject,
                "threshold-unknown",
                "whether they fit the servers cannot be told: no server says how many it needs".to_owned(),
                None,
            ),
        }
    }
    differing(&seals, &mut findings);
    expiry(cluster, &targets, &name("tls"), &mut findings).await;
    seen.targets.extend(targets);
    seen.looks.extend(looks);
    findings
}

/// The shares that a source holds, if they can be had from here.
async fn load(
    source: &Source,
    subject: &str,
    place: &Place<'_>,
    findings: &mut Findings,
) -> Option<ShareSet> {
    let loaded = match source {
        Source::Tpm2 { path, tcti } => {
            let sealed = Sealed { path, tcti: tcti.as_deref(), subject };
            sealed.check(place, findings).await
        }
        Source::File(_) | Source::Credential(_) => unsealed(source, subject, place, findings).await,
    }?;
    for notice in &loaded.notices {
        findings.explain(Severity::Warning, subject, notice);
    }
    Some(loaded.shares)
}

/// Those of a file, or of a credential.
async fn unsealed(
    source: &Source,
    subject: &str,
    place: &Place<'_>,
    findings: &mut Findings,
) -> Option<Loaded> {
    match source.load(&place.machine.trusted) {
        Ok(loaded) => {
            findings.good(subject, format!("{} in {source}", shares(loaded.shares.count())));
            if let Source::File(path) = source {
                protection::plain(place.machine, path, subject, findings);
            }
            Some(loaded)
        }
        Err(ShareError::Credential { name, cause: cause @ CredentialRefusal::NoDirectory }) => {
            // Only the service has its credentials: whoever checks from a shell looks behind them.
            if let Some(Service { unit, .. }) = place.service {
                let loaded = credential::check(place.machine, unit, &name, subject, findings).await;
                if let Some(loaded) = &loaded {
                    running::shares(place.machine, &name, &loaded.shares, subject, findings);
                }
                loaded
            } else {
                let error = ShareError::Credential { name, cause };
                let remedy = "To check the file behind it: vault-unseal check --shares-file FILE, with the file that \
                              LoadCredential= in the unit will name; with several clusters, in a copy of the configuration, \
                              shares = { file = \"FILE\" }. No unit of vault-unseal is installed here.";
                let message = error.to_string();
                findings.add(Severity::Warning, subject, error.kind(), message, Some(remedy.to_owned()));
                None
            }
        }
        Err(error) => {
            findings.explain(Severity::Problem, subject, &error);
            None
        }
    }
}

/// Two clusters never have the same key: their shares are of one of them, or both are one.
fn shared(
    held: &ShareSet,
    name: &str,
    subject: &str,
    sets: &mut Vec<(String, Digest)>,
    findings: &mut Findings,
) {
    let set = held.digest();
    if let Some((other, _)) = sets.iter().find(|(_, known)| known.as_ref() == set.as_ref()) {
        findings.add(
            Severity::Warning,
            subject,
            "same-shares",
            format!("they are the same shares as those of the cluster {}", quote::toml(other)),
            Some(
                "One of the two has the other's. Give each its own, and its own credential; nodes of one cluster stand \
                 in one [[cluster]]."
                    .to_owned(),
            ),
        );
    }
    sets.push((name.to_owned(), set));
}

fn node(target: &Target, look: &Look, held: Option<HeldNote>, findings: &mut Findings) {
    let subject = target.address.to_string();
    let (severity, kind) = match &look.state {
        State::Unsealed { .. } | State::Sealed { .. } | State::Unsealing { .. } | State::Joining => {
            (Severity::Ok, look.state.word())
        }
        State::Uninitialized { objection: Objection::Nothing | Objection::PeerInitialised, .. }
        | State::WaitingForPeers { .. }
        | State::Held { .. } => (Severity::Warning, look.state.word()),
        State::Unreachable { cause } => (Severity::Problem, cause.kind()),
        _ => (Severity::Problem, look.state.word()),
    };
    let version = look.health.as_ref().and_then(|health| health.version.as_ref());
    let mut message = phrase(&look.state);
    if let Some(version) = version {
        let _ = write!(message, ", version {version}");
    }
    if let Some(held) = held {
        let _ = write!(message, "{held}");
    }
    findings.add(severity, &subject, kind, message, advice(&look.state));
    if matches!(look.state, State::Unsealed { role: Role::StandbyWithoutActive }) {
        findings.add(
            Severity::Warning,
            &subject,
            "no-active-node",
            "it sees no active node: its clients are not served, unless it was unsealed just now".to_owned(),
            Some(NO_ACTIVE_NODE.to_owned()),
        );
    }
    if let Some(theirs) = look.health.as_ref().and_then(|health| health.server_time) {
        let ours = look.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let apart = ours.abs_diff(theirs);
        if apart > CLOCK_TOLERANCE {
            let apart = humantime::format_duration(Duration::from_secs(apart));
            findings.add(
                Severity::Warning,
                &subject,
                "clock",
                format!("its clock and this machine's are {apart} apart"),
                Some("Let both follow a time server: `timedatectl set-ntp true`.".to_owned()),
            );
        }
    }
}

/// Certificates that are good now and will not be soon.
async fn expiry(cluster: &Cluster, targets: &[Target], subject: &str, findings: &mut Findings) {
    let Ok((access, inspection)) = Access::inspecting(cluster, ISSUER_RENEWAL).await else { return };
    let mut told = Vec::new();
    for target in targets.iter().filter(|target| target.verified) {
        // Whatever it answers: its certificate was good, or nothing is noted.
        let _ = access.server(&target.node).health().await;
        let Some(Lifetimes { server, issuer }) = inspection.take() else { continue };
        if server.ends_soon(SystemTime::now()) {
            findings.add(
                Severity::Warning,
                &target.address.to_string(),
                "certificate-expires-soon",
                format!("its certificate expires soon, on {}", server.end()),
                Some("Renew it before: an expired certificate keeps this machine from unsealing.".to_owned()),
            );
        }
        // One CA vouches for many servers.
        let name = issuer.as_ref().map(ToString::to_string);
        let Some(issuer) = issuer.filter(|_| !told.contains(&name)) else { continue };
        told.push(name);
        findings.add(
            Severity::Warning,
            subject,
            "issuer-expires-soon",
            format!("{issuer} vouches for {} and expires on {}", target.address, issuer.validity.end()),
            Some(
                "Renew it before, where the server has it and where `tls` names it: once it has ended, no server that \
                 it vouches for is unsealed."
                    .to_owned(),
            ),
        );
    }
}
