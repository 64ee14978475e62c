//! One HTTP/1.1 connection, over TLS or not.

use super::failure::classify;
use super::refusal::printable;
use super::unreachable::Unreachable;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, HeaderValue, LOCATION};
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// An answer, and whether it is the last one over its connection, as the server says.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) last: bool,
}

/// Largest body that is read. The API's answers are below 2 KiB.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// A connection that requests go through one by one. Dropping it ends it, whatever is under way.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Reads and writes, and ends when the connection does.
    task: JoinHandle<()>,
}

/// Why a request over a connection got no answer.
pub(super) struct Failure {
    pub(super) cause: Unreachable,
    /// The connection had ended before: nothing of the request was written.
    pub(super) unsent: bool,
}

impl From<Unreachable> for Failure {
    fn from(cause: Unreachable) -> Self {
        Self { cause, unsent: false }
    }
}

impl Connection {
    /// HTTP over `stream`, in TLS with the server of this name if there is one.
    pub(super) async fn over(
        stream: TcpStream,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    ) -> Result<Self, Unreachable> {
        match tls {
            Some((config, name)) => {
                let handshake = TlsConnector::from(config).connect(name, stream);
                Self::speaking(handshake.await.map_err(|error| classify(&error))?).await
            }
            None => Self::speaking(stream).await,
        }
    }

    /// HTTP over a stream as it is.
    pub(super) async fn speaking(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, Unreachable> {
        // A wrapper that does not pass vectored writes on would make copies of the shares.
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(BODY_LIMIT)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| classify(&error))?;
        // What went wrong is told to the request under way; without one, the end is all there is to know.
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, task })
    }

    /// It has ended: no request can go through.
    pub(super) fn is_over(&self) -> bool {
        self.sender.is_closed() || self.task.is_finished()
    }

    /// Returns when it ends; not to be called again after that.
    pub(super) async fn ended(&mut self) {
        let _ = (&mut self.task).await;
    }

    /// Sends a request and reads the answer. After an error the connection is of no use.
    pub(super) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let mut answer = Answer { status: 0, body: Vec::with_capacity(1024), last: false };
        self.ask_into(request, &mut answer).await?;
        Ok(answer)
    }

    /// The same, into an answer that keeps what came of it when the rest does not. With [`BODY_LIMIT`] bytes of room its
    /// body never grows.
    pub(super) async fn ask_into(
        &mut self,
        request: Request<Full<Bytes>>,
        answer: &mut Answer,
    ) -> Result<(), Failure> {
        let mut response = match self.sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                let unsent = error.take_message().is_some();
                return Err(Failure { cause: classify(error.error()), unsent });
            }
        };
        let status = response.status();
        answer.status = status.as_u16();
        if status.is_redirection() {
            return Err(
                Unreachable::Redirect { status: status.as_u16(), location: location(&response) }.into()
            );
        }
        answer.last = says_goodbye(&response);
        while let Some(frame) = response.frame().await {
            let Ok(chunk) = frame.map_err(|error| classify(&error))?.into_data() else { continue };
            if answer.body.len() + chunk.len() > BODY_LIMIT {
                return Err(Unreachable::TooLarge { limit: BODY_LIMIT }.into());
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The connection ends with this answer (RFC 9112, section 9.3).
fn says_goodbye(response: &Response<Incoming>) -> bool {
    let says = |word: &str| {
        let options =
            response.headers().get_all(CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
        options.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case(word))
    };
    says("close") || response.version() < Version::HTTP_11 && !says("keep-alive")
}

fn location(response: &Response<Incoming>) -> String {
    let value = response.headers().get(LOCATION).map(HeaderValue::as_bytes).unwrap_or_default();
    printable(&String::from_utf8_lossy(value))
}
