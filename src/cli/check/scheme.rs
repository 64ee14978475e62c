//! Whether shares and servers fit together: what the servers say of their key, and what a machine holds of it.

use super::finding::{Findings, Severity, Topic};
use crate::cli::look::{Look, Target};
use crate::config::NodeAddress;
use crate::report::state::counted;
use crate::shares::{Scheme, ShareSet, Split};
use crate::vault::SealState;

/// What no look at shares can tell: those of another server look the same.
const UNPROVEN: &str = "whether they open this server shows only when they are submitted";

/// The seal of each server that takes shares and says how its key is split. Unsealed servers tell it, too.
pub(super) async fn seals(targets: &[Target], looks: &[Look]) -> Vec<(NodeAddress, SealState)> {
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
pub(super) fn differing(seals: &[(NodeAddress, SealState)], findings: &mut Findings) {
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
pub(super) fn fit(held: &ShareSet, scheme: Scheme, nodes: usize, topic: &mut Topic<'_>) {
    let (count, threshold) = (held.count(), scheme.threshold);
    let plan = held.plan(scheme);
    if let Some(misfit) = &plan.misfit {
        topic.explain(Severity::Problem, misfit);
        return;
    }
    if count < threshold && nodes < 2 {
        topic.warn("too-few-shares", format!(
                "{count} of {threshold} needed, and this is the only server of its cluster: unless others submit the rest \
                 to it, it stays sealed"
            ), "Give this daemon the missing shares as well. Leave it so only where daemons on other machines submit them \
                 to this server (split custody).");
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
                "share {} does not fit the others; the server is unsealed without it",
                list(&plan.corrupt)
            ),
            "Replace it by a good copy while enough good ones are left.",
        );
    } else if plan.ambiguous {
        topic.warn("inconsistent-shares", "the shares do not all belong together, and there are too few to tell which is wrong", "If they are another server's, whose key takes more of them, put this one's in their place. Else the \
                 daemon tries them in turn, and names the wrong one once the server is unsealed.");
    } else if count > threshold {
        topic.good(format!("all {count} belong together, {threshold} are needed; {UNPROVEN}"));
    } else {
        let verb = if threshold == 1 { "is" } else { "are" };
        topic.good(format!("{threshold} {verb} needed; {UNPROVEN}"));
    }
}

/// Several servers, and one machine that has enough to open all of them. Each of them may have a daemon with a part.
pub(super) fn custody(held: &ShareSet, seal: &SealState, nodes: usize, topic: &mut Topic<'_>) {
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
