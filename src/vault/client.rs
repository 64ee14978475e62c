//! The client of one node: the one connection that is kept between requests, and what is asked over it.

use super::connection::{ApiResponse, Connection, ExchangeError, log_hint};
use super::dial::{Endpoint, Reach};
use super::peer::Ends;
use crate::api::{ConnectionEpoch, PeerRefusal, Unreachable, health};
use crate::process::StackWipe;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Uri};
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Vault's own header.
const INSISTED_ON: HeaderName = HeaderName::from_static("x-vault-request");

/// Speaks to one node.
#[derive(Debug)]
pub(super) struct NodeClient {
    endpoint: Endpoint,
    /// The header of that name; `None` where it cannot be sent.
    host: Option<HeaderValue>,
    state: Mutex<State>,
    epoch: AtomicU64,
    /// From when until when the certificate is valid that was shown last.
    certificate: StdMutex<Option<(u64, u64)>>,
}

#[derive(Debug, Default)]
struct State {
    /// The connection that is kept between requests. Its end tells of a restart at once.
    connection: Option<Connection>,
    /// The last connection ended with an answer that said so: no sign of a restart.
    closed_by_server: bool,
    /// The server ends each connection with its answer: its owner has to be found before that.
    closes: bool,
    reach: Reach,
}

impl State {
    /// Takes the connection that is kept, unless it has ended.
    async fn kept(&mut self) -> Option<Connection> {
        let mut connection = self.connection.take()?;
        if connection.is_over().await { None } else { Some(connection) }
    }
}

fn next_epoch() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What is asked.
pub(super) struct ApiRequest {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) body: Option<Bytes>,
    /// It changes nothing: it may be asked again when its answer got lost.
    pub(super) idempotent: bool,
    /// It carries a secret, or follows one that did: nothing of its answer is told, nor kept where that can be helped.
    pub(super) secret: bool,
}

impl ApiRequest {
    /// `GET sys/health`: the first request where the peer is not known yet.
    fn health() -> Self {
        Self { method: Method::GET, path: health::PATH, body: None, idempotent: true, secret: false }
    }

    /// A cause as it may be told.
    fn without_secret(&self, cause: Unreachable) -> Unreachable {
        if self.secret { cause.without_text(log_hint(None)) } else { cause }
    }
}

impl NodeClient {
    /// Nothing is connected yet.
    pub(super) fn new(endpoint: Endpoint) -> Self {
        let host = HeaderValue::try_from(endpoint.host()).ok();
        Self {
            endpoint,
            host,
            state: Mutex::default(),
            epoch: AtomicU64::new(0),
            certificate: StdMutex::default(),
        }
    }

    /// Asks over the kept connection, or over a new one. `read` makes of the answer what is wanted, and says whether the
    /// connection is then kept.
    pub(super) async fn ask<T>(
        &self,
        request: &ApiRequest,
        limit: Duration,
        read: impl FnOnce(&ApiResponse) -> (T, bool),
    ) -> Result<T, Unreachable> {
        let mut state = self.state.lock().await;
        // Dropped after the exchange, also where somebody cuts that short.
        let wipe = StackWipe::after(request.secret);
        // On the heap while it lasts: what waits between two polls would carry the room for a handshake with it.
        let outcome = timeout(limit, Box::pin(self.exchange(&mut state, request))).await;
        let outcome = outcome.unwrap_or(Err(Unreachable::Timeout(limit)));
        if let Some(tls) = &self.endpoint.tls {
            tls.report(outcome.is_err());
        }
        let value = match outcome {
            Ok((connection, answer)) => {
                let (value, keep) = read(&answer);
                // Ended by the server's word or ours: no sign of a restart.
                state.closed_by_server = answer.last || !keep;
                if !state.closed_by_server {
                    state.connection = Some(connection);
                }
                Ok(value)
            }
            Err(cause) => Err(request.without_secret(cause)),
        };
        if let Some(wipe) = wipe {
            wipe.now().await;
        }
        value
    }

    async fn exchange(
        &self,
        state: &mut State,
        request: &ApiRequest,
    ) -> Result<(Connection, ApiResponse), Unreachable> {
        let closed_by_server = std::mem::take(&mut state.closed_by_server);
        // Out of its place while it is in use: whatever cuts the exchange short ends the connection.
        if let Some(mut connection) = state.kept().await {
            match connection.ask(self.http_request(request)?).await {
                Ok(answer) => return Ok((connection, answer)),
                // A connection that a stopping server closes under a request says only that it is gone; a new one
                // tells whether the server is.
                Err(ExchangeError { unsent: true, .. }) => {}
                Err(ExchangeError { cause: Unreachable::Closed, .. }) if request.idempotent => {}
                Err(ExchangeError { cause, .. }) => return Err(cause),
            }
        }
        let (connection, answer) = if request.idempotent {
            self.ask_anew(state, request).await?
        } else {
            let mut connection = self.proven(state).await?;
            let answer =
                connection.ask(self.http_request(request)?).await.map_err(|failure| failure.cause)?;
            (connection, answer)
        };
        *self.certificate.lock().unwrap_or_else(PoisonError::into_inner) = connection.certificate;
        if !closed_by_server {
            self.epoch.store(next_epoch(), Ordering::Relaxed);
        }
        Ok((connection, answer))
    }

    /// Asks over a connection of its own that ends with the answer, once, with these headers beside the usual ones.
    ///
    /// Errors: why, and whether the request may have been sent.
    pub(super) async fn ask_once(
        &self,
        request: &ApiRequest,
        headers: HeaderMap,
        answer: &mut ApiResponse,
    ) -> Result<(), (Unreachable, bool)> {
        let wipe = StackWipe;
        let mut http = self.http_request(request).map_err(|cause| (cause, false))?;
        http.headers_mut().extend(headers);
        let connected = self.proven(&mut State::default()).await;
        let mut connection = connected.map_err(|cause| (request.without_secret(cause), false))?;
        let outcome = connection.ask_into(http, answer).await;
        drop(connection);
        wipe.now().await;
        outcome.map_err(|ExchangeError { cause, unsent }| {
            let redirect = matches!(cause, Unreachable::Redirect { .. });
            (request.without_secret(cause), !unsent && !redirect)
        })
    }

    pub(super) fn has_tls(&self) -> bool {
        self.endpoint.tls.is_some()
    }

    /// Asks for the health over a connection of its own, which shows what would become of the kept one's successor: a
    /// server that refuses a client certificate says so only here.
    pub(super) async fn connects_anew(&self, limit: Duration) -> Result<(), Unreachable> {
        let request = ApiRequest::health();
        let attempt = async {
            self.ask_anew(&mut State::default(), &request).await?;
            Ok(())
        };
        timeout(limit, attempt).await.unwrap_or(Err(Unreachable::Timeout(limit)))
    }

    /// Asks over a new connection.
    async fn ask_anew(
        &self,
        state: &mut State,
        request: &ApiRequest,
    ) -> Result<(Connection, ApiResponse), Unreachable> {
        loop {
            let (mut connection, unproven) = self.endpoint.connect(&mut state.reach).await?;
            if let Some(answer) = self.ask_first(state, &mut connection, unproven, request).await? {
                return Ok((connection, answer));
            }
        }
    }

    /// Makes the first request over a connection. The answer is believed only when the peer is known to be the server;
    /// `None` if it had ended the connection by then, which it may not do unnoticed a second time.
    async fn ask_first(
        &self,
        state: &mut State,
        connection: &mut Connection,
        mut unproven: Option<Ends>,
        request: &ApiRequest,
    ) -> Result<Option<ApiResponse>, Unreachable> {
        if let Some(ends) = unproven.take_if(|_| state.closes) {
            self.endpoint.rule.judge_when_accepted(ends).await?;
        }
        let outcome = connection.ask(self.http_request(request)?).await.map_err(|failure| failure.cause);
        let verdict = match unproven {
            Some(ends) => self.endpoint.rule.judge(ends).await,
            None => Ok(()),
        };
        match (outcome, verdict) {
            (Ok(answer), Ok(())) => Ok(Some(answer)),
            // With a word or without one, it ended the connection with its answer.
            (Ok(_), Err(PeerRefusal::Unowned)) if !state.closes => {
                state.closes = true;
                Ok(None)
            }
            (Ok(_), Err(refusal)) => Err(refusal.into()),
            (Err(_), Err(refusal)) if refusal.names_owner() => Err(refusal.into()),
            (Err(cause), _) => Err(cause),
        }
    }

    /// A new connection whose peer is known to be the server, for a request that carries a secret: where the owner of
    /// the peer's end tells, it has answered one that carries none.
    async fn proven(&self, state: &mut State) -> Result<Connection, Unreachable> {
        let idempotent = ApiRequest::health();
        loop {
            let (mut connection, unproven) = self.endpoint.connect(&mut state.reach).await?;
            let Some(ends) = unproven else { return Ok(connection) };
            if state.closes {
                self.endpoint.rule.judge_when_accepted(ends).await?;
                return Ok(connection);
            }
            match self.ask_first(state, &mut connection, unproven, &idempotent).await? {
                Some(ApiResponse { last: false, .. }) => return Ok(connection),
                _ => state.closes = true,
            }
        }
    }

    /// The epoch of the connection that the last answer came over.
    pub(super) fn epoch(&self) -> ConnectionEpoch {
        ConnectionEpoch::of(self.epoch.load(Ordering::Relaxed))
    }

    /// From when until when the certificate is valid that the server showed last, in seconds since 1970.
    pub(super) fn certificate(&self) -> Option<(u64, u64)> {
        *self.certificate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of the authorities that the configuration names, from when until when the first to end is valid, in seconds since 1970.
    pub(super) fn authority(&self) -> Option<(u64, u64)> {
        self.endpoint.tls.as_ref()?.authority()
    }

    /// Returns when the kept connection ends; without one, never.
    pub(super) async fn ended(&self) {
        let mut state = self.state.lock().await;
        if let Some(connection) = &mut state.connection {
            connection.ended().await;
            state.connection = None;
            return;
        }
        // A probe needs the state meanwhile.
        drop(state);
        pending::<()>().await;
    }

    /// Ends the kept connection, by our word: no sign of a restart.
    pub(super) async fn part(&self) {
        let mut state = self.state.lock().await;
        if state.kept().await.is_some() {
            state.closed_by_server = true;
        }
    }

    /// Tries whether something listens where the node was: at one of its addresses, each in its turn. A connection
    /// that is accepted serves the next request.
    pub(super) async fn probe(&self) -> bool {
        let mut state = self.state.lock().await;
        self.endpoint.probe(&mut state.reach).await
    }

    /// The node was on this very machine.
    pub(super) async fn is_own(&self) -> bool {
        self.endpoint.is_own(&mut self.state.lock().await.reach)
    }

    fn http_request(&self, asked: &ApiRequest) -> Result<Request<Full<Bytes>>, Unreachable> {
        let mut request = Request::new(Full::new(asked.body.clone().unwrap_or_default()));
        *request.method_mut() = asked.method.clone();
        *request.uri_mut() = Uri::from_static(asked.path);
        let host =
            self.host.clone().ok_or(Unreachable::NotHttp("the name of the host cannot be sent to it"))?;
        let headers = request.headers_mut();
        headers.insert(HOST, host);
        headers.insert(USER_AGENT, HeaderValue::from_static(name_and_version()));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        // Listeners of agents and proxies may insist on it.
        headers.insert(INSISTED_ON, HeaderValue::from_static("true"));
        if asked.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(request)
    }
}

/// `vault-unseal/1.2.3`: the User-Agent.
pub fn name_and_version() -> &'static str {
    concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"))
}
