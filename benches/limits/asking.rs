//! Bare loops that first ask whether a server is sealed, as the daemon must, which never sends a share to one that it has not
//! seen sealed. What they lose beside those that do not ask is what asking costs at the least.
//!
//! Apart from that they are the loops of `bare/`, which are frozen.

#[path = "bare/connection.rs"]
#[allow(clippy::duplicate_mod, reason = "what is frozen shows it to nobody else")]
mod connection;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use connection::{Connection, Peer, TICK, named, trusting};

/// The word that starts one.
pub(crate) const WORD: &str = "asking";

/// The pause between two tries to connect.
pub(crate) const PAUSE: Duration = TICK;

/// As `bare/mod.rs` has it.
pub(crate) struct Task {
    pub(crate) nodes: Vec<SocketAddr>,
    tls: Option<(String, String)>,
    /// The bodies of requests.
    pub(crate) shares: Vec<String>,
}

impl Task {
    pub(crate) fn read(path: &Path) -> Self {
        let task: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let texts = |name: &str| -> Vec<String> {
            task[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let text = |name: &str| task[name].as_str().map(str::to_owned);
        Self {
            nodes: texts("nodes").iter().map(|address| address.parse().unwrap()).collect(),
            tls: text("authority").zip(text("name")),
            shares: texts("shares").iter().map(|share| format!("{{\"key\":\"{share}\"}}")).collect(),
        }
    }

    /// Whom to believe, and the name in the certificates; `None` without TLS.
    pub(crate) fn trust(&self) -> Option<(TlsConnector, ServerName<'static>)> {
        let (authority, name) = self.tls.as_ref()?;
        Some((TlsConnector::from(trusting(authority)), named(name)))
    }
}

/// `limits asking FILE`, until it is killed.
pub(crate) fn run(file: &Path) {
    let task = Task::read(file);
    if task.nodes.len() == 1 { one(&task) } else { many(task) }
}

fn one(task: &Task) {
    let peer = Peer::of(task);
    loop {
        let socket = peer.accepted();
        let Ok(mut connection) = peer.over(socket) else { continue };
        if unseal(&mut connection, &task.shares).is_ok_and(|unsealed| unsealed) {
            connection.end();
        }
    }
}

fn unseal(connection: &mut Connection, shares: &[String]) -> io::Result<bool> {
    if connection.ask("GET /v1/sys/seal-status", "")?["sealed"] == false {
        return Ok(true);
    }
    for share in shares {
        if connection.ask("PUT /v1/sys/unseal", share)?["sealed"] == false {
            return Ok(true);
        }
    }
    Ok(false)
}

fn many(task: Task) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let (tls, name) = task.trust().unwrap();
    let shares: Arc<[String]> = task.shares.into();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for node in task.nodes {
            let (tls, name, shares) = (tls.clone(), name.clone(), Arc::clone(&shares));
            tokio::spawn(async move {
                loop {
                    // Its end comes with the node's.
                    let _ = once(node, &tls, name.clone(), &shares).await;
                    sleep(TICK).await;
                }
            });
        }
        std::future::pending::<()>().await;
    });
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
    let asks = std::iter::once(("GET /v1/sys/seal-status", ""));
    let sends = shares.iter().map(|share| ("PUT /v1/sys/unseal", share.as_str()));
    for (line, body) in asks.chain(sends) {
        let length = body.len();
        let request = format!("{line} HTTP/1.1\r\nHost: {node}\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await?;
        // The nodes send an answer at one stroke.
        let size = stream.read(&mut answer).await?;
        let text = std::str::from_utf8(&answer[..size]).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let status: Value = serde_json::from_str(body)?;
        if status["sealed"] == false {
            break;
        }
    }
    let _ = stream.read(&mut answer).await?;
    Ok(())
}
