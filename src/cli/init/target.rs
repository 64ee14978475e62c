//! Which server is meant, and whether it and its peers may get keys.

use super::error::Trouble;
use crate::accounts::Trusted;
use crate::cli::arguments::SOCKET;
use crate::cli::daemon_status::Told;
use crate::cli::look::{Target, look, targets};
use crate::cli::machine;
use crate::cli::names::{Name, names};
use crate::config::{Cluster, NodeAddress, Settings};
use crate::report::state::{advice, reason};
use crate::unseal::{Damage, State};
use crate::vault::Product;
use std::path::Path;
use std::sync::Arc;

/// The server that is to be initialised, and the rest of its cluster.
pub(super) struct Ground {
    pub(super) target: Target,
    pub(super) cluster: Cluster,
    peers: Vec<Target>,
    /// The names that stand for some of them.
    names: Vec<Name>,
}

impl Ground {
    /// Finds the one server that is meant.
    pub(super) async fn find(settings: &Settings, node: Option<&str>) -> Result<Self, Trouble> {
        let names = names(settings).await;
        let mut all = targets(settings, &names).await.map_err(Trouble::TlsFiles)?;
        let list = all.iter().map(|target| target.address.to_string()).collect::<Vec<_>>().join(", ");
        let wanted: NodeAddress = match (node, all.as_slice()) {
            (Some(text), _) => {
                text.parse().map_err(|cause| Trouble::Address { text: text.to_owned(), cause })?
            }
            (None, [only]) => only.address.clone(),
            (None, []) => return Err(unresolved(&names, None).unwrap_or(Trouble::SeveralServers { list })),
            (None, _) => return Err(Trouble::SeveralServers { list }),
        };
        let Some(at) = all.iter().position(|target| target.address == wanted) else {
            return Err(Trouble::NotConfigured { node: wanted, list });
        };
        let target = all.swap_remove(at);
        all.retain(|peer| peer.cluster == target.cluster);
        match settings.clusters.iter().find(|cluster| cluster.name == target.cluster) {
            Some(cluster) => Ok(Self { target, cluster: cluster.clone(), peers: all, names }),
            None => Err(Trouble::NotConfigured { node: wanted, list }),
        }
    }

    /// Asks the server and its peers: none of them may have keys, for they would be one cluster's. Unless `over_existing`,
    /// nothing may say that the server had some, either.
    pub(super) async fn is_bare(&self, over_existing: bool, trusted: &Arc<Trusted>) -> Result<(), Trouble> {
        if let Some(trouble) = unresolved(&self.names, Some(&self.target)) {
            return Err(trouble);
        }
        for peer in &self.peers {
            let (node, meant) = (peer.address.clone(), self.target.address.clone());
            match look(peer).await.state {
                State::Uninitialized { .. } => {}
                State::Unreachable { cause } => return Err(Trouble::SilentPeer { node, meant, cause }),
                state => return Err(Trouble::InitialisedPeer { node, meant, state: state.word() }),
            }
        }
        let node = self.target.address.clone();
        let seen = look(&self.target).await.state;
        // What the daemon saw before, the server no longer says.
        let told = Told::by_daemon_at(Path::new(SOCKET)).await;
        match told
            .of(&self.target, &seen)
            .filter(|told| matches!(told, State::Damaged { .. }))
            .unwrap_or(seen)
        {
            State::Unreachable { cause } => return Err(Trouble::Unreachable { node, cause }),
            // With its seal left, a server writes new keys over what could be saved and then refuses.
            state @ State::Damaged { .. }
                if !over_existing
                    || matches!(state, State::Damaged { damage: Damage::SealWithoutKeyring { .. } }) =>
            {
                let (reason, advice) =
                    (reason(&state).unwrap_or_default(), advice(&state).unwrap_or_default());
                return Err(Trouble::Damaged { node, reason, advice });
            }
            State::Uninitialized { .. } | State::Damaged { .. } => {}
            _ => return Err(Trouble::Initialised { node, product: self.product().await }),
        }
        // While it joins a raft cluster it calls itself initialised here sooner than there.
        let seal = self.target.server.seal_status().await;
        let seal = seal.map_err(|cause| Trouble::Unreachable { node: node.clone(), cause })?;
        if seal.initialized {
            return Err(Trouble::Initialised { node, product: seal.product });
        }
        if !seal.takes_unseal_shares() {
            let product = seal.product;
            return Err(Trouble::ForeignSeal { node, seal_type: seal.seal_type, product });
        }
        match self.cluster.shares.as_ref().filter(|_| !over_existing) {
            Some(source) if machine::may_have_shares(source, trusted).await => {
                Err(Trouble::SharesHeld { node, origin: source.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Which program the server is, as far as it tells.
    pub(super) async fn product(&self) -> Product {
        let server = &self.target.server;
        let by_seal = server.seal_status().await.map_or(Product::Unknown, |seal| seal.product);
        match by_seal {
            Product::Unknown => server.health().await.map_or(by_seal, |health| health.product),
            known => known,
        }
    }
}

/// A name of the target's cluster, or any, that cannot be resolved: who its servers are is not known.
fn unresolved(names: &[Name], target: Option<&Target>) -> Option<Trouble> {
    let ours = |name: &&Name| target.is_none_or(|target| target.cluster == name.cluster);
    names.iter().filter(ours).find_map(|name| {
        let cause = name.result.as_ref().err()?.clone();
        let meant = target.map(|target| target.address.clone());
        Some(Trouble::Unresolved { name: name.discovery.clone(), meant, cause })
    })
}
