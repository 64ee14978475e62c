//! TCP to a node: the addresses of its name, which of them answers first, and the options of the socket.

use super::failure::classify;
use super::unreachable::Unreachable;
use rustix::net::sockopt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long a TCP connection may be silent before the kernel asks whether the peer is there, and how long sent
/// data may stay unacknowledged.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// How long an address of several has to itself before the next is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// A name has no address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NameError(io::Error);

/// The addresses of a host as the system resolves it: hosts file, DNS with search domains, mDNS.
pub(super) async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, Unreachable> {
    match lookup_host((host, port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(classify(&NameError(error))),
    }
}

/// A connection to the first of these addresses that accepts one.
pub(super) async fn dial(addresses: &[SocketAddr]) -> Result<TcpStream, Unreachable> {
    let outcome = match addresses {
        [only] => TcpStream::connect(only).await,
        several => race(several).await,
    };
    let stream = outcome.map_err(|error| classify(&error))?;
    prepare(&stream).map_err(|error| classify(&error))?;
    Ok(stream)
}

async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter().copied();
    let mut attempts = JoinSet::new();
    let mut failure = None;
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(TcpStream::connect(address));
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
    sockopt::set_tcp_keepidle(stream, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE)?;
    let limit = u32::try_from(KEEPALIVE.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(stream, limit)?;
    Ok(())
}
