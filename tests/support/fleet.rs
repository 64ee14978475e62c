//! A thousand servers in one thread: nodes that answer as a real one was recorded to, 2 of 3, each with its own seal.
//!
//! For what takes more servers than a machine has memory for. What one server does is tested on real ones.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::certs::{Authority, Validity};
use super::ports::Port;
use super::{poll, recorded};

/// The shares that the recorded server was unsealed with, and every node is.
pub const SHARES: [&str; 2] = [
    "2c4bff69347f1f9f4fa7c30b26a6196c5de52bb242815db98df815b1b87a68a5d5",
    "68d4f56617e18473817de4a7263adf515f816f5e6d06f0e9ffb54c73961dded33b",
];

/// Nodes on ports of their own. They listen from [`Fleet::start`] to [`Fleet::stop`].
pub struct Fleet {
    addresses: Vec<SocketAddr>,
    tls: Option<Arc<ServerConfig>>,
    tally: Arc<Tally>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// What is counted over all nodes.
#[derive(Default)]
struct Tally {
    unsealed: AtomicUsize,
    health: AtomicUsize,
    /// When the last one was unsealed so far.
    last: Mutex<Option<Instant>>,
}

impl Fleet {
    /// So many over plain HTTP.
    pub fn http(count: usize) -> Self {
        Self::at(own_address(), count, None)
    }

    /// So many over TLS, with one certificate of this authority.
    pub fn tls(count: usize, authority: &Authority) -> Self {
        let ip = own_address();
        Self::at(ip, count, Some(presenting(authority, &ip.to_string())))
    }

    /// One at each of these addresses, over TLS, with one certificate for this name. Whoever calls [`Fleet::start`] is
    /// where they can be bound.
    pub fn tls_at(addresses: Vec<SocketAddr>, authority: &Authority, name: &str) -> Self {
        open_files();
        Self { addresses, tls: Some(presenting(authority, name)), tally: Arc::default(), running: None }
    }

    fn at(ip: IpAddr, count: usize, tls: Option<Arc<ServerConfig>>) -> Self {
        open_files();
        // Held until all are found, then closed: a node that is down refuses.
        let held: Vec<Port> = (0..count).map(|_| Port::reserve(ip)).collect();
        let addresses = held.iter().map(Port::address).collect();
        Self { addresses, tls, tally: Arc::default(), running: None }
    }

    /// Their URLs.
    pub fn urls(&self) -> Vec<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.addresses.iter().map(|address| format!("{scheme}://{address}")).collect()
    }

    /// Where they are.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// All come up, sealed. Returns when the first listens.
    pub fn start(&mut self) -> Instant {
        self.stop();
        let began = Instant::now();
        let listeners: Vec<TcpListener> =
            self.addresses.iter().map(|address| TcpListener::bind(address).expect("its own port")).collect();
        let (stop, stopped) = oneshot::channel();
        let (tls, tally) = (self.tls.clone(), Arc::clone(&self.tally));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for listener in listeners {
                    tokio::spawn(listen(listener, tls.clone(), Arc::clone(&tally)));
                }
                let _ = stopped.await;
            });
        });
        self.running = Some((stop, thread));
        began
    }

    /// A power cut: all ports closed and all connections gone.
    pub fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            let _ = stop.send(());
            thread.join().expect("the fleet did not fail");
        }
        self.tally.unsealed.store(0, Ordering::SeqCst);
    }

    /// How many are unsealed.
    pub fn unsealed(&self) -> usize {
        self.tally.unsealed.load(Ordering::SeqCst)
    }

    /// How often any was asked for its health so far.
    pub fn polls(&self) -> usize {
        self.tally.health.load(Ordering::SeqCst)
    }

    /// Waits until all are unsealed; returns when the last one was.
    pub fn wait_until_unsealed(&self, patience: Duration) -> Instant {
        let all = self.addresses.len();
        poll(patience, || (self.unsealed() == all).then_some(())).unwrap_or_else(|| {
            panic!("{} of {all} are unsealed after {patience:?}", self.unsealed());
        });
        self.tally.last.lock().unwrap_or_else(PoisonError::into_inner).expect("one was")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A certificate of this authority for this address or name.
fn presenting(authority: &Authority, name: &str) -> Arc<ServerConfig> {
    let (chain, key) = authority.issue(&[name], Validity::Now).parts();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    Arc::new(config)
}

/// A port and a connection each, and the client may be in this process too.
fn open_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("up to the hard limit");
}

/// A loopback address that nobody else has: among so many ports, others would find one that is free for a moment.
fn own_address() -> IpAddr {
    Ipv4Addr::new(127, fastrand::u8(1..255), fastrand::u8(..), fastrand::u8(1..255)).into()
}

/// One node, from its start to its end.
async fn listen(listener: TcpListener, tls: Option<Arc<ServerConfig>>, tally: Arc<Tally>) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let seal = Arc::new(Mutex::new(Seal::Sealed(Round::default())));
    let acceptor = tls.map(TlsAcceptor::from);
    while let Ok((socket, _)) = listener.accept().await {
        let (seal, tally, acceptor) = (Arc::clone(&seal), Arc::clone(&tally), acceptor.clone());
        tokio::spawn(async move {
            let _ = socket.set_nodelay(true);
            // The client may be gone at any moment, and that is its right.
            let _ = match acceptor {
                None => serve(socket, &seal, &tally).await,
                Some(acceptor) => match acceptor.accept(socket).await {
                    Ok(stream) => serve(stream, &seal, &tally).await,
                    Err(error) => Err(error),
                },
            };
        });
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seal: &Mutex<Seal>,
    tally: &Tally,
) -> std::io::Result<()> {
    let mut received = Vec::with_capacity(1024);
    loop {
        let Some((request, length)) = whole(&received) else {
            if stream.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let (status, body) = seal.lock().unwrap_or_else(PoisonError::into_inner).answer(&request, tally);
        received.drain(..length);
        let answer = format!(
            "HTTP/1.1 {status} Recorded\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
    }
}

/// The first line and the body of a request that has arrived as a whole, and its length.
fn whole(received: &[u8]) -> Option<(String, usize)> {
    let text = std::str::from_utf8(received).ok()?;
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let length = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    };
    let length: usize = head.lines().find_map(length).unwrap_or(0);
    let body = rest.get(..length)?;
    let first = head.lines().next()?;
    Some((format!("{first} {body}"), head.len() + 4 + length))
}

/// One node's seal.
enum Seal {
    Sealed(Round),
    Open,
}

/// The shares so far, and the name that the node gave to this round: to each another, as a real one does.
#[derive(Default)]
struct Round {
    shares: Vec<String>,
    nonce: String,
}

impl Round {
    /// As recorded, but of this round.
    fn named(&self, (status, body): (u16, &'static str)) -> (u16, Cow<'static, str>) {
        const NONCE: &str = "\"nonce\":\"";
        let Some((_, rest)) = body.split_once(NONCE) else { return (status, body.into()) };
        let recorded = rest.split('"').next().unwrap_or_default();
        assert_eq!(
            recorded.is_empty(),
            self.shares.is_empty(),
            "a round has a name when it has shares: {body}"
        );
        if recorded.is_empty() {
            (status, body.into())
        } else {
            (status, body.replacen(recorded, &self.nonce, 1).into())
        }
    }
}

impl Seal {
    /// What a real server was recorded to answer in this state.
    fn answer(&mut self, request: &str, tally: &Tally) -> (u16, Cow<'static, str>) {
        let case = if request.starts_with("GET /v1/sys/health") {
            tally.health.fetch_add(1, Ordering::SeqCst);
            match self {
                Self::Sealed(_) => "B-sealed0--health-sealedcode",
                Self::Open => "G-active--activecode",
            }
        } else if request.starts_with("GET /v1/sys/seal-status") {
            match self {
                Self::Sealed(round) if round.shares.is_empty() => "B-sealed0--seal-status",
                Self::Sealed(_) => "C-sealed1--seal-status",
                Self::Open => "G-active--seal-status",
            }
        } else if !request.starts_with("PUT /v1/sys/unseal") {
            panic!("nobody asks a node for this: {request}");
        } else if request.contains("\"reset\"") {
            match self {
                Self::Sealed(round) => {
                    *round = Round::default();
                    "C-reset"
                }
                Self::Open => "G-active--unseal-reset",
            }
        } else {
            self.share(request.split('"').rev().nth(1).unwrap_or_default(), tally)
        };
        match self {
            Self::Sealed(round) => round.named(answer_of(case)),
            Self::Open => {
                let (status, body) = answer_of(case);
                (status, body.into())
            }
        }
    }

    fn share(&mut self, share: &str, tally: &Tally) -> &'static str {
        let Self::Sealed(round) = self else { return "G-active--unseal-right-share" };
        if round.shares.is_empty() {
            round.nonce = uuid();
        }
        if !round.shares.iter().any(|known| known == share) {
            round.shares.push(share.to_owned());
        }
        if round.shares.len() < SHARES.len() {
            return "F-1st-hex";
        }
        if !SHARES.iter().all(|right| round.shares.iter().any(|share| share == right)) {
            *round = Round::default();
            return "D-2nd-random-33bytes";
        }
        *self = Self::Open;
        *tally.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        tally.unsealed.fetch_add(1, Ordering::SeqCst);
        "F-2nd-b64-unseals"
    }
}

fn uuid() -> String {
    let [a, b, c, d] = [fastrand::u32(..), fastrand::u32(..), fastrand::u32(..), fastrand::u32(..)];
    format!("{a:08x}-{:04x}-{:04x}-{:04x}-{:04x}{d:08x}", b >> 16, b & 0xffff, c >> 16, c & 0xffff)
}

/// The recorded status and body.
fn answer_of(case: &str) -> (u16, &'static str) {
    static ROWS: std::sync::OnceLock<std::collections::HashMap<&'static str, (u16, &'static str)>> =
        std::sync::OnceLock::new();
    let rows = ROWS.get_or_init(|| {
        recorded::openbao().iter().map(|row| (row.case, (row.status, row.response))).collect()
    });
    *rows.get(case).unwrap_or_else(|| panic!("never recorded: {case}"))
}
