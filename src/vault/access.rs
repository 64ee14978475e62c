//! How the servers of one cluster are spoken to.

use super::TlsFileError;
use super::line::Line;
use super::peer::PeerRule;
use super::server::Server;
use super::tls::{Inspection, Renewed};
use crate::cluster::{Discovery, Node};
use crate::config::Cluster;
use crate::files::{READ_LIMIT, Slow};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How the servers of one cluster are spoken to: over one TLS configuration, which servers that are found later share.
#[derive(Debug, Clone)]
pub struct Access {
    /// `None` where nobody speaks TLS.
    tls: Option<Arc<Renewed>>,
    server_name: Option<String>,
    rule: PeerRule,
    limit: Duration,
}

impl Access {
    /// Reads the cluster's TLS files off the loop, and not for longer than [`READ_LIMIT`].
    pub async fn read(cluster: &Cluster) -> Result<Self, TlsFileError> {
        Self::read_with(cluster, None).await
    }

    /// Reads the cluster's TLS files. Blocks on the file system.
    pub fn to(cluster: &Cluster) -> Result<Self, TlsFileError> {
        Self::with(cluster, None)
    }

    /// The same, and what tells how long the certificate of the last server stays good: an issuer that ends within
    /// `ahead`, too.
    pub(crate) async fn inspecting(
        cluster: &Cluster,
        ahead: Duration,
    ) -> Result<(Self, Arc<Inspection>), TlsFileError> {
        let inspection = Arc::new(Inspection::new(ahead));
        Ok((Self::read_with(cluster, Some(Arc::clone(&inspection))).await?, inspection))
    }

    async fn read_with(cluster: &Cluster, inspection: Option<Arc<Inspection>>) -> Result<Self, TlsFileError> {
        let cluster = cluster.clone();
        let read = spawn_blocking(move || Self::with(&cluster, inspection));
        match timeout(READ_LIMIT, read).await {
            Ok(Ok(access)) => access,
            // Or the runtime ends.
            _ => Err(Slow.into()),
        }
    }

    fn with(cluster: &Cluster, inspection: Option<Arc<Inspection>>) -> Result<Self, TlsFileError> {
        // The files are not read, nor the system's authorities, where nobody speaks TLS.
        let spoken =
            cluster.nodes.iter().any(|node| node.tls) || cluster.discoveries.iter().any(Discovery::tls);
        Ok(Self {
            tls: if spoken {
                Some(Arc::new(Renewed::new(&cluster.tls, &cluster.trusted, inspection)?))
            } else {
                None
            },
            server_name: cluster.tls.server_name.clone(),
            rule: PeerRule::of(cluster),
            limit: cluster.pace.request_timeout,
        })
    }

    /// A server of the cluster; nothing is connected yet.
    pub fn server(&self, node: &Node) -> Server {
        let line = Line::new(node, self.server_name.as_deref(), self.tls.clone(), self.rule.clone());
        Server::over(line, self.limit)
    }
}
