//! Exchanges whose answer, or whose sender, is a secret.

use super::Server;
use crate::api::Unreachable;
use crate::vault::connection::{Answer, BODY_LIMIT};
use crate::vault::line;
use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use std::time::Duration;
use zeroize::Zeroizing;

/// The header that a client shows its token in.
const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) token: Option<&'a str>,
    /// Further headers.
    pub(super) headers: &'a [(&'static str, &'static str)],
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Why there is no whole answer.
pub(super) enum NoAnswer {
    /// There was no connection: nothing was sent.
    NotSent(Unreachable),
    /// It was sent, or may have been. What came of an answer of status 200 is in `partial`.
    Lost { cause: Unreachable, partial: Zeroizing<Vec<u8>> },
}

impl From<NoAnswer> for Unreachable {
    fn from(no_answer: NoAnswer) -> Self {
        match no_answer {
            NoAnswer::NotSent(cause) | NoAnswer::Lost { cause, .. } => cause,
        }
    }
}

impl Server {
    /// Asks once, and never again by itself. The answer is in memory that wipes itself and never had to grow; what the
    /// HTTP and TLS libraries read it through is freed with the connection, which wipes it (`main.rs`).
    pub(super) async fn ask_once(&self, question: Question<'_>, limit: Duration) -> Result<Answer, NoAnswer> {
        let mut headers = HeaderMap::new();
        for (name, value) in question.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Some(token) = question.token {
            // Shared, so that the header is sent from memory that wipes itself.
            let bytes = Bytes::from_owner(Zeroizing::new(token.as_bytes().to_vec()));
            if let Ok(mut value) = HeaderValue::from_maybe_shared(bytes) {
                value.set_sensitive(true);
                headers.insert(TOKEN, value);
            }
        }
        let body = Some(Bytes::from_owner(question.body));
        let Question { method, path, .. } = question;
        let asked = line::Question { method, path, body, harmless: false, secret: true };
        let mut answer = Answer::with_capacity(BODY_LIMIT);
        let outcome = tokio::time::timeout(limit, self.line.ask_once(&asked, headers, &mut answer)).await;
        let outcome = outcome.unwrap_or(Err((Unreachable::Timeout(limit), true)));
        match outcome {
            Ok(()) => Ok(answer),
            Err((cause, false)) => Err(NoAnswer::NotSent(cause)),
            Err((cause, true)) => {
                let partial = if answer.status == 200 { answer.body } else { Zeroizing::default() };
                Err(NoAnswer::Lost { cause, partial })
            }
        }
    }
}
