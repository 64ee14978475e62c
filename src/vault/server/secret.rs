//! Exchanges whose answer, or whose sender, is a secret.

use super::{BODY_LIMIT, Server, failure, location};
use crate::vault::Unreachable;
use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use std::time::Duration;
use zeroize::Zeroizing;

/// The header that a client shows its token in.
const TOKEN: &str = "X-Vault-Token";

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
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
    /// HTTP and TLS libraries read it through is theirs, and goes with the process.
    pub(super) async fn ask_once(
        &self,
        question: Question<'_>,
        limit: Duration,
    ) -> Result<(u16, Zeroizing<Vec<u8>>), NoAnswer> {
        let mut answer = Zeroizing::new(Vec::with_capacity(BODY_LIMIT));
        let mut status = 0;
        let outcome = tokio::time::timeout(limit, self.read_answer(question, &mut status, &mut answer)).await;
        let outcome = outcome.unwrap_or(Err((Unreachable::Timeout(limit), true)));
        self.http.report(outcome.is_err());
        match outcome {
            Ok(()) => Ok((status, answer)),
            Err((cause, false)) => Err(NoAnswer::NotSent(cause)),
            Err((cause, true)) => {
                if status != 200 {
                    answer.clear();
                }
                Err(NoAnswer::Lost { cause, partial: answer })
            }
        }
    }

    /// Errors: why, and whether something may have been sent.
    async fn read_answer(
        &self,
        question: Question<'_>,
        status: &mut u16,
        answer: &mut Vec<u8>,
    ) -> Result<(), (Unreachable, bool)> {
        let mut request = self
            .http
            .client()
            .request(question.method, format!("{}{}", self.base, question.path))
            .header("X-Vault-Request", "true");
        for (name, value) in question.headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = question.token {
            // Shared, so that the header is sent from memory that wipes itself.
            let bytes = Bytes::from_owner(Zeroizing::new(token.as_bytes().to_vec()));
            if let Ok(mut value) = HeaderValue::from_maybe_shared(bytes) {
                value.set_sensitive(true);
                request = request.header(TOKEN, value);
            }
        }
        let request = request.header(CONTENT_TYPE, "application/json").body(Bytes::from_owner(question.body));
        let sent = request.send().await;
        let mut response = sent.map_err(|error| (failure::classify(&error), !error.is_connect()))?;
        *status = response.status().as_u16();
        if response.status().is_redirection() {
            return Err((Unreachable::Redirect { status: *status, location: location(&response) }, false));
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| (failure::classify(&error), true))? {
            if answer.len() + chunk.len() > BODY_LIMIT {
                return Err((Unreachable::TooLarge { limit: BODY_LIMIT }, true));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(())
    }
}
