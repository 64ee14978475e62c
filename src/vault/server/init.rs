//! What `init` asks: `PUT /v1/sys/init`, which gives a server its keys once in its life, and what is done with a root token.
//! The answer, or the sender, of each is a secret.

use super::Server;
use crate::api::{Refusal, Unreachable};
use crate::vault::client::ApiRequest;
use crate::vault::connection::{ApiResponse, BODY_LIMIT};
use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use secrecy::{SecretBox, SecretString};
use serde::Deserialize;
use std::time::Duration;
use zeroize::Zeroizing;

const INIT: &str = "/v1/sys/init";

/// Why an initialisation has no answer.
pub enum InitFailure {
    /// The request did not reach the server: it is as it was.
    NotSent(Unreachable),
    /// The server said no.
    Refused(Refusal),
    /// The request was sent, and the answer did not arrive whole. The server may have keys that nobody has seen.
    Lost {
        /// What happened to it.
        cause: Unreachable,
        /// As much of it as came.
        partial: Zeroizing<Vec<u8>>,
    },
}

impl Server {
    /// Initialises with so many Shamir shares, `threshold` of which are needed: the body of the answer.
    ///
    /// Raft storage takes 8 s and more; `limit` bounds the whole exchange. Never asks twice.
    pub async fn init(
        &self,
        shares: u8,
        threshold: u8,
        limit: Duration,
    ) -> Result<Zeroizing<Vec<u8>>, InitFailure> {
        let body = format!(r#"{{"secret_shares":{shares},"secret_threshold":{threshold}}}"#);
        let body = Zeroizing::new(body.into_bytes());
        match self.ask_once(INIT, None, &[], body, limit).await {
            Ok(ApiResponse { status: 200, body, .. }) => Ok(body),
            Ok(ApiResponse { status, body, hint, .. }) => {
                let refusal = Refusal::parse(status, &body, hint);
                // An error page of something between, or of a server that failed on the way, says little.
                if refusal.from_server && (400..500).contains(&status) {
                    return Err(InitFailure::Refused(refusal));
                }
                Err(InitFailure::Lost { cause: refusal.unreachable(), partial: Zeroizing::default() })
            }
            Err(NoAnswer { cause, partial: None }) => Err(InitFailure::NotSent(cause)),
            Err(NoAnswer { cause, partial: Some(partial) }) => Err(InitFailure::Lost { cause, partial }),
        }
    }
}

const WRAP: &str = "/v1/sys/wrapping/wrap";
const REVOKE: &str = "/v1/auth/token/revoke-self";
/// How long a wrapped token can be unwrapped.
pub const WRAP_TTL: &str = "24h";

/// Why a server did not do as a token asked.
#[derive(Debug, thiserror::Error)]
pub enum TokenFailure {
    /// No answer.
    #[error("{0}")]
    Unreachable(Unreachable),
    /// It refused.
    #[error("the server refuses: {0}")]
    Refused(Refusal),
    /// It was to wrap the token.
    #[error("no wrapping token is in the server's answer")]
    NotWrapped,
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    wrap_info: WrapInfo<'a>,
}

#[derive(Deserialize)]
struct WrapInfo<'a> {
    #[serde(borrow)]
    token: &'a str,
}

impl Server {
    /// Puts `token` into a response-wrapping token that opens once, within [`WRAP_TTL`].
    pub async fn wrap_token(&self, token: &str) -> Result<SecretString, TokenFailure> {
        let (head, tail) = (br#"{"token":""#, br#""}"#);
        let mut body = Zeroizing::new(Vec::with_capacity(head.len() + token.len() + tail.len()));
        for part in [&head[..], token.as_bytes(), tail] {
            body.extend_from_slice(part);
        }
        let headers = &[("x-vault-wrap-ttl", WRAP_TTL)];
        let answer = self.with_token(WRAP, token, headers, body).await?;
        let wrapped: Option<Wrapped<'_>> = serde_json::from_slice(&answer).ok();
        match wrapped {
            // In a box of its final size, which is not moved.
            Some(wrapped) => Ok(SecretBox::new(Box::from(wrapped.wrap_info.token))),
            None => Err(TokenFailure::NotWrapped),
        }
    }

    /// Makes `token` worthless.
    pub async fn revoke(&self, token: &str) -> Result<(), TokenFailure> {
        self.with_token(REVOKE, token, &[], Zeroizing::default()).await.map(drop)
    }

    async fn with_token(
        &self,
        path: &'static str,
        token: &str,
        headers: &[(&'static str, &'static str)],
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Zeroizing<Vec<u8>>, TokenFailure> {
        match self.ask_once(path, Some(token), headers, body, self.limit).await {
            Ok(ApiResponse { status: 200 | 204, body, .. }) => Ok(body),
            Ok(ApiResponse { status, body, hint, .. }) => {
                Err(TokenFailure::Refused(Refusal::parse(status, &body, hint)))
            }
            Err(no_answer) => Err(TokenFailure::Unreachable(no_answer.cause)),
        }
    }
}

/// The header that a client shows its token in.
const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");

/// Why there is no whole answer.
struct NoAnswer {
    cause: Unreachable,
    /// `None`: nothing was sent. What came of an answer of status 200, if the request may have been sent.
    partial: Option<Zeroizing<Vec<u8>>>,
}

impl Server {
    /// Asks once, and never again by itself. The answer is in memory that wipes itself and never had to grow; what the
    /// HTTP and TLS libraries read it through is freed with the connection, which wipes it (`main.rs`).
    async fn ask_once(
        &self,
        path: &'static str,
        token: Option<&str>,
        further: &[(&'static str, &'static str)],
        body: Zeroizing<Vec<u8>>,
        limit: Duration,
    ) -> Result<ApiResponse, NoAnswer> {
        let mut headers = HeaderMap::new();
        for (name, value) in further {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Some(token) = token {
            // Shared, so that the header is sent from memory that wipes itself.
            let bytes = Bytes::from_owner(Zeroizing::new(token.as_bytes().to_vec()));
            if let Ok(mut value) = HeaderValue::from_maybe_shared(bytes) {
                value.set_sensitive(true);
                headers.insert(TOKEN, value);
            }
        }
        let body = Some(Bytes::from_owner(body));
        let request = ApiRequest { method: Method::PUT, path, body, idempotent: false, secret: true };
        let mut answer = ApiResponse::with_capacity(BODY_LIMIT);
        let outcome = tokio::time::timeout(limit, self.client.ask_once(&request, headers, &mut answer)).await;
        let outcome = outcome.unwrap_or(Err((Unreachable::Timeout(limit), true)));
        match outcome {
            Ok(()) => Ok(answer),
            Err((cause, false)) => Err(NoAnswer { cause, partial: None }),
            Err((cause, true)) => {
                let partial = if answer.status == 200 { answer.body } else { Zeroizing::default() };
                Err(NoAnswer { cause, partial: Some(partial) })
            }
        }
    }
}
