//! One HTTP/1.1 connection, over TLS or not.

use super::driver::Driver;
use super::failure::classify;
use super::handshake::Handshake;
use super::stream::{Budget, Limited, Stream};
use super::tls::{Validity, validity};
use crate::api::{LogHint, Unreachable};
use crate::external::ExternalText;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, DATE, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{HeaderMap, Request, Response, Version};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;
use tokio_rustls::TlsConnector;
use url::Url;
use zeroize::Zeroizing;

/// An answer, and whether it is the last one over its connection, as the server says.
pub(super) struct ApiResponse {
    pub(super) status: u16,
    /// Wiped when it is dropped, and wherever it grew out of.
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) last: bool,
    /// Finds it in the server's log.
    pub(super) hint: LogHint,
    /// How long to wait before the next request, as it asks.
    pub(super) retry_after: Option<Duration>,
}

impl ApiResponse {
    /// One that is still to come, with room for so many bytes.
    pub(super) fn with_capacity(room: usize) -> Self {
        let body = Zeroizing::new(Vec::with_capacity(room));
        Self { status: 0, body, last: false, hint: LogHint::default(), retry_after: None }
    }

    /// Appends to the body; errors when it gets longer than [`BODY_LIMIT`].
    fn append(&mut self, chunk: &[u8]) -> Result<(), Unreachable> {
        let length = self.body.len().saturating_add(chunk.len());
        if length > BODY_LIMIT {
            return Err(Unreachable::TooLarge { limit: BODY_LIMIT });
        }
        if length > self.body.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(length.max(2 * self.body.capacity())));
            larger.extend_from_slice(&self.body);
            self.body = larger;
        }
        self.body.extend_from_slice(chunk);
        Ok(())
    }
}

/// Largest body that is read. The API's answers are below 2 KiB.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// A connection that requests go through one by one. Dropping it ends it, whatever is under way.
#[derive(Debug)]
pub(super) struct Connection {
    /// Dropped before the sender, whose end would wake it.
    driver: Driver,
    sender: SendRequest<Full<Bytes>>,
    /// For what comes of the request under way.
    budget: Budget,
    /// Our end's port.
    port: Option<u16>,
    /// From when until when the server's certificate is valid, in seconds since 1970.
    pub(super) certificate: Option<(u64, u64)>,
}

/// Why a request over a connection got no answer.
pub(super) struct ExchangeError {
    pub(super) cause: Unreachable,
    /// The connection had ended before: nothing of the request was written.
    pub(super) unsent: bool,
}

impl From<Unreachable> for ExchangeError {
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
        let port = stream.local_addr().ok().map(|address| address.port());
        match tls {
            Some((config, name)) => {
                let handshake = TlsConnector::from(config).connect(name, Handshake::over(stream));
                let mut stream = match handshake.into_fallible().await {
                    Ok(stream) => stream,
                    Err((error, mut stream)) => {
                        stream.failed().await;
                        return Err(classify(&error));
                    }
                };
                stream.get_mut().0.done();
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let shown = shown.and_then(|shown| validity(shown)).map(Validity::seconds);
                let mut connection = Self::speaking(Box::new(stream), port).await?;
                connection.certificate = shown;
                Ok(connection)
            }
            None => Self::speaking(Box::new(stream), port).await,
        }
    }

    /// HTTP over a stream as it is.
    pub(super) async fn speaking(stream: Box<dyn Stream>, port: Option<u16>) -> Result<Self, Unreachable> {
        // A wrapper that does not pass vectored writes on would make copies of the shares.
        let budget = Budget::full();
        let stream = Limited::new(stream, budget.clone());
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(BODY_LIMIT)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| classify(&error))?;
        // What went wrong is told to the request under way; without one, the end is all there is to know.
        let driver = Driver::of(async move { drop(connection.await) });
        Ok(Self { sender, budget, driver, port, certificate: None })
    }

    /// It has ended: no request can go through.
    pub(super) async fn is_over(&mut self) -> bool {
        // Nobody may have looked since the last answer.
        poll_fn(|context| Poll::Ready(self.driver.poll(context).is_ready())).await || self.sender.is_closed()
    }

    /// Returns when it ends.
    pub(super) async fn ended(&mut self) {
        poll_fn(|context| self.driver.poll(context)).await;
    }

    /// Sends a request and reads the answer. After an error the connection is of no use.
    pub(super) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<ApiResponse, ExchangeError> {
        let mut answer = ApiResponse::with_capacity(1024);
        self.ask_into(request, &mut answer).await?;
        Ok(answer)
    }

    /// The same, into an answer that keeps what came of it when the rest does not. With [`BODY_LIMIT`] bytes of room its
    /// body never grows.
    pub(super) async fn ask_into(
        &mut self,
        request: Request<Full<Bytes>>,
        answer: &mut ApiResponse,
    ) -> Result<(), ExchangeError> {
        self.budget.renew();
        let sender = &mut self.sender;
        // It is sent while the driver waits: nobody has to be woken for it.
        let response = self.driver.during(async move { sender.try_send_request(request).await });
        let mut response = match response.await {
            Ok(response) => response,
            Err(mut error) => {
                let unsent = error.take_message().is_some();
                return Err(ExchangeError { cause: classify(error.error()), unsent });
            }
        };
        let status = response.status();
        answer.status = status.as_u16();
        answer.hint = log_hint(self.port);
        if status.is_redirection() {
            return Err(Unreachable::Redirect { status: status.as_u16(), to: origin(&response) }.into());
        }
        answer.last = closes_connection(&response);
        answer.retry_after = retry_after(response.headers());
        while let Some(frame) = self.driver.during(response.frame()).await {
            // However many pieces there are, they are here already: others have their turns in between.
            consume_budget().await;
            // Not trailers.
            let Ok(chunk) = frame.map_err(|error| classify(&error))?.into_data() else { continue };
            answer.append(&chunk)?;
        }
        Ok(())
    }
}

/// Finds an answer in the server's log that came just now to this port of ours.
pub(super) fn log_hint(port: Option<u16>) -> LogHint {
    LogHint::new(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(), port)
}

/// The connection ends with this answer (RFC 9112, section 9.3).
fn closes_connection(response: &Response<Incoming>) -> bool {
    let says = |word: &str| {
        let options =
            response.headers().get_all(CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
        options.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case(word))
    };
    says("close") || response.version() < Version::HTTP_11 && !says("keep-alive")
}

/// What Retry-After asks for (RFC 9110, section 10.2.3): seconds, or a date, which the answer's own Date turns into a
/// duration: of two clocks only the server's is used.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let asked = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(asked).ok()?;
    let now =
        text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or_else(SystemTime::now);
    then.duration_since(now).ok()
}

/// Scheme and host of where an answer sends us; `None` when it names no other server.
fn origin(response: &Response<Incoming>) -> Option<ExternalText> {
    let location = response.headers().get(LOCATION).map(HeaderValue::to_str)?.ok()?;
    let origin = Url::parse(location).ok()?.origin();
    origin.is_tuple().then(|| ExternalText::new(origin.ascii_serialization()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_servers_own_clock() {
        let asks = |retry_after: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after));
            headers.insert(DATE, HeaderValue::from_static("Fri, 27 Nov 2015 15:48:09 GMT"));
            super::retry_after(&headers).map(|pause| pause.as_secs())
        };
        assert_eq!(asks("9"), Some(9));
        assert_eq!(asks("Fri, 27 Nov 2015 15:49:09 GMT"), Some(60));
        assert_eq!(asks("Fri, 27 Nov 2015 15:00:00 GMT"), None, "it is over");
        assert_eq!(asks("-1"), None);
        assert_eq!(asks("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    /// A connection, and the server's end of it, which has been asked and gives this answer.
    async fn answered(answer: &[u8]) -> (Connection, DuplexStream, Result<ApiResponse, ExchangeError>) {
        let (ours, mut theirs) = tokio::io::duplex(1024 * 1024);
        let mut connection = Connection::speaking(Box::new(ours), None).await.ok().unwrap();
        let answer = answer.to_vec();
        let server = tokio::spawn(async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                theirs.read_buf(&mut request).await.unwrap();
            }
            theirs.write_all(&answer).await.unwrap();
            theirs
        });
        let request = Request::get("/").header("host", "a").body(Full::default()).unwrap();
        let outcome = connection.ask(request).await;
        (connection, server.await.unwrap(), outcome)
    }

    #[tokio::test]
    async fn end_that_nobody_waited_for_is_seen_before_the_next_request() {
        let (mut connection, theirs, outcome) =
            answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        assert_eq!(outcome.ok().unwrap().body.as_slice(), b"{}");
        assert!(!connection.is_over().await);
        drop(theirs);
        assert!(connection.is_over().await);
        connection.ended().await;
        connection.ended().await;
    }

    #[tokio::test]
    async fn whoever_drops_a_connection_is_not_woken_by_that() {
        let woken = Arc::new(AtomicUsize::new(0));
        let (mut connection, _theirs, _) = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        let waker = Waker::from(Arc::new(Woken(Arc::clone(&woken))));
        assert!(connection.driver.poll(&mut Context::from_waker(&waker)).is_pending());
        drop(connection);
        assert_eq!(woken.load(Ordering::Relaxed), 0);
    }

    struct Woken(Arc<AtomicUsize>);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn end_of_a_connection_is_waited_for() {
        let (mut connection, theirs, _) = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        let mut ended = pin!(connection.ended());
        assert!(poll_fn(|context| Poll::Ready(ended.as_mut().poll(context).is_pending())).await);
        drop(theirs);
        ended.await;
    }

    #[tokio::test]
    async fn others_have_their_turns_while_an_answer_of_many_pieces_is_read() {
        let turns = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&turns);
        let other = tokio::spawn(async move {
            loop {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        let pieces = "1\r\n \r\n".repeat(20_000);
        let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{pieces}0\r\n\r\n");
        let (_connection, _theirs, outcome) = answered(answer.as_bytes()).await;
        other.abort();
        assert_eq!(outcome.ok().unwrap().body.len(), 20_000);
        let turns = turns.load(Ordering::Relaxed);
        assert!(turns > 100, "{turns}");
    }
}
