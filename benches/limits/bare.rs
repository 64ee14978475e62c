//! A bare loop over many nodes: it does nothing but connect every millisecond and send the shares.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use super::support::certs::Authority;

/// The pause between two tries to connect.
const TICK: Duration = Duration::from_millis(1);

/// One thread with a task a node, as the daemon has; it ends when dropped.
pub(crate) struct Bare(Option<(oneshot::Sender<()>, JoinHandle<()>)>);

impl Bare {
    pub(crate) fn start(nodes: &[SocketAddr], authority: &Authority, shares: &[&str]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).unwrap();
        let mut tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        // As the daemon: every connection proves who the server is.
        tls.resumption = rustls::client::Resumption::disabled();
        let tls = TlsConnector::from(Arc::new(tls));
        let shares: Arc<[String]> = shares.iter().map(|share| format!("{{\"key\":\"{share}\"}}")).collect();
        let nodes = nodes.to_vec();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for node in nodes {
                    tokio::spawn(unseal(node, tls.clone(), Arc::clone(&shares)));
                }
                let _ = stopped.await;
            });
        });
        Self(Some((stop, thread)))
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

/// Unseals a node whenever it comes up.
async fn unseal(node: SocketAddr, tls: TlsConnector, shares: Arc<[String]>) {
    loop {
        // Its end comes with the node's.
        let _ = once(node, &tls, &shares).await;
        sleep(TICK).await;
    }
}

async fn once(node: SocketAddr, tls: &TlsConnector, shares: &[String]) -> io::Result<()> {
    let socket = TcpStream::connect(node).await?;
    socket.set_nodelay(true)?;
    let mut stream = tls.connect(ServerName::from(node.ip()), socket).await?;
    let mut answer = vec![0; 2048];
    for share in shares {
        let request = format!(
            "PUT /v1/sys/unseal HTTP/1.1\r\nHost: {node}\r\nContent-Length: {}\r\n\r\n{share}",
            share.len()
        );
        stream.write_all(request.as_bytes()).await?;
        // The nodes send an answer at one stroke.
        let size = stream.read(&mut answer).await?;
        assert!(answer[..size].starts_with(b"HTTP/1.1 200"), "a share was refused");
    }
    let _ = stream.read(&mut answer).await?;
    Ok(())
}
