//! One server: the four requests that the daemon ever sends; `init` sends three more (`init.rs`). And how the servers of one
//! cluster are spoken to.

pub(super) mod init;

use super::TlsFileError;
use super::client::{ApiRequest, NodeClient};
use super::connection::ApiResponse;
use super::dial::Endpoint;
use super::peer::PeerRule;
use super::tls::{Inspection, Renewed};
use crate::api::seal_status::ApiErrors;
use crate::api::{
    AnswerText, ConnectionEpoch, Health, SealStatus, Unreachable, UnsealAnswer, health, seal_status,
};
use crate::cluster::{Discovery, Node};
use crate::config::Cluster;
use crate::external::ExternalText;
use crate::files::{READ_LIMIT, Slow};
use bytes::Bytes;
use hyper::Method;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// One server of a cluster. Clones speak over the same connection.
#[derive(Debug, Clone)]
pub struct Server {
    client: Arc<NodeClient>,
    limit: Duration,
}

impl Server {
    /// The same server, over the same connection, with another limit of one request.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// `GET sys/health`: the body is believed, whatever the status code.
    ///
    /// A server that cannot tell its health says `{"errors":[]}`, and the reason where its seal status is asked, as
    /// `OpenBao` 2.6.2 does without its seal configuration: then the error is that one.
    pub async fn health(&self) -> Result<Health, Unreachable> {
        let health = self.read(health::PATH, |answer| Health::parse(&answer.body)).await;
        match health {
            Err(cause) if cause.is_without_reason() => match self.seal_status().await {
                Err(reason @ Unreachable::ServerError { .. }) => Err(reason),
                _ => Err(cause),
            },
            health => health,
        }
    }

    /// `GET sys/seal-status`.
    pub async fn seal_status(&self) -> Result<SealStatus, Unreachable> {
        self.read(seal_status::PATH, |answer| {
            SealStatus::parse(&answer.body).filter(|_| answer.status == 200)
        })
        .await
    }

    /// `PUT sys/unseal` with a share's request body. `limit` bounds it: a joining server holds its answer.
    pub async fn submit(
        &self,
        body: Zeroizing<Vec<u8>>,
        limit: Duration,
    ) -> Result<UnsealAnswer, Unreachable> {
        // Owned bytes are written from where they are and wiped when the request is done; anything else leaves
        // a copy behind.
        self.put(Bytes::from_owner(body), limit).await
    }

    /// `PUT sys/unseal` with a reset: drops all shares of the current round. Its answer may repeat them as well.
    pub async fn reset(&self) -> Result<UnsealAnswer, Unreachable> {
        self.put(Bytes::from_static(br#"{"reset":true}"#), self.limit).await
    }

    /// The epoch of the connection that the last answer came over: the same as before if the server cannot have restarted since.
    pub fn epoch(&self) -> ConnectionEpoch {
        self.client.epoch()
    }

    /// From when until when the certificate is valid that it showed last, in seconds since 1970.
    pub fn certificate(&self) -> Option<(u64, u64)> {
        self.client.certificate()
    }

    /// Of the authorities that the configuration names for it, from when until when the first to end is valid, in seconds since
    /// 1970; `None` where it names none, or a whole bundle.
    pub fn authority(&self) -> Option<(u64, u64)> {
        self.client.authority()
    }

    /// Returns when the connection that is kept between requests ends: most likely with the server. Without one, or
    /// when its end was announced, never.
    pub async fn left(&self) {
        self.client.ended().await;
    }

    /// Ends the connection that is kept between requests, of our own will.
    pub async fn part(&self) {
        self.client.part().await;
    }

    /// Whether something listens where the server was. The connection is then used for the next request.
    pub async fn probe(&self) -> bool {
        self.client.probe().await
    }

    /// The server was on this machine.
    pub async fn is_own(&self) -> bool {
        self.client.is_own().await
    }

    /// Whether it is spoken to over TLS.
    pub fn has_tls(&self) -> bool {
        self.client.has_tls()
    }

    /// Whether a new connection beside the one that is kept gives an answer: nothing but the attempt is made of it.
    pub async fn connects_anew(&self) -> Result<(), Unreachable> {
        self.client.connects_anew(self.limit).await
    }

    async fn read<T>(
        &self,
        path: &'static str,
        parse: impl Fn(&ApiResponse) -> Option<T>,
    ) -> Result<T, Unreachable> {
        let request = ApiRequest { method: Method::GET, path, body: None, idempotent: true, secret: false };
        let read = |answer: &ApiResponse| (parse(answer).ok_or_else(|| not_an_answer(answer)), true);
        self.client.ask(&request, self.limit, read).await?
    }

    async fn put(&self, body: Bytes, limit: Duration) -> Result<UnsealAnswer, Unreachable> {
        let (path, sent) = (seal_status::UNSEAL_PATH, body.clone());
        let request =
            ApiRequest { method: Method::PUT, path, body: Some(body), idempotent: false, secret: true };
        let read = |answer: &ApiResponse| {
            let parsed = UnsealAnswer::parse(answer.status, &answer.body, answer.hint);
            // The libraries' buffers go with the connection: it is kept after an answer that is as it should be.
            (parsed, matches!(parsed, UnsealAnswer::Status(_)) && !repeats(&answer.body, &sent))
        };
        self.client.ask(&request, limit, read).await
    }
}

/// Whether an answer has sixteen hex digits of the request's share in it, in either case. A share is looked up and not compared
/// with: for an answer of nothing but digits that would hold the loop for a tenth of a second.
fn repeats(answer: &[u8], request: &[u8]) -> bool {
    let mut share = Zeroizing::new(Vec::with_capacity(request.len()));
    share.extend(pieces(request));
    share.sort_unstable();
    pieces(answer).any(|piece| share.binary_search(&piece).is_ok())
}

/// Each sixteen hex digits that follow each other in a text, as the number that they are.
fn pieces(text: &[u8]) -> impl Iterator<Item = u64> {
    let (mut digits, mut number) = (0_usize, 0_u64);
    text.iter().filter_map(move |byte| {
        let Some(digit) = char::from(*byte).to_digit(16) else {
            digits = 0;
            return None;
        };
        (digits, number) = (digits + 1, number << 4 | u64::from(digit));
        (digits >= 16).then_some(number)
    })
}

/// What an answer tells that is neither health nor seal status, to a request that carried no secret.
fn not_an_answer(answer: &ApiResponse) -> Unreachable {
    let status = answer.status;
    if status == 429 {
        return Unreachable::TooManyRequests { retry_after: answer.retry_after };
    }
    if let Some(errors) = ApiErrors::parse(&answer.body) {
        return Unreachable::ServerError { status, text: AnswerText::Text(ExternalText::new(errors.text())) };
    }
    let text = ExternalText::of_bytes(&answer.body);
    // Go's TLS listener says so in plain text; nginx and HAProxy in their own pages.
    if status == 400 && text.has("http request") && text.has("https") {
        return Unreachable::HttpOnTlsPort;
    }
    Unreachable::NotVault { status, text: AnswerText::Text(text) }
}

/// How the servers of one cluster are spoken to: over one TLS configuration, which servers that are found later share.
#[derive(Debug, Clone)]
pub struct ClusterClient {
    /// `None` where nobody speaks TLS.
    tls: Option<Arc<Renewed>>,
    server_name: Option<String>,
    rule: PeerRule,
    limit: Duration,
}

impl ClusterClient {
    /// Reads the cluster's TLS files off the loop, and not for longer than [`READ_LIMIT`].
    pub async fn read(cluster: &Cluster) -> Result<Self, TlsFileError> {
        Self::read_with(cluster, None).await
    }

    /// Reads the cluster's TLS files. Blocks on the file system.
    pub fn to(cluster: &Cluster) -> Result<Self, TlsFileError> {
        Self::with(cluster, None)
    }

    /// The same, and what tells how long the certificate of the last server stays good: an issuer that ends within
    /// `ahead`, too.
    pub(crate) async fn inspecting(
        cluster: &Cluster,
        ahead: Duration,
    ) -> Result<(Self, Arc<Inspection>), TlsFileError> {
        let inspection = Arc::new(Inspection::new(ahead));
        Ok((Self::read_with(cluster, Some(Arc::clone(&inspection))).await?, inspection))
    }

    async fn read_with(cluster: &Cluster, inspection: Option<Arc<Inspection>>) -> Result<Self, TlsFileError> {
        let cluster = cluster.clone();
        let read = spawn_blocking(move || Self::with(&cluster, inspection));
        match timeout(READ_LIMIT, read).await {
            Ok(Ok(access)) => access,
            // Or the runtime ends.
            _ => Err(Slow.into()),
        }
    }

    fn with(cluster: &Cluster, inspection: Option<Arc<Inspection>>) -> Result<Self, TlsFileError> {
        // The files are not read, nor the system's authorities, where nobody speaks TLS.
        let spoken =
            cluster.nodes.iter().any(|node| node.tls) || cluster.discoveries.iter().any(Discovery::tls);
        Ok(Self {
            tls: if spoken {
                Some(Arc::new(Renewed::new(&cluster.tls, &cluster.trusted, inspection)?))
            } else {
                None
            },
            server_name: cluster.tls.server_name.clone(),
            rule: PeerRule::of(cluster),
            limit: cluster.pace.request_timeout,
        })
    }

    /// A server of the cluster; nothing is connected yet.
    pub fn server(&self, node: &Node) -> Server {
        let (name, tls) = (self.server_name.as_deref(), self.tls.clone());
        let endpoint = Endpoint::new(node, name, tls, self.rule.clone());
        Server { client: Arc::new(NodeClient::new(endpoint)), limit: self.limit }
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

    #[test]
    fn a_piece_of_the_share_is_recognised_wherever_it_stands() {
        let share = "0123456789abcdeffedcba9876543210";
        for (from, length, repeated) in [(0, 16, true), (7, 18, true), (0, 15, false), (7, 15, false)] {
            let piece: String = share.chars().skip(from).take(length).collect();
            for (before, filling) in (0..40).flat_map(|before| [(before, "-"), (before, "0")]) {
                let answer = format!("{}{piece}{}\"}}", filling.repeat(before), filling.repeat(3));
                assert_eq!(repeats(answer.as_bytes(), share.as_bytes()), repeated, "{answer}");
            }
        }
        // Longer than any share, and none of it.
        assert!(!repeats("0".repeat(64 * 1024).as_bytes(), share.as_bytes()));
    }
}
