//! The daemon's side of the socket.

use super::message::{Held, Node, Nodes, Refusal, Remark, Request, Which};
use super::socket;
use crate::report::message::Message;
use crate::report::state::{advice, reason};
use crate::watch::{Board, NodeKey, Order};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Who may connect: the daemon's user and group, and root.
const MODE: u32 = 0o660;
/// Most visitors at a time; more wait in the socket's queue.
const VISITORS: usize = 8;
/// How long a visit may take.
const VISIT: Duration = Duration::from_secs(2);
/// Largest request body: the addresses of a thousand nodes.
const BODY_LIMIT: usize = 64 * 1024;
/// Largest head of a request, and least buffer that the library takes.
const HEAD_LIMIT: usize = 8 * 1024;
/// Pause after a failure to accept, as when no descriptor is left.
const TROUBLE: Duration = Duration::from_millis(200);

/// Listens in `directory` until the daemon ends. Nobody else may: see [`super::Taken`].
pub fn listen(directory: &Path, board: Arc<Board>) -> io::Result<()> {
    let path = socket(directory);
    // Whatever is left of an earlier run: nobody else listens there (`Taken`).
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(MODE))?;
    tokio::spawn(serve(listener, board));
    Ok(())
}

async fn serve(listener: UnixListener, board: Arc<Board>) {
    let room = Arc::new(Semaphore::new(VISITORS));
    loop {
        let Ok(seat) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let board = Arc::clone(&board);
                tokio::spawn(async move {
                    let _ = timeout(VISIT, visit(stream, &board)).await;
                    drop(seat);
                });
            }
            Err(_) => sleep(TROUBLE).await,
        }
    }
}

async fn visit(stream: UnixStream, board: &Board) -> hyper::Result<()> {
    let visitor = stream.peer_cred().map(|visitor| visitor.uid()).ok();
    let service = service_fn(async |request: hyper::Request<Incoming>| {
        let (head, body) = request.into_parts();
        let answer = match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => {
                let request = Request::read(&head.method, head.uri.path(), &body.to_bytes());
                request
                    .map_err(|status| refused(status, "no such request"))
                    .and_then(|request| follow(&request, board, visitor))
            }
            Err(_) => Err(refused(413, "the request is too large")),
        };
        let answer = match answer {
            Ok(nodes) => json(StatusCode::OK, &nodes),
            Err((status, refusal)) => json(status, &refusal),
        };
        Ok::<_, Infallible>(answer)
    });
    http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn follow(request: &Request, board: &Board, visitor: Option<u32>) -> Result<Nodes, (StatusCode, Refusal)> {
    let mut states = board.states();
    if let Request::Order(order, which) = request {
        if let Which::Nodes(wanted) = which {
            for text in wanted {
                if !states.iter().any(|(key, _)| names(text, key)) {
                    let known: Vec<String> = states.iter().map(|(key, _)| key.address.to_string()).collect();
                    let error = format!("no node is called {text:?}; known are {}", known.join(", "));
                    return Err(refused(404, &error));
                }
            }
            states.retain(|(key, _)| wanted.iter().any(|text| names(text, key)));
        }
        let done = match order {
            Order::Hold => "held",
            Order::Resume => "resumed",
        };
        let who = visitor.map_or_else(String::new, |uid| format!(" by user {uid}"));
        for (key, _) in &states {
            tracing::info!(
                message_id = Message::Ordered.id(),
                "{}: to be {done}, as asked{who}",
                key.address
            );
            board.order(key, *order);
        }
    }
    let nodes = states.into_iter().map(|(key, state)| Node {
        outsider: board.outsider(&key).map(|outsider| Remark::of(&outsider)),
        cluster: key.cluster,
        address: key.address.to_string(),
        state: state.as_ref().map(|state| state.word().to_owned()),
        hold: state.as_ref().and_then(Held::of),
        reason: state.as_ref().and_then(reason),
        advice: state.as_ref().and_then(advice),
    });
    Ok(Nodes { nodes: nodes.collect() })
}

/// Whether a person means this node: by its address, its host and port, or its host.
fn names(text: &str, key: &NodeKey) -> bool {
    let address = key.address.to_string();
    let after = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
    [address.as_str(), after, key.address.host.as_str()].contains(&text.trim_end_matches('/'))
}

fn refused(status: u16, error: &str) -> (StatusCode, Refusal) {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, Refusal { error: error.to_owned() })
}

fn json(status: StatusCode, document: &impl Serialize) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(serde_json::to_vec(document).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}
