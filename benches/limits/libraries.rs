//! A plain program on the daemon's libraries: tokio, hyper, rustls and `serde_json`, and nothing else between them and the
//! nodes. What it loses beside a bare loop is what these libraries take.
//!
//! It asks a node whether it is sealed, sends it shares while it is, and asks it for its health once a second.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use super::asking::{PAUSE, Task};

/// The word that starts it.
pub(crate) const WORD: &str = "libraries";

const EVERY: Duration = Duration::from_secs(1);

type Tls = Option<(TlsConnector, ServerName<'static>)>;
type Fallible<T> = Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
struct Answer {
    sealed: bool,
}

/// `limits libraries FILE`, until it is killed.
pub(crate) fn run(file: &Path) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let task = Task::read(file);
    let tls = task.trust();
    let shares: Arc<[Bytes]> = task.shares.into_iter().map(Bytes::from).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for node in task.nodes {
            let (tls, shares) = (tls.clone(), Arc::clone(&shares));
            tokio::spawn(async move {
                loop {
                    // A connection ends when the node does.
                    let _ = once(node, &tls, &shares).await;
                    sleep(PAUSE).await;
                }
            });
        }
        std::future::pending::<()>().await;
    });
}

async fn once(node: SocketAddr, tls: &Tls, shares: &[Bytes]) -> Result<(), ()> {
    let socket = TcpStream::connect(node).await.map_err(drop)?;
    socket.set_nodelay(true).map_err(drop)?;
    let end = match tls {
        None => over(socket, node, shares).await,
        Some((tls, name)) => {
            let stream = tls.connect(name.clone(), socket).await.map_err(drop)?;
            over(stream, node, shares).await
        }
    };
    end.map_err(drop)
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    node: SocketAddr,
    shares: &[Bytes],
) -> Fallible<()> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let host = node.to_string();
    let work = async {
        let mut status = ask(&mut sender, Method::GET, "/v1/sys/seal-status", &host, Bytes::new()).await?;
        for share in shares {
            if !status.sealed {
                break;
            }
            status = ask(&mut sender, Method::PUT, "/v1/sys/unseal", &host, share.clone()).await?;
        }
        while !status.sealed {
            sleep(EVERY).await;
            status = ask(&mut sender, Method::GET, "/v1/sys/health", &host, Bytes::new()).await?;
        }
        Ok(())
    };
    tokio::select! {
        done = work => done,
        end = connection => Ok(end?),
    }
}

async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    method: Method,
    path: &str,
    host: &str,
    body: Bytes,
) -> Fallible<Answer> {
    sender.ready().await?;
    let request = Request::builder().method(method).uri(path).header("host", host).body(Full::new(body))?;
    let body = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
    Ok(serde_json::from_slice(&body)?)
}
