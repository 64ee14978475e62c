//! What a node's task is to do.

use crate::config::Cluster;
use crate::discovery::Node;
use crate::shares::Source;
use crate::vault::{Access, Server, TlsFileError};
use std::sync::Arc;
use tokio::sync::Notify;

/// A cluster that is watched, and how its servers are spoken to.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) cluster: Arc<Cluster>,
    access: Access,
}

/// The duty of one node's task; replaced as a whole by a reload.
#[derive(Debug)]
pub struct Duty {
    /// The cluster as configured, shared by its nodes.
    pub cluster: Arc<Cluster>,
    /// The server, with its client.
    pub server: Server,
    /// The node, with the name that its certificate must have.
    pub node: Node,
    /// Told when the node cannot be reached: the name that it was found by may stand for another by now.
    trouble: Option<Arc<Notify>>,
}

impl Ground {
    /// Reads the cluster's TLS files.
    pub(super) fn of(cluster: &Cluster) -> Result<Self, TlsFileError> {
        Ok(Self { cluster: Arc::new(cluster.clone()), access: Access::to(cluster)? })
    }

    /// The duty of one node.
    pub(super) fn duty(&self, node: Node, trouble: Option<Arc<Notify>>) -> Arc<Duty> {
        let server = self.access.server(&node);
        Arc::new(Duty { cluster: Arc::clone(&self.cluster), server, node, trouble })
    }
}

impl Duty {
    /// The same duty over the connections of an earlier one, where that one spoke TLS in the same way.
    pub(super) fn continuing(self: Arc<Self>, earlier: &Self) -> Arc<Self> {
        if self.cluster.tls != earlier.cluster.tls || self.node != earlier.node {
            return self;
        }
        let server = earlier.server.clone().with_limit(self.cluster.pace.request_timeout);
        let (cluster, node, trouble) = (Arc::clone(&self.cluster), self.node.clone(), self.trouble.clone());
        Arc::new(Self { cluster, server, node, trouble })
    }

    /// Where the node's shares are.
    pub fn source(&self) -> Option<&Source> {
        self.cluster.shares.as_ref()
    }

    /// The node cannot be reached.
    pub(super) fn trouble(&self) {
        if let Some(trouble) = &self.trouble {
            trouble.notify_one();
        }
    }
}
