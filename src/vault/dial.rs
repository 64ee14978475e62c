//! The way to a node: its name and the addresses of that, which of them answers first, the options of the socket, and who
//! is at its other end.

use super::connection::Connection;
use super::failure::{NameError, classify};
use super::peer::{Ends, Listeners, PeerRule, connect_unix, is_own};
use super::tls::Renewed;
use crate::api::{TlsFailure, Unreachable};
use crate::cluster::{Node, NodeAddress};
use crate::discovery;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use rustls::pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long an address may take to accept a connection. The kernel repeats a SYN that is not answered after 1, 3 and
/// 7 s: whoever waits for that finds a network that came back seconds later than by asking anew.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a TCP connection may be silent before the kernel asks whether the peer is there, and how long sent data
/// may stay unacknowledged: what is sent again after a network came back is late by as long as it was away, at the
/// most by this.
const SILENCE: Duration = Duration::from_secs(4);
/// How often the kernel asks.
const PROBE: Duration = Duration::from_secs(1);
/// How often a port of this machine is tried where nobody listens as far as the kernel knows: it may lead into a container.
const UNSEEN: Duration = Duration::from_millis(10);
/// How long an address of several has to itself before the next is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection that was accepted.
#[derive(Debug)]
enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Where a node is, and how it proves who it is.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) tls: Option<Arc<Renewed>>,
    address: NodeAddress,
    /// The host's name, the one it was found under, or the one that is configured: in SNI, the certificate check and
    /// the Host header.
    name: String,
    /// Whom to believe.
    pub(super) rule: PeerRule,
}

/// How a node is reached.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// A connection that was accepted, and nothing said over it yet.
    accepted: Option<Accepted>,
    /// Where the node was reached last, or else where it was looked for.
    addresses: Vec<SocketAddr>,
    /// Whether they are this machine's: asked once an outage.
    own: Option<bool>,
    /// While its port is closed.
    closed: Option<ClosedPort>,
}

#[cfg(test)]
impl Reach {
    /// Of a node that was reached there.
    pub(super) fn at(address: SocketAddr) -> Self {
        Self { addresses: vec![address], ..Self::default() }
    }
}

/// A port that is tried again and again.
#[derive(Debug)]
struct ClosedPort {
    /// Of this machine: `None` for a port of another, or where the kernel may not be asked.
    listeners: Option<Arc<Listeners>>,
    /// When the last connection to it was tried.
    tried: Instant,
}

impl ClosedPort {
    /// Which address is worth a connection now, if any: one where the kernel knows of a listener, or else the first, now and
    /// then, as the kernel may not know of it.
    fn worth_a_try(&mut self, addresses: &[SocketAddr]) -> Option<usize> {
        let mut worth = None;
        for (at, address) in addresses.iter().enumerate() {
            match self.listeners.as_ref().map(|listeners| listeners.include(*address)) {
                Some(Ok(false)) => continue,
                Some(Ok(true)) => worth = Some(at),
                Some(Err(_)) | None => self.listeners = None,
            }
            break;
        }
        if worth.is_none() && self.listeners.is_some() && self.tried.elapsed() < UNSEEN {
            return None;
        }
        self.tried = Instant::now();
        Some(worth.unwrap_or(0))
    }
}

impl Endpoint {
    pub(super) fn new(
        node: &Node,
        server_name: Option<&str>,
        tls: Option<Arc<Renewed>>,
        rule: PeerRule,
    ) -> Self {
        let Node { address, name: found } = node;
        // SNI can carry a name only: an IP address as server name is a matter of the certificate check.
        let name = server_name.filter(|name| name.parse::<IpAddr>().is_err());
        let name = name.or(found.as_deref()).unwrap_or(&address.host).to_owned();
        Self { tls: tls.filter(|_| address.tls), address: address.clone(), name, rule }
    }

    /// A new connection, and what is left to prove about its peer.
    pub(super) async fn connect(&self, reach: &mut Reach) -> Result<(Connection, Option<Ends>), Unreachable> {
        if let Some(path) = self.address.socket() {
            let accepted = match reach.accepted.take() {
                Some(Accepted::Unix(stream)) => Some(stream),
                _ => None,
            };
            let stream = connect_unix(path, accepted, &self.rule).await?;
            return Ok((Connection::speaking(Box::new(stream), None).await?, None));
        }
        let tls = match &self.tls {
            Some(tls) => Some((tls.config().await, self.server_name()?)),
            None => None,
        };
        let stream = if let Some(Accepted::Tcp(stream)) = reach.accepted.take() {
            stream
        } else {
            let addresses = addresses(&self.address.host, self.address.port).await?;
            if reach.addresses.is_empty() {
                reach.addresses.clone_from(&addresses);
            }
            dial(&addresses).await?
        };
        (reach.closed, reach.own) = (None, None);
        let ends = Ends::of(&stream).map_err(|error| classify(&error))?;
        reach.addresses = vec![ends.peer];
        let unproven = self.rule.admit(ends, tls.is_some())?;
        Ok((Connection::over(stream, tls).await?, unproven))
    }

    /// Tries whether something listens where the node was: at one of its addresses, each in its turn. A connection
    /// that is accepted serves the next request. While none is, the TLS files are looked at now and then.
    pub(super) async fn probe(&self, reach: &mut Reach) -> bool {
        let accepted = self.finds_listener(reach).await;
        if let Some(tls) = self.tls.as_ref().filter(|_| !accepted) {
            tls.look_if_due();
        }
        accepted
    }

    async fn finds_listener(&self, reach: &mut Reach) -> bool {
        if let Some(path) = self.address.socket() {
            reach.accepted = probe_unix(path).await.map(Accepted::Unix);
            return reach.accepted.is_some();
        }
        let mut closed = reach.closed.take().unwrap_or_else(|| {
            let listeners = self.is_own(reach).then(Listeners::shared).and_then(Result::ok);
            ClosedPort { listeners, tried: Instant::now() }
        });
        let tried = closed.worth_a_try(&reach.addresses);
        reach.closed = Some(closed);
        let Some((at, address)) = tried.and_then(|at| Some((at, *reach.addresses.get(at)?))) else {
            return false;
        };
        // Before it is known what comes of it: an address that swallows what it is sent keeps nobody from the next.
        let next = (at + 1).min(reach.addresses.len());
        reach.addresses.rotate_left(next);
        reach.accepted = probe(address).await.map(Accepted::Tcp);
        reach.accepted.is_some()
    }

    /// The node was on this very machine.
    pub(super) fn is_own(&self, reach: &mut Reach) -> bool {
        if self.address.socket().is_some() {
            return true;
        }
        if reach.addresses.is_empty() {
            return false;
        }
        *reach.own.get_or_insert_with(|| reach.addresses.iter().all(|address| is_own(*address)))
    }

    fn server_name(&self) -> Result<ServerName<'static>, Unreachable> {
        let name = ServerName::try_from(self.name.clone());
        name.map_err(|_| TlsFailure::Other("the node's name cannot stand in a certificate").into())
    }

    /// The Host header: without the port that the scheme has anyway (RFC 9110, section 7.2).
    pub(super) fn host(&self) -> String {
        if self.address.socket().is_some() {
            return "localhost".to_owned();
        }
        let host = if self.name.contains(':') { format!("[{}]", self.name) } else { self.name.clone() };
        match (self.address.tls, self.address.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

/// The addresses of a host as the system resolves it: hosts file, DNS with search domains, mDNS.
async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, Unreachable> {
    discovery::addresses(host, port).await.map_err(|error| classify(&NameError(error)))
}

/// A connection to the first of these addresses that accepts one.
async fn dial(addresses: &[SocketAddr]) -> Result<TcpStream, Unreachable> {
    let outcome = match addresses {
        [only] => connect(*only).await,
        several => race(several).await,
    };
    let stream = outcome.map_err(|error| classify(&error))?;
    prepare(&stream).map_err(|error| classify(&error))?;
    Ok(stream)
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let outcome = timeout(CONNECT, TcpStream::connect(address)).await;
    // Nothing was sent yet: this is not the silence of a server that was asked something.
    outcome.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter().copied();
    let mut attempts = JoinSet::new();
    let mut failure = None;
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(connect(address));
        }
        tokio::select! {
            attempt = attempts.join_next() => match attempt {
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(error))) => failure = failure.or(Some(error)),
                Some(Err(_)) => {}
                None => return Err(failure.unwrap_or_else(|| io::ErrorKind::NotFound.into())),
            },
            () = sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, SILENCE)?;
    sockopt::set_tcp_keepintvl(stream, PROBE)?;
    let limit = u32::try_from(SILENCE.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(stream, limit)?;
    Ok(())
}

/// Tries one address once; `None` when nothing listens there.
///
/// A port of this machine refuses before the call returns: the socket is then gone before the loop has heard of it.
async fn probe(address: SocketAddr) -> Option<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None).ok()?;
    match net::connect(&socket, &address) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(_) => return None,
    }
    if !matches!(sockopt::socket_error(&socket), Ok(Ok(()))) {
        return None;
    }
    let stream = TcpStream::from_std(socket.into()).ok()?;
    stream.writable().await.ok()?;
    if !matches!(stream.take_error(), Ok(None)) {
        return None;
    }
    prepare(&stream).ok()?;
    Some(stream)
}

/// Tries once whether something listens on a Unix socket.
async fn probe_unix(path: &Path) -> Option<UnixStream> {
    UnixStream::connect(path).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_port_of_this_machine_is_tried_when_somebody_listens_and_seldom_else() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let at = |listeners, tried| ClosedPort { listeners, tried };
        let asked = || Some(Listeners::shared().unwrap());
        let later = Instant::now() + Duration::from_secs(3600);
        let mut port = at(asked(), later);
        assert_eq!(port.worth_a_try(&[address]), Some(0), "somebody listens");
        assert!(port.tried < later, "which counts as a try");
        let closed = "127.0.0.1:1".parse().unwrap();
        assert_eq!(
            at(asked(), later).worth_a_try(&[closed, address]),
            Some(1),
            "of several, the one that listens"
        );
        drop(listener);
        assert_eq!(at(asked(), later).worth_a_try(&[address]), None);
        assert_eq!(at(asked(), later).worth_a_try(&[closed, address]), None);
        assert_eq!(at(None, later).worth_a_try(&[address]), Some(0), "another machine's");
        let long_ago = Instant::now().checked_sub(UNSEEN).unwrap();
        let mut port = at(asked(), long_ago);
        assert_eq!(port.worth_a_try(&[address]), Some(0), "in a container");
        assert!(port.tried > long_ago);
    }

    #[tokio::test]
    async fn who_waits_for_another_machine_asks_no_kernel_here_for_listeners() {
        let address: NodeAddress = "http://192.0.2.1:1".parse().unwrap();
        let endpoint = Endpoint::new(&address.into(), None, None, PeerRule::for_tests());
        for (address, here) in [("127.0.0.1:1", true), ("192.0.2.1:1", false)] {
            let mut reach = Reach::at(address.parse().unwrap());
            // Whatever comes of it.
            let _ = timeout(Duration::ZERO, endpoint.probe(&mut reach)).await;
            assert_eq!(reach.closed.unwrap().listeners.is_some(), here, "{address}");
        }
    }

    #[tokio::test]
    async fn whose_address_it_is_is_asked_once_until_somebody_answers_there() {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: NodeAddress = format!("http://{}", open.local_addr().unwrap()).parse().unwrap();
        let endpoint = Endpoint::new(&address.into(), None, None, PeerRule::for_tests());
        let mut reach = Reach::default();
        assert!(!endpoint.is_own(&mut reach), "nobody knows where it is");
        let elsewhere = vec!["192.0.2.1:1".parse().unwrap()];
        reach.addresses.clone_from(&elsewhere);
        assert!(!endpoint.is_own(&mut reach));
        reach.addresses = vec![open.local_addr().unwrap()];
        assert!(!endpoint.is_own(&mut reach), "not asked again");
        endpoint.connect(&mut reach).await.unwrap();
        assert!(endpoint.is_own(&mut reach));
        reach.addresses = elsewhere;
        assert!(endpoint.is_own(&mut reach), "not asked again");
    }

    #[tokio::test]
    async fn the_addresses_of_a_name_are_tried_one_a_probe() {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: NodeAddress = "http://localhost:1".parse().unwrap();
        let rule = PeerRule::for_tests();
        let endpoint = Endpoint::new(&address.into(), None, None, rule);
        let mut reach = Reach::default();
        let closed = ["127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()];
        reach.addresses = vec![closed[0], open.local_addr().unwrap(), closed[1]];
        // Where the kernel cannot be asked.
        reach.closed = Some(ClosedPort { listeners: None, tried: Instant::now() });
        let mut met = Vec::new();
        for _ in 0..6 {
            met.push(endpoint.probe(&mut reach).await);
        }
        assert_eq!(met, [false, true, false, false, true, false]);
    }
}
