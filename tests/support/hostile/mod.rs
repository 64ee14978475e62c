//! A server that misbehaves on purpose, for what a real one cannot be made to do.

mod behaviour;
mod forger;

use std::collections::HashMap;
use std::io::{BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub use behaviour::{Behaviour, Gate, OnAccept};
pub use forger::Forger;

use super::certs::{Authority, Issued};
use super::http::{Headers, Stream, header, read_body, read_head};
use super::{PATIENCE, poll};

/// What scripts for the three requests of an unseal are kept by.
pub const HEALTH: &str = "GET /v1/sys/health";
pub const SEAL_STATUS: &str = "GET /v1/sys/seal-status";
pub const UNSEAL: &str = "PUT /v1/sys/unseal";

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    pub at: Instant,
    /// Which connection it came on, from 0.
    pub connection: usize,
    pub method: String,
    /// With its query.
    pub target: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Request {
    /// `PUT /v1/sys/unseal`: what scripts are kept by.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target.split('?').next().unwrap_or_default())
    }

    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as JSON; panics when it is something else.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a request with JSON")
    }
}

/// Who listens, and how.
#[derive(Default)]
pub struct Squat {
    /// The account; whoever runs the tests if it is not given.
    pub uid: Option<u32>,
    /// Connections wait before this.
    pub accept: Option<Gate>,
    /// Is no listener any more once it has accepted its first connection.
    pub closes_listener: bool,
    /// Ends its connections by a reset, of which nothing stays behind in the kernel.
    pub resets: bool,
}

/// A server on a free loopback port. What is not scripted is answered with 404.
pub struct Hostile {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    connections: AtomicUsize,
}

#[derive(Default)]
struct State {
    on_accept: OnAccept,
    scripts: HashMap<String, Script>,
    requests: Vec<Request>,
    /// Of every open connection, by its number, to cut them all at the end.
    sockets: HashMap<usize, TcpStream>,
    threads: Vec<JoinHandle<()>>,
    ending: bool,
    /// To end it from wherever we are: it may be in another network namespace.
    listener: Option<TcpListener>,
    /// The next connection is the last.
    leaving: bool,
}

struct Script {
    steps: Vec<Behaviour>,
    answered: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps, unless the server ends meanwhile. `None` sleeps until it ends.
    fn idle(&self, duration: Option<Duration>) {
        let deadline = duration.map(|duration| Instant::now() + duration);
        let mut state = self.state();
        while !state.ending {
            let left =
                deadline.map_or(PATIENCE, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Hostile {
    /// Plain HTTP.
    pub fn http() -> Self {
        Self::listen("http", None)
    }

    /// Plain HTTP at this address, where the last server was; what connects waits until the gate is open.
    pub fn http_again(address: SocketAddr, gate: &Gate) -> Self {
        let squat = Squat { accept: Some(gate.clone()), ..Squat::default() };
        Self::listen_at(address, "http", None, squat)
    }

    /// Plain HTTP at this address by another account, as [`Squat`] says. Needs root.
    pub fn squatting(address: SocketAddr, squat: Squat) -> Self {
        Self::listen_at(address, "http", None, squat)
    }

    /// TLS with this certificate.
    pub fn tls(certificate: &Issued) -> Self {
        Self::tls_with(certificate, None, rustls::DEFAULT_VERSIONS)
    }

    /// TLS that wants a certificate of this authority from its clients.
    pub fn tls_with_client_authority(certificate: &Issued, clients: &Authority) -> Self {
        Self::tls_with(certificate, Some(clients), rustls::DEFAULT_VERSIONS)
    }

    /// TLS in these versions alone.
    pub fn tls_versions(
        certificate: &Issued,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        Self::tls_with(certificate, None, versions)
    }

    /// TLS in one version, with this certificate and no key of it: a man in the middle.
    pub fn forged(
        certificate: &Issued,
        version: &'static rustls::SupportedProtocolVersion,
        forger: Forger,
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
        let config = config.expect("versions that ring has").with_no_client_auth();
        let key = CertifiedKey::new(certificate.certificates(), Arc::new(forger));
        let config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        Self::listen("https", Some(Arc::new(config)))
    }

    fn tls_with(
        certificate: &Issued,
        clients: Option<&Authority>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("versions that ring has");
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(authority.der()).expect("a usable authority");
                let verifier =
                    rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let (chain, key) = certificate.parts();
        // Not with_single_cert: it takes none of version 1.
        let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key that ring has");
        let key = SingleCertAndKey::from(CertifiedKey::new(chain, key));
        Self::listen("https", Some(Arc::new(config.with_cert_resolver(Arc::new(key)))))
    }

    fn listen(scheme: &'static str, tls: Option<Arc<ServerConfig>>) -> Self {
        Self::listen_at((IpAddr::V4(Ipv4Addr::LOCALHOST), 0).into(), scheme, tls, Squat::default())
    }

    fn listen_at(
        address: SocketAddr,
        scheme: &'static str,
        tls: Option<Arc<ServerConfig>>,
        squat: Squat,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        let (bound, address_of) = std::sync::mpsc::channel();
        let acceptor = std::thread::spawn(move || {
            if let Some(uid) = squat.uid {
                // Of this thread alone, and of those that it starts.
                let uid = rustix::process::Uid::from_raw(uid);
                rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
            }
            // A server whose connections have not all ended may have been here.
            let listener = poll(PATIENCE, || TcpListener::bind(address).ok()).expect("a free port");
            accepting.state().listener = listener.try_clone().ok();
            let _ = bound.send(listener.local_addr().unwrap());
            if let Some(gate) = &squat.accept {
                gate.pass(&accepting);
            }
            let mut listener = Some(listener);
            while let Some(Ok((socket, _))) = listener.as_ref().map(TcpListener::accept) {
                if squat.closes_listener || accepting.state().leaving {
                    listener = None;
                    accepting.state().listener = None;
                }
                let mut state = accepting.state();
                if state.ending {
                    return;
                }
                let (Ok(cut), number) =
                    (socket.try_clone(), accepting.connections.fetch_add(1, Ordering::SeqCst))
                else {
                    continue;
                };
                state.sockets.insert(number, cut);
                state.threads.retain(|thread| !thread.is_finished());
                let (shared, tls) = (Arc::clone(&accepting), tls.clone());
                state.threads.push(std::thread::spawn(move || {
                    // The client may be gone at any moment, and that is its right.
                    let _ = serve(socket, number, tls, &shared);
                    if let Some(cut) = shared.state().sockets.remove(&number) {
                        let _ = if squat.resets {
                            rustix::net::sockopt::set_socket_linger(&cut, Some(Duration::ZERO))
                                .map_err(Into::into)
                        } else {
                            cut.shutdown(Shutdown::Both)
                        };
                    }
                }));
            }
        });
        let address = address_of.recv().expect("it listens");
        Self { address, scheme, shared, acceptor: Some(acceptor) }
    }

    /// Answers requests for `line`, such as `PUT /v1/sys/unseal` (the query is not looked at), with these, one
    /// after the other; the last one is repeated. Replaces an earlier script for the line.
    pub fn on(&self, line: &str, steps: impl IntoIterator<Item = Behaviour>) -> &Self {
        let steps: Vec<Behaviour> = steps.into_iter().collect();
        assert!(!steps.is_empty(), "a script for {line} needs a step");
        self.shared.state().scripts.insert(line.to_owned(), Script { steps, answered: 0 });
        self
    }

    /// Passes what a seal daemon asks on to a real server. See [`Behaviour::Forward`].
    pub fn forward(&self, address: SocketAddr) -> &Self {
        for line in [HEALTH, SEAL_STATUS, UNSEAL] {
            self.on(line, [Behaviour::Forward(address)]);
        }
        self
    }

    /// What happens to connections from now on, before a byte of theirs is read.
    pub fn on_accept(&self, behaviour: OnAccept) -> &Self {
        self.shared.state().on_accept = behaviour;
        self
    }

    /// Listens no longer; connections that it has stay. Returns when its address is free.
    pub fn leave(&self) {
        self.shared.state().leaving = true;
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        poll(PATIENCE, || TcpListener::bind(self.address).ok()).expect("the port becomes free");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:40001`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Everything that was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// What was sent to `sys/unseal` so far: the shares, and `reset` for each reset.
    pub fn submissions(&self) -> Vec<String> {
        let unseals = self.requests().into_iter().filter(|request| request.line() == UNSEAL);
        unseals
            .map(|request| {
                let body = request.json();
                if body["reset"] == true {
                    "reset".to_owned()
                } else {
                    body["key"].as_str().unwrap().to_owned()
                }
            })
            .collect()
    }

    /// Waits until a request for `line` arrives that has not arrived yet, `count` times.
    pub fn wait_for_more(&self, line: &str, count: usize) {
        let before = self.requests().iter().filter(|request| request.line() == line).count();
        self.wait_for(line, before + count);
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until requests for `line` have arrived `count` times, and returns all of them.
    pub fn wait_for(&self, line: &str, count: usize) -> Vec<Request> {
        let arrived = || -> Vec<Request> {
            self.requests().into_iter().filter(|request| request.line() == line).collect()
        };
        poll(PATIENCE, || Some(arrived()).filter(|requests| requests.len() >= count)).unwrap_or_else(|| {
            let lines: Vec<String> = self.requests().iter().map(Request::line).collect();
            panic!("{line} did not come {count} times; what came: {lines:?}")
        })
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        let listener = {
            let mut state = self.shared.state();
            state.ending = true;
            state.listener.take()
        };
        self.shared.changed.notify_all();
        // Wakes the acceptor.
        if let Some(listener) = listener {
            let _ = rustix::net::shutdown(listener, rustix::net::Shutdown::Both);
        }
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        let (sockets, threads) = {
            let mut state = self.shared.state();
            (std::mem::take(&mut state.sockets), std::mem::take(&mut state.threads))
        };
        for socket in sockets.into_values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        for thread in threads {
            let _ = thread.join();
        }
    }
}

fn serve(
    mut socket: TcpStream,
    connection: usize,
    tls: Option<Arc<ServerConfig>>,
    shared: &Shared,
) -> std::io::Result<()> {
    let on_accept = shared.state().on_accept.clone();
    match on_accept {
        OnAccept::Serve => {}
        OnAccept::Close => return Ok(()),
        OnAccept::Stall => {
            shared.idle(None);
            return Ok(());
        }
        OnAccept::Greet(bytes) => {
            socket.write_all(&bytes)?;
            shared.idle(None);
            return Ok(());
        }
    }
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(socket),
        Some(config) => {
            let session = ServerConnection::new(config).map_err(std::io::Error::other)?;
            Box::new(StreamOwned::new(session, socket))
        }
    };
    let mut reader = BufReader::new(stream);
    while let Some((first, headers)) = read_head(&mut reader)? {
        let body = read_body(&mut reader, &headers, false)?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let request = Request { at: Instant::now(), connection, method, target, headers, body };
        let behaviour = {
            let mut state = shared.state();
            let behaviour = state.scripts.get_mut(&request.line()).map(|script| {
                script.answered += 1;
                script.steps[(script.answered - 1).min(script.steps.len() - 1)].clone()
            });
            state.requests.push(request.clone());
            behaviour.unwrap_or_else(|| Behaviour::text(404, "text/plain", "404 page not found\n"))
        };
        if !behaviour.perform(reader.get_mut(), &request, shared)? {
            break;
        }
    }
    Ok(())
}
