//! The addresses of a host as the system resolves it: hosts file, DNS with search domains, mDNS, whatever nsswitch.conf
//! says.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Most lookups at a time. getaddrinfo(3) cannot be cut short, and each call of it holds a thread of the pool in which
/// shares are read too (512 threads): a resolver that hangs gets this many of them, and no more.
const AT_A_TIME: usize = 32;

static ROOM: Semaphore = Semaphore::const_new(AT_A_TIME);

/// The addresses of a host, in the order of the system's preference (RFC 6724).
pub(crate) async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let place = ROOM.acquire().await.map_err(io::Error::other)?;
    let host = host.to_owned();
    let looking = spawn_blocking(move || {
        // Held by the lookup itself, and not by whoever waits for it and may give up.
        let _place = place;
        (host.as_str(), port).to_socket_addrs().map(Iterator::collect)
    });
    looking.await?
}
