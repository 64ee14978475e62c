//! One server: the four requests that the daemon ever sends. `init` sends three more, in files of their own.

pub(super) mod init;
mod secret;
pub(super) mod token;

use super::failure;
use super::http::Http;
use super::refusal::printable;
use super::{Health, Refusal, SealStatus, TlsFileError, Unreachable, UnsealAnswer};
use super::{health, seal_status, unseal_answer};
use crate::config::{Cluster, NodeAddress};
use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Largest body that is read. The API's answers are below 2 KiB.
const BODY_LIMIT: usize = 64 * 1024;

/// One server of a cluster.
#[derive(Debug, Clone)]
pub struct Server {
    http: Arc<Http>,
    base: String,
    limit: Duration,
}

impl Server {
    /// The servers of a cluster, in its order, over one client unless each needs its own.
    pub fn of_cluster(cluster: &Cluster) -> Result<Vec<Self>, TlsFileError> {
        Self::of_cluster_at(cluster, Duration::ZERO)
    }

    /// The same, judging certificates as if it were `ahead` later: shows which expire until then.
    pub fn of_cluster_at(cluster: &Cluster, ahead: Duration) -> Result<Vec<Self>, TlsFileError> {
        let limit = cluster.pace.request_timeout;
        let tls = cluster.nodes.iter().any(|node| node.tls).then_some(&cluster.tls);
        match cluster.tls.server_name.as_deref() {
            // SNI can carry a name only: an IP address as server name is a matter of the certificate check.
            Some(name) if name.parse::<IpAddr>().is_err() => cluster
                .nodes
                .iter()
                .map(|node| {
                    let http = Arc::new(Http::new(tls, ahead, Some(&node.host))?);
                    let base = NodeAddress { host: name.to_owned(), ..node.clone() }.to_string();
                    Ok(Self { http, base, limit })
                })
                .collect(),
            _ => {
                let http = Arc::new(Http::new(tls, ahead, None)?);
                Ok(cluster
                    .nodes
                    .iter()
                    .map(|node| Self { http: Arc::clone(&http), base: node.to_string(), limit })
                    .collect())
            }
        }
    }

    /// The same server, over the same connections, with another limit of one request.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// `GET sys/health`: the body is believed, whatever the status code.
    pub async fn health(&self) -> Result<Health, Unreachable> {
        let (status, body) = self.exchange(Method::GET, health::PATH, None, self.limit).await?;
        Health::parse(&body).ok_or_else(|| not_an_answer(status, &body))
    }

    /// `GET sys/seal-status`.
    pub async fn seal_status(&self) -> Result<SealStatus, Unreachable> {
        let (status, body) = self.exchange(Method::GET, seal_status::PATH, None, self.limit).await?;
        SealStatus::parse(&body).filter(|_| status == 200).ok_or_else(|| not_an_answer(status, &body))
    }

    /// `PUT sys/unseal` with a share's request body. `limit` bounds it: a joining server holds its answer.
    pub async fn submit(
        &self,
        body: Zeroizing<Vec<u8>>,
        limit: Duration,
    ) -> Result<UnsealAnswer, Unreachable> {
        // Owned bytes are written from where they are and wiped when the request is done; anything else leaves
        // a copy behind.
        let body = Bytes::from_owner(body);
        let sent = body.clone();
        let (status, answer) = self.exchange(Method::PUT, unseal_answer::PATH, Some(body), limit).await?;
        let answer = Zeroizing::new(answer);
        // Servers do not repeat a share; an error page of something between might, and its text goes to the log.
        if repeats(&answer, &sent) {
            return Ok(UnsealAnswer::parse(status, b"an answer that repeats the request"));
        }
        Ok(UnsealAnswer::parse(status, &answer))
    }

    /// `PUT sys/unseal` with a reset: drops all shares of the current round.
    pub async fn reset(&self) -> Result<UnsealAnswer, Unreachable> {
        let body = Bytes::from_static(br#"{"reset":true}"#);
        let (status, body) = self.exchange(Method::PUT, unseal_answer::PATH, Some(body), self.limit).await?;
        Ok(UnsealAnswer::parse(status, &body))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        limit: Duration,
    ) -> Result<(u16, Vec<u8>), Unreachable> {
        let mut request = self
            .http
            .client()
            .request(method, format!("{}{path}", self.base))
            // Listeners of agents and proxies may insist on it.
            .header("X-Vault-Request", "true");
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        // A question may be asked twice. A kept-alive connection that a stopping server closes under it says only
        // that the connection is gone; a new one tells whether the server is.
        let again = request.try_clone().filter(|_| path != unseal_answer::PATH);
        let ask = async {
            match (answer(request).await, again) {
                (Err(Unreachable::Closed), Some(again)) => answer(again).await,
                (outcome, _) => outcome,
            }
        };
        let outcome = tokio::time::timeout(limit, ask).await.unwrap_or(Err(Unreachable::Timeout(limit)));
        self.http.report(outcome.is_err());
        outcome
    }
}

async fn answer(request: RequestBuilder) -> Result<(u16, Vec<u8>), Unreachable> {
    let mut response = request.send().await.map_err(|error| failure::classify(&error))?;
    let status = response.status();
    if status.is_redirection() {
        return Err(Unreachable::Redirect { status: status.as_u16(), location: location(&response) });
    }
    let mut body = Vec::with_capacity(1024);
    while let Some(chunk) = response.chunk().await.map_err(|error| failure::classify(&error))? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(Unreachable::TooLarge { limit: BODY_LIMIT });
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status.as_u16(), body))
}

fn location(response: &Response) -> String {
    let value = response
        .headers()
        .get(reqwest::header::LOCATION)
        .map(reqwest::header::HeaderValue::as_bytes)
        .unwrap_or_default();
    printable(&String::from_utf8_lossy(value))
}

/// Whether an answer has a piece of the request's longest run of hex digits in it, in either case.
fn repeats(answer: &[u8], request: &[u8]) -> bool {
    const PIECE: usize = 16;
    let share =
        request.split(|byte| !byte.is_ascii_hexdigit()).max_by_key(|run| run.len()).unwrap_or_default();
    share.windows(PIECE).any(|piece| answer.windows(PIECE).any(|part| part.eq_ignore_ascii_case(piece)))
}

/// What an answer that is neither health nor seal status tells.
fn not_an_answer(status: u16, body: &[u8]) -> Unreachable {
    let refusal = Refusal::parse(status, body);
    // Go's TLS listener says so in plain text; nginx and HAProxy in their own pages.
    if status == 400 && refusal.text.contains("HTTP request") && refusal.text.contains("HTTPS") {
        return Unreachable::HttpOnTlsPort;
    }
    if refusal.from_server {
        return Unreachable::ServerError { status, text: refusal.text };
    }
    Unreachable::NotVault { status, text: shorten(&refusal.text) }
}

/// Enough of a page to recognise it by.
fn shorten(text: &str) -> String {
    const ENOUGH: usize = 80;
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_repeats_the_share_is_recognised() {
        let share = "0123456789abcdeffedcba98765432100123456789abcdeffedcba987654321033";
        let request = format!("{{\"key\":\"{share}\"}}");
        for (answer, repeated) in [
            (format!("<pre>PUT /v1/sys/unseal {request}</pre>"), true),
            (share.to_uppercase(), true),
            (share.chars().skip(20).take(20).collect(), true),
            ("{\"errors\":[\"Vault is sealed\"]}".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(repeats(answer.as_bytes(), request.as_bytes()), repeated, "{answer}");
        }
        assert!(!repeats(b"{\"reset\":true}", br#"{"reset":true}"#), "nothing secret is in a reset");
    }
}
