//! HTTP/1.1 for whoever scrapes: one request a connection, as fast as the daemon answers. What a connection may take in
//! time and memory is bounded.

use super::answer::answer;
use super::certificates::Certificates;
use super::places::{Place, Places};
use super::source::Source;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// How long whoever connects may take to be heard: for TLS, and for the head of a request.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long one may take its answer, from then on.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Largest head of a request, and the least that the library takes.
const LARGEST_HEAD: usize = 8 * 1024;
/// Pause after a failure to accept: there may be too few descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// What all connections share.
pub(super) struct Shared {
    pub(super) source: Source,
    pub(super) certificates: Option<Arc<Certificates>>,
    pub(super) places: Arc<Places>,
}

/// Listens at an address.
pub(super) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves whoever connects, until dropped.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let place = shared.places.take();
                tokio::spawn(visit(stream, place, Arc::clone(&shared)));
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn visit(stream: TcpStream, place: Place, shared: Arc<Shared>) {
    tokio::select! {
        () = place.taken() => {}
        () = converse(stream, &place, &shared) => {}
    }
}

async fn converse(stream: TcpStream, place: &Place, shared: &Shared) {
    let heard = Notify::new();
    let conversation = async {
        match &shared.certificates {
            None => exchange(stream, place, &shared.source, &heard).await,
            Some(certificates) => {
                let acceptor = certificates.acceptor().await;
                if let Ok(stream) = acceptor.accept(stream).await {
                    exchange(stream, place, &shared.source, &heard).await;
                }
            }
        }
    };
    let mut conversation = pin!(conversation);
    // Until it is heard, the one limit; from then on the other.
    let unheard = async {
        if timeout(HEAD_LIMIT, heard.notified()).await.is_ok() {
            pending::<()>().await;
        }
    };
    tokio::select! {
        () = &mut conversation => {}
        () = unheard => {}
        () = sleep(HEAD_LIMIT + ANSWER_LIMIT) => {}
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    place: &Place,
    source: &Source,
    heard: &Notify,
) {
    let service = service_fn(async |request| {
        place.asked();
        heard.notify_one();
        Ok::<_, Infallible>(answer(request, source).await)
    });
    // Whoever breaks off, or sends what is no HTTP, is nobody's concern.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .keep_alive(false)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
