//! `PUT /v1/sys/init`: gives a server its keys, once in its life.

use super::Server;
use super::secret::{NoAnswer, Question};
use crate::api::{Refusal, Unreachable};
use crate::vault::connection::Answer;
use hyper::Method;
use std::time::Duration;
use zeroize::Zeroizing;

const PATH: &str = "/v1/sys/init";

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
        let question = Question { method: Method::PUT, path: PATH, token: None, headers: &[], body };
        match self.ask_once(question, limit).await {
            Ok(Answer { status: 200, body, .. }) => Ok(body),
            Ok(Answer { status, body, hint, .. }) => {
                let refusal = Refusal::parse(status, &body, hint);
                // An error page of something between, or of a server that failed on the way, says little.
                if refusal.from_server && (400..500).contains(&status) {
                    return Err(InitFailure::Refused(refusal));
                }
                Err(InitFailure::Lost { cause: refusal.unreachable(), partial: Zeroizing::default() })
            }
            Err(NoAnswer::NotSent(cause)) => Err(InitFailure::NotSent(cause)),
            Err(NoAnswer::Lost { cause, partial }) => Err(InitFailure::Lost { cause, partial }),
        }
    }
}
