//! Checks one cluster: its shares, its servers, and whether they fit together.

use super::finding::{Findings, Severity};
use super::machine::{Machine, Service};
use super::sealed::Sealed;
use super::{credential, protection};
use crate::cli::look::{Look, Target, look_at_all, of_cluster};
use crate::config::{Cluster, NodeAddress};
use crate::explain::Explain;
use crate::report::state::{advice, phrase};
use crate::shares::{CredentialRefusal, Loaded, Scheme, ShareError, ShareSet, Source, Split};
use crate::systemd::units::Unit;
use crate::unseal::State;
use crate::vault::{Server, TlsFailure, Unreachable};
use std::time::{Duration, UNIX_EPOCH};

/// A certificate that ends sooner than this is worth a warning.
const RENEW_BEFORE: Duration = Duration::from_secs(14 * 24 * 3600);
/// Clocks that differ by more than this make certificates fail at the worst time.
const CLOCK_TOLERANCE: u64 = 60;
/// What no look at shares can tell: those of another server look the same.
const UNPROVEN: &str = "whether they open this server shows only when they are submitted";

/// Where the service lives whose credentials are looked at.
pub(super) struct Place<'a> {
    /// Its machine.
    pub(super) machine: &'a Machine,
    /// Its unit, if it is installed.
    pub(super) service: Option<&'a Service>,
    /// Whether the configuration is the service's own, and not a file that somebody named.
    pub(super) standard: bool,
}

impl Place<'_> {
    /// The unit of the service that runs with this configuration.
    pub(super) fn unit(&self) -> Option<&Unit> {
        self.service.filter(|_| self.standard).map(|service| &service.unit)
    }
}

/// The servers of all clusters so far, and what they showed.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) targets: Vec<Target>,
    pub(super) looks: Vec<Look>,
}

/// Everything about one cluster. `several` puts its name before each subject.
pub(super) async fn check(cluster: &Cluster, several: bool, place: &Place<'_>, seen: &mut Seen) -> Findings {
    let mut findings = Findings::default();
    let name =
        |subject: &str| if several { format!("{}: {subject}", cluster.name) } else { subject.to_owned() };
    let subject = name("shares");
    let held = match &cluster.shares {
        Some(source) => load(source, &subject, place, &mut findings).await,
        None => None,
    };
    let targets = match of_cluster(cluster) {
        Ok(targets) => targets,
        Err(error) => {
            findings.explain(Severity::Problem, &name("tls"), &error);
            return findings;
        }
    };
    let looks = look_at_all(&targets).await;
    for (target, look) in targets.iter().zip(&looks) {
        node(target, look, &mut findings);
    }
    let schemes = schemes(&targets, &looks).await;
    if let Some(held) = &held {
        match schemes.first() {
            Some((_, scheme)) => {
                fit(held, *scheme, &subject, &mut findings);
                custody(held, *scheme, targets.len(), &subject, &mut findings);
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
    differing(&schemes, &mut findings);
    expiry(cluster, &targets, &mut findings).await;
    seen.targets.extend(targets);
    seen.looks.extend(looks);
    findings
}

/// How the key of each server is split that takes shares and says so. Unsealed servers tell it, too.
async fn schemes(targets: &[Target], looks: &[Look]) -> Vec<(NodeAddress, Scheme)> {
    let mut asked = Vec::new();
    for (target, look) in targets.iter().zip(looks).filter(|(_, look)| look.health.is_some()) {
        let (server, seal) = (target.server.clone(), look.seal.clone());
        let answer = tokio::spawn(async move {
            match seal {
                Some(seal) => Some(seal),
                None => server.seal_status().await.ok(),
            }
        });
        asked.push((target.address.clone(), answer));
    }
    let mut schemes = Vec::new();
    for (address, answer) in asked {
        let seal = answer.await.ok().flatten();
        if let Some(seal) = seal.filter(|seal| seal.threshold > 0 && seal.takes_unseal_shares()) {
            schemes.push((address, seal.scheme()));
        }
    }
    schemes
}

/// The servers of one cluster have one key, which is split once.
fn differing(schemes: &[(NodeAddress, Scheme)], findings: &mut Findings) {
    let Some(((first, usual), others)) = schemes.split_first() else { return };
    for (address, scheme) in others.iter().filter(|(_, scheme)| !scheme.agrees_with(*usual)) {
        findings.add(
            Severity::Problem,
            &address.to_string(),
            "schemes-differ",
            format!("it has {scheme}, and {first} has {usual}: they are not servers of one cluster"),
            Some(
                "Give each its own [[cluster]] with its own shares; right after a rekey, check once more."
                    .to_owned(),
            ),
        );
    }
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
    match source.load() {
        Ok(loaded) => {
            findings.good(subject, format!("{} in {source}", count(loaded.shares.count())));
            if let Source::File(path) = source {
                protection::plain(place.machine, path, subject, findings);
            }
            Some(loaded)
        }
        Err(ShareError::Credential { name, cause: cause @ CredentialRefusal::NoDirectory }) => {
            // Only the service has its credentials: whoever checks from a shell looks behind them.
            if let Some(Service { unit, .. }) = place.service {
                credential::check(place.machine, unit, &name, subject, findings).await
            } else {
                let error = ShareError::Credential { name, cause };
                let remedy = "To check the file behind it: vault-unseal check --shares-file FILE, with the file that \
                              LoadCredential= in the unit will name. No unit of vault-unseal is installed here.";
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

/// So many shares, in words.
pub(super) fn count(shares: usize) -> String {
    if shares == 1 { "1 share".to_owned() } else { format!("{shares} shares") }
}

fn node(target: &Target, look: &Look, findings: &mut Findings) {
    let subject = target.address.to_string();
    let (severity, kind) = match &look.state {
        State::Unsealed { .. } | State::Sealed { .. } | State::Unsealing { .. } | State::Joining => {
            (Severity::Ok, look.state.word())
        }
        State::Uninitialized | State::WaitingForPeers { .. } => (Severity::Warning, look.state.word()),
        State::Unreachable { cause } => (Severity::Problem, cause.kind()),
        _ => (Severity::Problem, look.state.word()),
    };
    let version = look.health.as_ref().and_then(|health| health.version.as_deref());
    let message = match version {
        Some(version) => format!("{}, version {version}", phrase(&look.state)),
        None => phrase(&look.state),
    };
    findings.add(severity, &subject, kind, message, advice(&look.state));
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

/// Whether the shares can be those of a server with this scheme.
fn fit(held: &ShareSet, scheme: Scheme, subject: &str, findings: &mut Findings) {
    let (count, threshold) = (held.count(), scheme.threshold);
    let plan = held.plan(scheme);
    if let Some(misfit) = &plan.misfit {
        findings.explain(Severity::Problem, subject, misfit);
        return;
    }
    if count < threshold {
        findings.good(
            subject,
            format!(
                "{count} of {threshold} needed: the others must come from other machines (split custody)"
            ),
        );
        return;
    }
    let list = |indices: &[usize]| {
        held.positions(indices).iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
    };
    if !plan.corrupt.is_empty() {
        findings.add(
            Severity::Warning,
            subject,
            "corrupt-share",
            format!(
                "share {} does not fit the others; the server is unsealed without it",
                list(&plan.corrupt)
            ),
            Some("Replace it by a good copy while enough good ones are left.".to_owned()),
        );
    } else if plan.ambiguous {
        findings.add(
            Severity::Warning,
            subject,
            "inconsistent-shares",
            "the shares do not all belong together, and there are too few to tell which is wrong".to_owned(),
            Some(
                "The daemon tries them in turn, and names the wrong one once the server is unsealed."
                    .to_owned(),
            ),
        );
    } else if count > threshold {
        findings.good(subject, format!("all {count} belong together, {threshold} are needed; {UNPROVEN}"));
    } else {
        let verb = if threshold == 1 { "is" } else { "are" };
        findings.good(subject, format!("{threshold} {verb} needed; {UNPROVEN}"));
    }
}

/// Several servers, and one machine that has enough to open all of them. Each of them may have a daemon with a part.
fn custody(held: &ShareSet, scheme: Scheme, nodes: usize, subject: &str, findings: &mut Findings) {
    let enough = held.plan(scheme).candidates.first().is_some_and(|set| set.len() >= scheme.threshold);
    if nodes < 2 || !enough {
        return;
    }
    let command = format!("vault-unseal enroll FILE --split {nodes}");
    let remedy = match Split::among(nodes, scheme.total.max(held.count()), scheme.threshold) {
        Ok(split) => format!(
            "`{command}`, FILE with all shares, writes a part for a daemon on each of {nodes} machines: any {} of them \
             still bring back every server, and one that is stolen gives nothing away.",
            split.coalition
        ),
        // One share is enough, and there is nothing to split.
        Err(_) => format!(
            "Rekey first, so that one share is not enough (`vault operator rekey -init -key-shares={nodes} \
             -key-threshold=2`), then give a daemon on each of {nodes} machines a part: `{command}`. One that is stolen \
             gives nothing away then."
        ),
    };
    findings.add(
        Severity::Warning,
        subject,
        "full-custody",
        format!(
            "this machine alone can open all {nodes} servers: it holds {}, and {} needed",
            self::count(held.count()),
            if scheme.threshold == 1 { "1 is".to_owned() } else { format!("{} are", scheme.threshold) }
        ),
        Some(remedy),
    );
}

/// Certificates that are good now and will not be soon: asks again as if it were later.
async fn expiry(cluster: &Cluster, targets: &[Target], findings: &mut Findings) {
    let Ok(servers) = Server::of_cluster_at(cluster, RENEW_BEFORE) else { return };
    for (target, server) in targets.iter().zip(servers).filter(|(target, _)| target.verified) {
        let Err(Unreachable::Tls(TlsFailure::Expired(when))) = server.health().await else { continue };
        let valid_now = target.server.health().await.is_ok();
        if valid_now {
            findings.add(
                Severity::Warning,
                &target.address.to_string(),
                "certificate-expires-soon",
                format!("its certificate expires{when}"),
                Some("Renew it before: an expired certificate keeps this machine from unsealing.".to_owned()),
            );
        }
    }
}
