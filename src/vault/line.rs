//! The line to one node: its address, how it proves who it is, and the one connection that is kept between
//! requests.

use super::connection::{Answer, Connection, Failure};
use super::dial::{addresses, dial, is_own, knock};
use super::tls::Renewed;
use super::unreachable::{TlsFailure, Unreachable};
use crate::config::NodeAddress;
use crate::discovery::Node;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{HeaderMap, Method, Request};
use rustls::pki_types::ServerName;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Where a node is and how to speak to it.
#[derive(Debug)]
pub(super) struct Line {
    tls: Option<Arc<Renewed>>,
    address: NodeAddress,
    /// The host's name, the one it was found under, or the one that is configured: in SNI, the certificate check and
    /// the Host header.
    name: String,
    state: Mutex<State>,
    life: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// The connection that is kept between requests. Its end tells of a restart at once.
    connection: Option<Connection>,
    /// The last connection ended with an answer that said so: no sign of a restart.
    parted: bool,
    /// A connection that was accepted, and nothing said over it yet.
    accepted: Option<TcpStream>,
    /// Where the node was reached last, or else where it was looked for.
    doors: Vec<SocketAddr>,
}

/// Names a stretch of time in which the server cannot have restarted: its connection held, or ended only when the
/// server had announced it. No two stretches have the same name, whichever line they are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life(u64);

impl Life {
    /// The name of the stretch with this number.
    pub const fn of(number: u64) -> Self {
        Self(number)
    }
}

fn another_life() -> u64 {
    static LIVES: AtomicU64 = AtomicU64::new(1);
    LIVES.fetch_add(1, Ordering::Relaxed)
}

/// What is asked.
pub(super) struct Question {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) body: Option<Bytes>,
    /// It changes nothing: it may be asked again when its answer got lost.
    pub(super) harmless: bool,
}

impl Line {
    /// A line to `node`; nothing is connected yet.
    pub(super) fn new(node: &Node, server_name: Option<&str>, tls: Option<Arc<Renewed>>) -> Self {
        let Node { address, name: found } = node;
        // SNI can carry a name only: an IP address as server name is a matter of the certificate check.
        let name = server_name.filter(|name| name.parse::<IpAddr>().is_err());
        let name = name.or(found.as_deref()).unwrap_or(&address.host).to_owned();
        Self {
            tls: tls.filter(|_| address.tls),
            address: address.clone(),
            name,
            state: Mutex::default(),
            life: AtomicU64::new(0),
        }
    }

    /// Asks over the kept connection, or over a new one which is then kept.
    pub(super) async fn ask(
        &self,
        question: &Question,
        limit: Duration,
    ) -> Result<(u16, Vec<u8>), Unreachable> {
        let mut state = self.state.lock().await;
        // On the heap while it lasts: what waits between two polls would carry the room for a handshake with it.
        let outcome = timeout(limit, Box::pin(self.exchange(&mut state, question))).await;
        let outcome = outcome.unwrap_or(Err(Unreachable::Timeout(limit)));
        if let Some(tls) = &self.tls {
            tls.report(outcome.is_err());
        }
        let answer = outcome?;
        Ok((answer.status, answer.body))
    }

    async fn exchange(&self, state: &mut State, question: &Question) -> Result<Answer, Unreachable> {
        let parted = std::mem::take(&mut state.parted);
        // Out of its place while it is in use: whatever cuts the exchange short ends the connection.
        if let Some(mut connection) = state.connection.take().filter(|kept| !kept.is_over()) {
            match connection.ask(self.request(question)?).await {
                Ok(answer) => return Ok(state.keep(connection, answer)),
                // A connection that a stopping server closes under a question says only that it is gone; a new one
                // tells whether the server is.
                Err(Failure { unsent: true, .. }) => {}
                Err(Failure { cause: Unreachable::Closed, .. }) if question.harmless => {}
                Err(Failure { cause, .. }) => return Err(cause),
            }
        }
        let mut connection = self.connect(state).await?;
        let answer = connection.ask(self.request(question)?).await.map_err(|failure| failure.cause)?;
        if !parted {
            self.life.store(another_life(), Ordering::Relaxed);
        }
        Ok(state.keep(connection, answer))
    }

    /// Asks over a connection of its own that ends with the answer, once, with these headers beside the usual ones.
    ///
    /// Errors: why, and whether the question may have been sent.
    pub(super) async fn ask_once(
        &self,
        question: &Question,
        headers: HeaderMap,
        answer: &mut Answer,
    ) -> Result<(), (Unreachable, bool)> {
        let mut request = self.request(question).map_err(|cause| (cause, false))?;
        request.headers_mut().extend(headers);
        let mut connection = self.connect(&mut State::default()).await.map_err(|cause| (cause, false))?;
        match connection.ask_into(request, answer).await {
            Ok(()) => Ok(()),
            Err(Failure { cause: cause @ Unreachable::Redirect { .. }, .. }) => Err((cause, false)),
            Err(Failure { cause, unsent }) => Err((cause, !unsent)),
        }
    }

    async fn connect(&self, state: &mut State) -> Result<Connection, Unreachable> {
        let tls = match &self.tls {
            Some(tls) => Some((tls.config(), self.server_name()?)),
            None => None,
        };
        let stream = if let Some(stream) = state.accepted.take() {
            stream
        } else {
            let addresses = addresses(&self.address.host, self.address.port).await?;
            if state.doors.is_empty() {
                state.doors.clone_from(&addresses);
            }
            dial(&addresses).await?
        };
        if let Ok(peer) = stream.peer_addr() {
            state.doors = vec![peer];
        }
        Connection::over(stream, tls).await
    }

    /// In which life of the server the last answer came.
    pub(super) fn life(&self) -> Life {
        Life(self.life.load(Ordering::Relaxed))
    }

    /// Returns when the kept connection ends; without one, never.
    pub(super) async fn ended(&self) {
        let mut state = self.state.lock().await;
        if let Some(connection) = &mut state.connection {
            connection.ended().await;
            state.connection = None;
            return;
        }
        // Whoever knocks meanwhile needs the state.
        drop(state);
        pending::<()>().await;
    }

    /// Tries whether something listens where the node was: at one of its addresses, each in its turn. A connection
    /// that is accepted serves the next request.
    pub(super) async fn knock(&self) -> bool {
        let mut state = self.state.lock().await;
        let Some(door) = state.doors.first().copied() else { return false };
        // Before it is known what comes of it: an address that swallows what it is sent keeps nobody from the next.
        state.doors.rotate_left(1);
        state.accepted = knock(door).await;
        state.accepted.is_some()
    }

    /// The node was on this very machine.
    pub(super) async fn is_own(&self) -> bool {
        let state = self.state.lock().await;
        !state.doors.is_empty() && state.doors.iter().all(|door| is_own(*door))
    }

    fn server_name(&self) -> Result<ServerName<'static>, Unreachable> {
        ServerName::try_from(self.name.clone())
            .map_err(|_| TlsFailure::Other("the node's name cannot stand in a certificate".to_owned()).into())
    }

    fn request(&self, question: &Question) -> Result<Request<Full<Bytes>>, Unreachable> {
        let mut request = Request::builder()
            .method(&question.method)
            .uri(question.path)
            .header(HOST, self.host())
            .header(USER_AGENT, name_and_version())
            .header(ACCEPT, "*/*")
            // Listeners of agents and proxies may insist on it.
            .header("X-Vault-Request", "true");
        if question.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request
            .body(Full::new(question.body.clone().unwrap_or_default()))
            .map_err(|error| Unreachable::NotHttp(error.to_string()))
    }

    /// The Host header: without the port that the scheme has anyway (RFC 9110, section 7.2).
    fn host(&self) -> String {
        let host = if self.name.contains(':') { format!("[{}]", self.name) } else { self.name.clone() };
        match (self.address.tls, self.address.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl State {
    /// Keeps the connection for the next request, unless the answer was its last.
    fn keep(&mut self, connection: Connection, answer: Answer) -> Answer {
        self.parted = answer.last;
        self.connection = (!answer.last).then_some(connection);
        answer
    }
}

/// `vault-unseal/1.2.3`: the User-Agent.
pub fn name_and_version() -> &'static str {
    concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[tokio::test]
    async fn the_addresses_of_a_name_are_tried_one_a_knock() {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: NodeAddress = "http://localhost:1".parse().unwrap();
        let line = Line::new(&address.into(), None, None);
        let closed = ["127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()];
        line.state.lock().await.doors = vec![closed[0], open.local_addr().unwrap(), closed[1]];
        let mut met = Vec::new();
        for _ in 0..6 {
            met.push(line.knock().await);
        }
        assert_eq!(met, [false, true, false, false, true, false]);
    }
}
