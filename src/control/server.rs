//! The daemon's side of the socket, and another daemon that has it already.

use super::message::{
    ControlRefusal, HeldBy, NOT_USED, Name, NodeReport, Nodes, Request, SUDO_USER, SUDO_USER_LIMIT, Which,
};
use super::slots::{ALL, ConnectionSlots, DESCRIPTORS, OF_A_USER};
use crate::accounts::User;
use crate::explain::{Explain, Remark};
use crate::external::ExternalText;
use crate::external::quote::sentence;
use crate::ordered;
use crate::process::Shortage;
use crate::report::message::Message;
use crate::watch::{AT_A_TIME, NodeStatus, Order, Requester, StatusRegistry};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

/// The socket's name in the directory.
const SOCKET: &str = "control.sock";

/// The directory that the unit makes: `RuntimeDirectory=` (systemd.exec(5)).
pub const DIRECTORY: &str = "/run/vault-unseal";

/// The socket in a directory.
pub fn socket(directory: &Path) -> PathBuf {
    directory.join(SOCKET)
}

/// Who may connect: the daemon's user and group, and root.
const MODE: u32 = 0o660;
/// How long a connection may last: to send its request, and to take the answer.
const CONNECTION_LIMIT: Duration = Duration::from_secs(2);
/// Largest request body: the addresses of a thousand nodes.
const BODY_LIMIT: usize = 64 * 1024;
/// Largest head of a request, and least buffer that the library takes.
const HEAD_LIMIT: usize = 8 * 1024;
/// Pause after a failure to accept that a descriptor does not help against.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two lines about surplus connections.
const REPORT_PAUSE: Duration = Duration::from_secs(60);

/// Whether a configuration that was read again is used; why not, if it is not.
pub type ReloadVerdict = Result<(), Remark>;
/// A reload that somebody asks for, who waits for the verdict.
pub type ReloadRequest = oneshot::Sender<ReloadVerdict>;

/// Listens in `directory` until the daemon ends. Nobody else may: see [`AnotherDaemon`]. Reloads are asked for through
/// `reloads`. Descriptors are kept for visitors as far as a `shortage` leaves some.
pub fn listen(
    directory: &Path,
    registry: Arc<StatusRegistry>,
    reloads: mpsc::UnboundedSender<ReloadRequest>,
    shortage: Option<&Shortage>,
) -> io::Result<()> {
    let path = socket(directory);
    // Whatever is left of an earlier run: nobody else listens there (`AnotherDaemon`).
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(MODE))?;
    let kept = shortage.map_or(DESCRIPTORS, |shortage| shortage.spare(DESCRIPTORS));
    tokio::spawn(serve(listener, Arc::new(Daemon { registry, reloads }), ConnectionSlots::new(kept)));
    Ok(())
}

/// What the connections speak to.
struct Daemon {
    registry: Arc<StatusRegistry>,
    reloads: mpsc::UnboundedSender<ReloadRequest>,
}

/// Accepts whoever connects at once, and closes what has no slot: nobody waits behind anybody else's connections.
async fn serve(listener: UnixListener, daemon: Arc<Daemon>, slots: ConnectionSlots) {
    let slots = Arc::new(slots);
    let listener = Arc::new(listener);
    let mut surplus = Surplus::default();
    slots.keep_descriptors(&*listener);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                let is_short = matches!(Errno::from_io_error(&error), Some(Errno::MFILE | Errno::NFILE));
                if !(is_short && slots.give_descriptor()) {
                    sleep(PAUSE).await;
                }
                continue;
            }
        };
        // The kernel's word on who connected (SO_PEERCRED, unix(7)); it has one for every connection.
        let Ok(uid) = stream.peer_cred().map(|visitor| visitor.uid()) else { continue };
        let Some(slot) = slots.take(uid) else {
            drop(stream);
            slots.keep_descriptors(&*listener);
            surplus.report(uid);
            continue;
        };
        slots.keep_descriptors(&*listener);
        let (daemon, slots, listener) = (Arc::clone(&daemon), Arc::clone(&slots), Arc::clone(&listener));
        tokio::spawn(async move {
            visit(stream, uid, &daemon).await;
            drop(slot);
            slots.keep_descriptors(&*listener);
        });
    }
}

/// Reports connections that were closed for want of a slot: one line a while, however many there are.
#[derive(Default)]
struct Surplus {
    reported: Option<Instant>,
}

impl Surplus {
    fn report(&mut self, uid: u32) {
        if self.reported.is_none_or(|reported| reported.elapsed() >= REPORT_PAUSE) {
            self.reported = Some(Instant::now());
            tracing::warn!(
                message_id = Message::Notice.id(),
                "connections of {} to the control socket are closed: one user may have {OF_A_USER} at a time, and all \
                 together {ALL}",
                User::of(uid)
            );
        }
    }
}

/// Serves one connection. Whoever waits for a reload may stay for longer: how long that takes is bounded.
async fn visit(stream: UnixStream, uid: u32, daemon: &Daemon) {
    let reloading = AtomicBool::new(false);
    let service = service_fn(async |request: hyper::Request<Incoming>| {
        let (head, body) = request.into_parts();
        let visitor = Requester { uid, sudo_user: sudo_user(&head.headers) };
        let answer = match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => match Request::read(&head.method, head.uri.path(), &body.to_bytes()) {
                Ok(Request::Reload) => {
                    reloading.store(true, Ordering::Relaxed);
                    let answer = daemon.reload(uid).await;
                    reloading.store(false, Ordering::Relaxed);
                    answer
                }
                Ok(Request::Nodes) => Ok(nodes(&daemon.registry).await),
                Ok(Request::Order(order, which)) => follow(order, &which, &daemon.registry, &visitor).await,
                Err(status) => Err(refused(status, "no such request")),
            },
            Err(_) => Err(refused(413, "the request is too large")),
        };
        let answer = match answer {
            Ok(nodes) => json(StatusCode::OK, &nodes),
            Err((status, refusal)) => json(status, &refusal),
        };
        Ok::<_, Infallible>(answer)
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    while timeout(CONNECTION_LIMIT, &mut connection).await.is_err() && reloading.load(Ordering::Relaxed) {}
}

impl Daemon {
    /// Has the configuration read again, and answers with what came of it.
    async fn reload(&self, uid: u32) -> Result<Nodes, (StatusCode, ControlRefusal)> {
        tracing::debug!("reload requested by {}", User::of(uid));
        let (asked, verdict) = oneshot::channel();
        let ends = || refused(503, "the daemon ends");
        self.reloads.send(asked).map_err(|_| ends())?;
        match verdict.await.map_err(|_| ends())? {
            Ok(()) => Ok(nodes(&self.registry).await),
            Err(Remark { message, advice }) => {
                let (status, refusal) = refused(NOT_USED, &message);
                Err((status, ControlRefusal { advice, ..refusal }))
            }
        }
    }
}

/// The user whom sudo was called by, as the caller reports it.
fn sudo_user(headers: &HeaderMap) -> Option<ExternalText> {
    let reported = headers.get(SUDO_USER)?.as_bytes();
    let user = ExternalText::of_bytes(reported.get(..SUDO_USER_LIMIT).unwrap_or(reported));
    (!user.is_empty()).then_some(user)
}

/// What is said of these nodes.
async fn reports(nodes: Vec<NodeStatus>) -> Vec<NodeReport> {
    let mut reports = Vec::with_capacity(nodes.len());
    for node in nodes {
        if reports.len() % AT_A_TIME == 0 {
            yield_now().await;
        }
        reports.push(NodeReport::of(node));
    }
    // Writing them as JSON is another piece of work.
    yield_now().await;
    reports
}

/// Everything that is known.
async fn nodes(registry: &StatusRegistry) -> Nodes {
    Nodes {
        nodes: reports(registry.nodes()).await,
        names: registry.searches().iter().map(|(key, inventory)| Name::of(key, inventory)).collect(),
        reload_refused: registry.reload_refused(),
        kept: None,
    }
}

async fn follow(
    order: Order,
    which: &Which,
    registry: &StatusRegistry,
    visitor: &Requester,
) -> Result<Nodes, (StatusCode, ControlRefusal)> {
    let mut nodes = registry.nodes();
    if let Which::Nodes(wanted) = which {
        let name = |text: &String| text.trim_end_matches('/').to_owned();
        let names_wanted = ordered::set(wanted.iter().map(name));
        let mut met = BTreeSet::new();
        let mut known = Vec::with_capacity(nodes.len());
        let mut meant = Vec::new();
        for node in nodes {
            if known.len() % AT_A_TIME == 0 {
                yield_now().await;
            }
            known.push(node.key.address.to_string());
            let by: Vec<_> = names(&node).into_iter().filter(|name| names_wanted.contains(name)).collect();
            if !by.is_empty() {
                met.extend(by);
                meant.push(node);
            }
        }
        if let Some(text) = wanted.iter().find(|text| !met.contains(&name(text))) {
            let error = format!("no node is called {text:?}; known are {}", known.join(", "));
            return Err(refused(404, &error));
        }
        nodes = meant;
    }
    let wish = match order {
        Order::Hold => "hold",
        Order::Resume => "resume",
    };
    let by = HeldBy::of(visitor.clone());
    let keys: Vec<_> = nodes.iter().map(|node| node.key.clone()).collect();
    for (told, key) in keys.iter().enumerate() {
        if told % AT_A_TIME == AT_A_TIME - 1 {
            yield_now().await;
        }
        tracing::info!(message_id = Message::Ordered.id(), "{}: {wish} requested by {by}", key.address);
    }
    let kept = Some(registry.order(&keys, order, visitor).await);
    Ok(Nodes { nodes: reports(nodes).await, names: Vec::new(), reload_refused: None, kept })
}

/// What a person may call this node: its address, its host and port, or its host; or the name that it was found by, as
/// configured or without what stands around it.
fn names(node: &NodeStatus) -> Vec<String> {
    let of = |address: String, host: &str| {
        let after = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest).to_owned();
        [address, after, host.to_owned()]
    };
    let mut names = of(node.key.address.to_string(), &node.key.address.host).to_vec();
    if let Some(finding) = &node.finding {
        names.extend(of(finding.discovery.to_string(), finding.discovery.name()));
    }
    names
}

fn refused(status: u16, error: &str) -> (StatusCode, ControlRefusal) {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, ControlRefusal { error: error.to_owned(), advice: None })
}

fn json(status: StatusCode, document: &impl Serialize) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(serde_json::to_vec(document).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}

/// Somebody listens at the control socket already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("another daemon listens at {}: `hold` and `resume` reach that one and not this one", sentence(path))]
pub struct AnotherDaemon {
    /// The socket.
    path: PathBuf,
}

impl AnotherDaemon {
    /// Whoever listens in `directory`; `None` for a socket that an earlier run left behind.
    pub fn of(directory: &Path) -> Option<Self> {
        let path = socket(directory);
        // Not waiting: a daemon that hangs, with its queue full, listens too.
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let visitor = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
        let answer = connect(&visitor, &SocketAddrUnix::new(&path).ok()?);
        matches!(answer, Ok(()) | Err(Errno::AGAIN)).then_some(Self { path })
    }
}

impl Explain for AnotherDaemon {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let advice = "This one leaves alone what is held now, and hears of no later order. Stop one of the two, or give this \
                      one a directory of its own: RuntimeDirectory= in its unit, RUNTIME_DIRECTORY elsewhere.";
        ("control-taken", Some(advice.into()))
    }
}
