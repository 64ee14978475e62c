//! Which server is meant, and whether it and its peers may get keys.

use super::trouble::Trouble;
use crate::cli::look::{Target, look, of_cluster};
use crate::config::{Cluster, NodeAddress, Settings};
use crate::unseal::State;

/// The server that is to be initialised, and the rest of its cluster.
pub(super) struct Ground {
    pub(super) target: Target,
    pub(super) cluster: Cluster,
    peers: Vec<Target>,
}

impl Ground {
    /// Finds the one server that is meant.
    pub(super) fn find(settings: &Settings, node: Option<&str>) -> Result<Self, Trouble> {
        let all = || settings.clusters.iter().flat_map(|cluster| &cluster.nodes);
        let list = || all().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let wanted: NodeAddress = match node {
            Some(text) => text.parse().map_err(|cause| Trouble::Address { text: text.to_owned(), cause })?,
            None => match (all().next(), all().count()) {
                (Some(only), 1) => only.clone(),
                _ => return Err(Trouble::SeveralServers { list: list() }),
            },
        };
        let cluster = settings.clusters.iter().find(|cluster| cluster.nodes.contains(&wanted));
        let Some(cluster) = cluster else {
            return Err(Trouble::NotConfigured { node: wanted, list: list() });
        };
        let mut targets = of_cluster(cluster).map_err(Trouble::TlsFiles)?;
        let at = targets.iter().position(|target| target.address == wanted);
        match at {
            Some(at) => {
                let target = targets.swap_remove(at);
                Ok(Self { target, cluster: cluster.clone(), peers: targets })
            }
            None => Err(Trouble::NotConfigured { node: wanted, list: list() }),
        }
    }

    /// Asks the server and its peers: none of them may have keys, for they would be one cluster's.
    pub(super) async fn is_bare(&self) -> Result<(), Trouble> {
        for peer in &self.peers {
            let (node, meant) = (peer.address.clone(), self.target.address.clone());
            match look(peer).await.state {
                State::Uninitialized => {}
                State::Unreachable { cause } => return Err(Trouble::SilentPeer { node, meant, cause }),
                state => return Err(Trouble::InitialisedPeer { node, meant, state: state.word() }),
            }
        }
        let node = self.target.address.clone();
        match look(&self.target).await.state {
            State::Uninitialized => {}
            State::Unreachable { cause } => return Err(Trouble::Unreachable { node, cause }),
            _ => return Err(Trouble::Initialised { node }),
        }
        // While it joins a raft cluster it calls itself initialised here sooner than there.
        let seal = self.target.server.seal_status().await;
        let seal = seal.map_err(|cause| Trouble::Unreachable { node: node.clone(), cause })?;
        if seal.initialized || seal.threshold > 0 {
            return Err(Trouble::Initialised { node });
        }
        if !seal.takes_unseal_shares() {
            return Err(Trouble::ForeignSeal { node, seal_type: seal.seal_type });
        }
        Ok(())
    }
}
