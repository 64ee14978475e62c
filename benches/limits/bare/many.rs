//! A bare loop for many nodes: one thread with a task a node, as the daemon has, which does nothing but connect every
//! millisecond and send the shares.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use super::Task;
use super::connection::{TICK, named, trusting};

pub(super) fn run(task: Task) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let (authority, name) = task.tls.unwrap();
    let (tls, name) = (TlsConnector::from(trusting(&authority)), named(&name));
    let shares: Arc<[String]> = task.shares.iter().map(|share| format!("{{\"key\":\"{share}\"}}")).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for node in task.nodes {
            tokio::spawn(unseal(node, tls.clone(), name.clone(), Arc::clone(&shares)));
        }
        std::future::pending::<()>().await;
    });
}

/// Unseals a node whenever it comes up.
async fn unseal(node: SocketAddr, tls: TlsConnector, name: ServerName<'static>, shares: Arc<[String]>) {
    loop {
        // Its end comes with the node's.
        let _ = once(node, &tls, name.clone(), &shares).await;
        sleep(TICK).await;
    }
}

async fn once(
    node: SocketAddr,
    tls: &TlsConnector,
    name: ServerName<'static>,
    shares: &[String],
) -> io::Result<()> {
    let socket = TcpStream::connect(node).await?;
    socket.set_nodelay(true)?;
    let mut stream = tls.connect(name, socket).await?;
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
