//! Which server is meant, and whether it and its peers may get keys.

use crate::accounts::Trusted;
use crate::api::{Product, Unreachable};
use crate::cli::arguments::SOCKET;
use crate::cli::daemon_status::DaemonStatus;
use crate::cli::look::{Target, look, targets};
use crate::cli::names::{ResolvedName, names};
use crate::cli::start::fail;
use crate::cli::{Exit, machine};
use crate::cluster::NodeAddress;
use crate::config::{AddressError, Cluster, Settings};
use crate::explain::{Explain, Explanation};
use crate::report::state::{advice, reason};
use crate::unseal::{Damage, State};
use std::path::Path;
use std::sync::Arc;

/// The server that is to be initialised, and the rest of its cluster.
pub(super) struct InitTarget {
    pub(super) node: Target,
    pub(super) cluster: Cluster,
    peers: Vec<Target>,
    /// The names that stand for some of them.
    names: Vec<ResolvedName>,
}

impl InitTarget {
    /// Finds the one server that is meant; if there is none, says why.
    pub(super) async fn find(settings: &Settings, node: Option<&str>) -> Result<Self, Exit> {
        let usage = |why: Explanation| fail(&why, Exit::Usage);
        let names = names(settings).await;
        let mut all = targets(settings, &names).await.map_err(|error| fail(&error, Exit::Config))?;
        let list = all.iter().map(|target| target.address.to_string()).collect::<Vec<_>>().join(", ");
        let which = "Say which: --node URL, as it is written in the configuration.";
        let several = || {
            let message = format!("several servers are configured, and init is for one: {list}");
            Explanation::usage(message, which)
        };
        let wanted: NodeAddress = match (node, all.as_slice()) {
            (Some(text), _) => text.parse().map_err(|cause: AddressError| {
                usage(Explanation::usage(format!("--node {text:?}: {cause}"), which))
            })?,
            (None, [only]) => only.address.clone(),
            (None, []) => return Err(usage(unresolved(&names, None).unwrap_or_else(several))),
            (None, _) => return Err(usage(several())),
        };
        let meant = all.iter().position(|target| target.address == wanted).map(|at| all.swap_remove(at));
        let found = meant.and_then(|target| {
            let cluster = settings.clusters.iter().find(|cluster| cluster.name == target.cluster)?;
            Some((target, cluster.clone()))
        });
        let Some((target, cluster)) = found else {
            return Err(usage(Explanation::usage(
                format!("{wanted} is not among the configured servers: {list}"),
                "Configure it, or name it with --nodes instead of --node.",
            )));
        };
        all.retain(|peer| peer.cluster == target.cluster);
        Ok(Self { node: target, cluster, peers: all, names })
    }

    /// Asks the server and its peers: none of them may have keys, for they would be one cluster's. Unless `over_existing`,
    /// nothing may say that the server had some, either.
    pub(super) async fn is_bare(
        &self,
        over_existing: bool,
        trusted: &Arc<Trusted>,
    ) -> Result<(), Explanation> {
        if let Some(unresolved) = unresolved(&self.names, Some(&self.node)) {
            return Err(unresolved);
        }
        for peer in &self.peers {
            self.is_bare_peer(peer).await?;
        }
        let node = &self.node.address;
        let seen = look(&self.node).await.state;
        // What the daemon saw before, the server no longer says.
        let told = DaemonStatus::at(Path::new(SOCKET)).await.of(&self.node, &seen);
        match told.filter(|told| matches!(told, State::Damaged { .. })).unwrap_or(seen) {
            State::Unreachable { cause } => return Err(self.unreachable(&cause)),
            // With its seal left, a server writes new keys over what could be saved and then refuses.
            state @ State::Damaged { .. }
                if !over_existing
                    || matches!(state, State::Damaged { damage: Damage::SealWithoutKeyring { .. } }) =>
            {
                let (reason, advice) =
                    (reason(&state).unwrap_or_default(), advice(&state).unwrap_or_default());
                return Err(Explanation::new(
                    "damaged",
                    format!("{node} is damaged, and not new: {reason}"),
                    format!(
                        "Nothing was changed. {advice}\nIf all its data may be lost for ever: empty its storage, and say \
                         --over-existing."
                    ),
                ));
            }
            State::Uninitialized { .. } | State::Damaged { .. } => {}
            _ => return Err(self.initialised(self.product().await)),
        }
        // While it joins a raft cluster it calls itself initialised here sooner than there.
        let seal = self.node.server.seal_status().await.map_err(|cause| self.unreachable(&cause))?;
        if seal.initialized {
            return Err(self.initialised(seal.product));
        }
        if !seal.takes_unseal_shares() {
            let command = seal.product.command("operator init");
            return Err(Explanation::new(
                "foreign-seal",
                format!("{node} unseals itself ({}): it has no shares to give", seal.seal_type),
                format!("Initialise it with {command}, and keep its recovery keys."),
            ));
        }
        match self.cluster.shares.as_ref().filter(|_| !over_existing) {
            Some(source) if machine::may_have_shares(source, trusted).await => Err(Explanation::new(
                "shares-held",
                format!("{node} has no keys, and shares for its cluster are there already: {source}"),
                "Nothing was changed. It is a new member that has not joined its cluster, or its storage is not mounted: \
                 initialising it would make these shares worthless. Let it join, or look for its storage.\nIf they and the \
                 data that they protect may be lost for ever: --over-existing.",
            )),
            _ => Ok(()),
        }
    }

    /// A peer that has keys, or may have some, is to be joined.
    async fn is_bare_peer(&self, peer: &Target) -> Result<(), Explanation> {
        let (node, meant) = (&peer.address, &self.node.address);
        match look(peer).await.state {
            State::Uninitialized { .. } => Ok(()),
            State::Unreachable { cause } => Err(Explanation::new(
                "peer-unreachable",
                format!(
                    "{node}, of the same cluster, cannot be asked whether it is initialised already: {cause}"
                ),
                format!(
                    "Start it. If it was never initialised and never will be before {meant}: leave it out, with --nodes {meant}"
                ),
            )),
            state => Err(Explanation::new(
                "peer-initialized",
                format!(
                    "{node}, of the same cluster, is initialised already (it is {}): {meant} must join it",
                    state.word()
                ),
                "A second initialisation would make a second cluster. Let it join (retry_join in its storage \"raft\"), and \
                 give it the shares that the first one has.",
            )),
        }
    }

    /// The server does not answer.
    pub(super) fn unreachable(&self, cause: &Unreachable) -> Explanation {
        let message = format!("{} cannot be asked: {cause}", self.node.address);
        Explanation { message, ..Explanation::of(cause) }
    }

    fn initialised(&self, product: Product) -> Explanation {
        let rekey = product.commands("operator rekey", "operator rotate-keys");
        Explanation::new(
            "initialized",
            format!("{} is initialised already", self.node.address),
            format!(
                "Nothing was changed. Its shares are with whoever initialised it; {rekey} makes others.\nIt may hold data: do \
                 not empty its storage."
            ),
        )
    }

    /// Which program the server is, as far as it tells.
    pub(super) async fn product(&self) -> Product {
        let server = &self.node.server;
        let by_seal = server.seal_status().await.map_or(Product::Unknown, |seal| seal.product);
        match by_seal {
            Product::Unknown => server.health().await.map_or(by_seal, |health| health.product),
            known => known,
        }
    }
}

/// A name of the target's cluster, or any, that cannot be resolved: who its servers are is not known.
fn unresolved(names: &[ResolvedName], target: Option<&Target>) -> Option<Explanation> {
    let ours = |name: &&ResolvedName| target.is_none_or(|target| target.cluster == name.cluster);
    names.iter().filter(ours).find_map(|name| {
        let cause = name.result.as_ref().err()?;
        let message = format!("{} {cause}: which servers it stands for is not known", name.discovery);
        let advice = match target {
            Some(Target { address, .. }) => Some(format!(
                "One of them may be initialised already. If none is: name the server itself, with --nodes {address}"
            )),
            None => cause.advice(),
        };
        Some(Explanation { kind: cause.kind(), message, advice })
    })
}
