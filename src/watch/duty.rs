//! What a node's task is to do.

use super::NodeKey;
use super::shares::Shelf;
use crate::config::Cluster;
use crate::vault::{Server, TlsFileError};
use std::sync::Arc;

/// The duty of one node's task; replaced as a whole by a reload.
#[derive(Debug)]
pub struct Duty {
    /// The cluster as configured, shared by its nodes.
    pub cluster: Arc<Cluster>,
    /// The server, with its client.
    pub server: Server,
    /// Where the node's shares are; shared by the cluster's nodes.
    shelf: Option<Arc<Shelf>>,
}

impl Duty {
    /// The duties of a cluster's nodes, over one TLS configuration.
    pub fn of_cluster(cluster: &Cluster) -> Result<Vec<(NodeKey, Arc<Self>)>, TlsFileError> {
        let servers = Server::of_cluster(cluster)?;
        let shared = Arc::new(cluster.clone());
        let shelf = cluster.shares.as_ref().map(|source| Arc::new(Shelf::of(source)));
        Ok(cluster
            .nodes
            .iter()
            .zip(servers)
            .map(|(address, server)| {
                let key = NodeKey { cluster: cluster.name.clone(), address: address.clone() };
                let shelf = shelf.clone();
                (key, Arc::new(Self { cluster: Arc::clone(&shared), server, shelf }))
            })
            .collect())
    }

    /// The same duty over the connections of an earlier one, where that one spoke TLS in the same way.
    pub(super) fn continuing(self: Arc<Self>, earlier: &Self) -> Arc<Self> {
        if self.cluster.tls != earlier.cluster.tls {
            return self;
        }
        let server = earlier.server.clone().with_limit(self.cluster.pace.request_timeout);
        Arc::new(Self { cluster: Arc::clone(&self.cluster), server, shelf: self.shelf.clone() })
    }

    /// Where the node's shares are.
    pub(super) fn shelf(&self) -> Option<&Arc<Shelf>> {
        self.shelf.as_ref()
    }
}
