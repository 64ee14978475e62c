//! How the servers of one cluster are spoken to.

use super::TlsFileError;
use super::line::Line;
use super::server::Server;
use super::tls::{Inspection, Renewed};
use crate::config::{Cluster, Discovery};
use crate::discovery::Node;
use std::sync::Arc;
use std::time::Duration;

/// How the servers of one cluster are spoken to: over one TLS configuration, which servers that are found later share.
#[derive(Debug, Clone)]
pub struct Access {
    /// `None` where nobody speaks TLS.
    tls: Option<Arc<Renewed>>,
    server_name: Option<String>,
    limit: Duration,
}

impl Access {
    /// Reads the cluster's TLS files.
    pub fn to(cluster: &Cluster) -> Result<Self, TlsFileError> {
        Self::with(cluster, None)
    }

    /// The same, and what tells how long the certificate of the last server stays good: an issuer that ends within
    /// `ahead`, too.
    pub(crate) fn inspecting(
        cluster: &Cluster,
        ahead: Duration,
    ) -> Result<(Self, Arc<Inspection>), TlsFileError> {
        let inspection = Arc::new(Inspection::new(ahead));
        Ok((Self::with(cluster, Some(Arc::clone(&inspection)))?, inspection))
    }

    fn with(cluster: &Cluster, inspection: Option<Arc<Inspection>>) -> Result<Self, TlsFileError> {
        // The files are not read, nor the system's authorities, where nobody speaks TLS.
        let spoken =
            cluster.nodes.iter().any(|node| node.tls) || cluster.discoveries.iter().any(Discovery::tls);
        Ok(Self {
            tls: if spoken { Some(Arc::new(Renewed::new(&cluster.tls, inspection)?)) } else { None },
            server_name: cluster.tls.server_name.clone(),
            limit: cluster.pace.request_timeout,
        })
    }

    /// A server of the cluster; nothing is connected yet.
    pub fn server(&self, node: &Node) -> Server {
        Server::over(Line::new(node, self.server_name.as_deref(), self.tls.clone()), self.limit)
    }
}
