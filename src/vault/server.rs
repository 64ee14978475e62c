//! One server: the four requests that the daemon ever sends. `init` sends three more, in files of their own.

pub(super) mod init;
mod secret;
pub(super) mod token;

use super::line::{Life, Line, Question};
use super::tls::Renewed;
use super::{Health, Refusal, SealStatus, TlsFileError, Unreachable, UnsealAnswer};
use super::{health, seal_status, unseal_answer};
use crate::config::Cluster;
use bytes::Bytes;
use hyper::Method;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// One server of a cluster. Clones speak over the same connection.
#[derive(Debug, Clone)]
pub struct Server {
    line: Arc<Line>,
    limit: Duration,
}

impl Server {
    /// The servers of a cluster, in its order.
    pub fn of_cluster(cluster: &Cluster) -> Result<Vec<Self>, TlsFileError> {
        Self::of_cluster_at(cluster, Duration::ZERO)
    }

    /// The same, judging certificates as if it were `ahead` later: shows which expire until then.
    pub fn of_cluster_at(cluster: &Cluster, ahead: Duration) -> Result<Vec<Self>, TlsFileError> {
        let limit = cluster.pace.request_timeout;
        // The files are not read, nor the system's authorities, where nobody speaks TLS.
        let spoken = cluster.nodes.iter().any(|node| node.tls);
        let tls = if spoken { Some(Arc::new(Renewed::new(&cluster.tls, ahead)?)) } else { None };
        let name = cluster.tls.server_name.as_deref();
        let lines = cluster.nodes.iter().map(|node| Line::new(node, name, tls.clone()));
        Ok(lines.map(|line| Self { line: Arc::new(line), limit }).collect())
    }

    /// The same server, over the same connection, with another limit of one request.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// `GET sys/health`: the body is believed, whatever the status code.
    pub async fn health(&self) -> Result<Health, Unreachable> {
        let (status, body) = self.read(health::PATH).await?;
        Health::parse(&body).ok_or_else(|| not_an_answer(status, &body))
    }

    /// `GET sys/seal-status`.
    pub async fn seal_status(&self) -> Result<SealStatus, Unreachable> {
        let (status, body) = self.read(seal_status::PATH).await?;
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
        let (status, answer) = self.put(body, limit).await?;
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
        let (status, body) = self.put(body, self.limit).await?;
        Ok(UnsealAnswer::parse(status, &body))
    }

    /// The life of the server that the last answer came from: the same as before if it cannot have restarted since.
    pub fn life(&self) -> Life {
        self.line.life()
    }

    /// Returns when the connection that is kept between requests ends: most likely with the server. Without one, or
    /// when its end was announced, never.
    pub async fn left(&self) {
        self.line.ended().await;
    }

    /// Whether something listens where the server was. The connection is then used for the next request.
    pub async fn knock(&self) -> bool {
        self.line.knock().await
    }

    /// The server was on this machine.
    pub async fn is_own(&self) -> bool {
        self.line.is_own().await
    }

    async fn read(&self, path: &'static str) -> Result<(u16, Vec<u8>), Unreachable> {
        let question = Question { method: Method::GET, path, body: None, harmless: true };
        self.line.ask(&question, self.limit).await
    }

    async fn put(&self, body: Bytes, limit: Duration) -> Result<(u16, Vec<u8>), Unreachable> {
        let path = unseal_answer::PATH;
        let question = Question { method: Method::PUT, path, body: Some(body), harmless: false };
        self.line.ask(&question, limit).await
    }
}

/// Whether an answer has a piece of the request's longest run of hex digits in it, in either case.
fn repeats(answer: &[u8], request: &[u8]) -> bool {
    const PIECE: usize = 16;
    let share = runs(request).max_by_key(|run| run.len()).unwrap_or_default();
    // Only in a run of hex digits can a piece be, and a server's own answer has none that is long enough: everything
    // compared with everything took half of all the CPU that an unsealing costs.
    let long = runs(answer).filter(|run| run.len() >= PIECE);
    long.flat_map(|run| run.windows(PIECE))
        .any(|part| share.windows(PIECE).any(|piece| part.eq_ignore_ascii_case(piece)))
}

/// The runs of hex digits in a text.
fn runs(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !byte.is_ascii_hexdigit())
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
