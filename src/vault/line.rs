//! The line to one node: its address, how it proves who it is, and the one connection that is kept between
//! requests.

use super::connection::{Connection, Failure};
use super::dial::{addresses, dial};
use super::tls::Renewed;
use super::unreachable::{TlsFailure, Unreachable};
use crate::config::NodeAddress;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request};
use rustls::pki_types::ServerName;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Where a node is and how to speak to it.
#[derive(Debug)]
pub(super) struct Line {
    tls: Option<Arc<Renewed>>,
    address: NodeAddress,
    /// The host's name, or the one that is configured for it: in SNI, the certificate check and the Host header.
    name: String,
    kept: Mutex<Option<Connection>>,
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
    /// A line to `address`; nothing is connected yet.
    pub(super) fn new(address: &NodeAddress, server_name: Option<&str>, tls: Option<Arc<Renewed>>) -> Self {
        // SNI can carry a name only: an IP address as server name is a matter of the certificate check.
        let name = server_name.filter(|name| name.parse::<IpAddr>().is_err());
        let name = name.map_or_else(|| address.host.clone(), str::to_owned);
        Self { tls: tls.filter(|_| address.tls), address: address.clone(), name, kept: Mutex::default() }
    }

    /// Asks over the kept connection, or over a new one which is then kept.
    pub(super) async fn ask(
        &self,
        question: &Question,
        limit: Duration,
    ) -> Result<(u16, Vec<u8>), Unreachable> {
        let mut kept = self.kept.lock().await;
        // Out of its place while it is in use: whatever cuts the exchange short ends the connection.
        let connection = kept.take();
        let exchange = async {
            let request = || self.request(question);
            if let Some(mut connection) = connection.filter(|connection| !connection.is_over()) {
                match connection.ask(request()?).await {
                    Ok(answer) => return Ok((connection, answer)),
                    // A connection that a stopping server closes under a question says only that it is gone; a
                    // new one tells whether the server is.
                    Err(Failure { unsent: true, .. }) => {}
                    Err(Failure { cause: Unreachable::Closed, .. }) if question.harmless => {}
                    Err(Failure { cause, .. }) => return Err(cause),
                }
            }
            let mut connection = self.connect().await?;
            let answer = connection.ask(request()?).await.map_err(|failure| failure.cause)?;
            Ok((connection, answer))
        };
        let outcome = timeout(limit, exchange).await.unwrap_or(Err(Unreachable::Timeout(limit)));
        if let Some(tls) = &self.tls {
            tls.report(outcome.is_err());
        }
        let (connection, answer) = outcome?;
        *kept = Some(connection);
        Ok(answer)
    }

    async fn connect(&self) -> Result<Connection, Unreachable> {
        let tls = match &self.tls {
            Some(tls) => Some((tls.config(), self.server_name()?)),
            None => None,
        };
        let stream = dial(&addresses(&self.address.host, self.address.port).await?).await?;
        Connection::over(stream, tls).await
    }

    fn server_name(&self) -> Result<ServerName<'static>, Unreachable> {
        ServerName::try_from(self.name.clone()).map_err(|error| TlsFailure::Other(error.to_string()).into())
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

/// `vault-unseal/1.2.3`: the User-Agent.
pub fn name_and_version() -> &'static str {
    concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"))
}
