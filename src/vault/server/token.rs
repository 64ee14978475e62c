//! What is done with a root token: wrapped, or revoked by itself.

use super::Server;
use super::secret::Question;
use crate::api::{Refusal, Unreachable};
use crate::vault::connection::Answer;
use hyper::Method;
use secrecy::{SecretBox, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

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
        let question = Question { method: Method::PUT, path, token: Some(token), headers, body };
        match self.ask_once(question, self.limit).await {
            Ok(Answer { status: 200 | 204, body, .. }) => Ok(body),
            Ok(Answer { status, body, hint, .. }) => {
                Err(TokenFailure::Refused(Refusal::parse(status, &body, hint)))
            }
            Err(no_answer) => Err(TokenFailure::Unreachable(no_answer.into())),
        }
    }
}
