//! TCP to a node: the addresses of its name, which of them answers first, and the options of the socket.

use super::failure::{NameError, classify};
use crate::api::Unreachable;
use crate::discovery;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
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
/// How long an address of several has to itself before the next is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection that was accepted.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The addresses of a host as the system resolves it: hosts file, DNS with search domains, mDNS.
pub(super) async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, Unreachable> {
    discovery::addresses(host, port).await.map_err(|error| classify(&NameError(error)))
}

/// A connection to the first of these addresses that accepts one.
pub(super) async fn dial(addresses: &[SocketAddr]) -> Result<TcpStream, Unreachable> {
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
/// A port of this machine refuses before the call returns: the socket is then gone before the loop has heard of it,
/// which makes it cheap enough (17 µs) to be tried every other millisecond.
pub(super) async fn knock(address: SocketAddr) -> Option<TcpStream> {
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
pub(super) async fn knock_unix(path: &Path) -> Option<UnixStream> {
    UnixStream::connect(path).await.ok()
}
