//! SRV records. There is no getaddrinfo(3) for them, so the name servers of resolv.conf(5) are asked as it would.

use super::error::LookupError;
use crate::external::ExternalText;
use crate::external::error::{self, OwnWords};
use crate::files;
use message::{DnsAnswer, DnsQuery};
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

pub(super) mod message;

pub(super) use message::SrvTarget;

/// Why one server's answer is of no use.
enum Failure {
    Rcode(ExternalText),
    Io(io::Error),
    Slow,
}

/// The targets of the SRV record `name`, an absolute name, asking every server twice within `limit` if need be.
pub(super) async fn targets(name: &str, limit: Duration) -> Result<Vec<SrvTarget>, LookupError> {
    // Read every time: laptops move, and at boot the file may come later than we do.
    let NameServers { addresses, attempts, patience } = NameServers::read().await;
    let tries = attempts.saturating_mul(u32::try_from(addresses.len()).unwrap_or(1)).max(1);
    let patience = patience.min(limit / tries);
    let mut last = LookupError::Timeout(limit);
    for _ in 0..attempts {
        for server in &addresses {
            match ask(*server, name, patience).await {
                Ok(DnsAnswer::Targets(targets)) if targets.is_empty() => return Err(LookupError::NoRecord),
                Ok(DnsAnswer::Targets(targets)) => return Ok(targets),
                Ok(DnsAnswer::NoSuchName) => return Err(LookupError::NoSuchName),
                Err(Failure::Rcode(rcode)) => {
                    last = LookupError::Refused { server: server.ip(), rcode };
                }
                Err(Failure::Io(error)) => {
                    last = LookupError::NoServer(ExternalText::new(format!(
                        "{}: {}",
                        server.ip(),
                        error::io(&error)
                    )));
                }
                Err(Failure::Slow) => {}
            }
        }
    }
    Err(last)
}

async fn ask(server: SocketAddr, name: &str, patience: Duration) -> Result<DnsAnswer, Failure> {
    let query = DnsQuery::new(name).map_err(Failure::Io)?;
    let reply = timeout(patience, over_udp(server, &query)).await.unwrap_or(Err(Failure::Slow))?;
    match DnsAnswer::read(&reply).map_err(Failure::Rcode)? {
        // Cut short: the whole is to be had over TCP (RFC 7766, section 5).
        None => {
            let reply = timeout(patience, over_tcp(server, &query)).await.unwrap_or(Err(Failure::Slow))?;
            let whole = DnsAnswer::read(&reply).map_err(Failure::Rcode)?;
            whole
                .ok_or_else(|| Failure::Rcode(ExternalText::new("an answer that is cut short even over TCP")))
        }
        Some(answer) => Ok(answer),
    }
}

async fn over_udp(server: SocketAddr, query: &DnsQuery) -> Result<Vec<u8>, Failure> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let exchange = async {
        // A port of its own for every question, and connected: answers from elsewhere do not reach it (RFC 5452).
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        socket.send(query.bytes()).await?;
        let mut reply = vec![0; message::LARGEST];
        loop {
            let length = socket.recv(&mut reply).await?;
            let received = reply.get(..length).unwrap_or_default();
            if query.is_answered_by(received) {
                return Ok(received.to_vec());
            }
        }
    };
    exchange.await.map_err(Failure::Io)
}

async fn over_tcp(server: SocketAddr, query: &DnsQuery) -> Result<Vec<u8>, Failure> {
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(query.bytes().len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), query.bytes()].concat()).await?;
        let mut reply = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut reply).await?;
        if !query.is_answered_by(&reply) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                OwnWords("an answer to another question"),
            ));
        }
        Ok(reply)
    };
    exchange.await.map_err(Failure::Io)
}

const FILE: &str = "/etc/resolv.conf";
const PORT: u16 = 53;
/// More are ignored (MAXNS).
const MOST: usize = 3;

/// Whom to ask, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NameServers {
    addresses: Vec<SocketAddr>,
    /// How often each is asked before giving up.
    attempts: u32,
    /// How long one may take.
    patience: Duration,
}

impl NameServers {
    /// What the file says now.
    async fn read() -> Self {
        let text = spawn_blocking(|| files::text(Path::new(FILE))).await;
        Self::parse(&text.ok().flatten().unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let mut servers = Self { addresses: Vec::new(), attempts: 2, patience: Duration::from_secs(5) };
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") if servers.addresses.len() < MOST => {
                    servers.addresses.extend(words.next().and_then(address));
                }
                Some("options") => words.for_each(|option| servers.option(option)),
                _ => {}
            }
        }
        if servers.addresses.is_empty() {
            servers.addresses.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        servers
    }

    /// The bounds are those of the manual.
    fn option(&mut self, option: &str) {
        let Some((name, value)) = option.split_once(':') else { return };
        let Ok(value) = value.parse::<u32>() else { return };
        match name {
            "timeout" => self.patience = Duration::from_secs(u64::from(value.clamp(1, 30))),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }
}

/// An address, perhaps with a zone: routers announce themselves as `fe80::1%eth0`.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, zone) = text.split_once('%').unwrap_or((text, ""));
    match host.parse().ok()? {
        IpAddr::V6(host) if !zone.is_empty() => {
            let index = zone.parse().ok().or_else(|| index(zone))?;
            Some(SocketAddrV6::new(host, PORT, 0, index).into())
        }
        host => Some((host, PORT).into()),
    }
}

fn index(interface: &str) -> Option<u32> {
    let any = socket(AddressFamily::INET6, SocketType::DGRAM, None).ok()?;
    name_to_index(any, interface).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_as_the_system_reads_it() {
        let servers = |text: &str| {
            let servers = NameServers::parse(text);
            let addresses: Vec<_> = servers.addresses.iter().map(ToString::to_string).collect();
            (addresses.join(" "), servers.attempts, servers.patience.as_secs())
        };
        let cases = [
            ("", ("127.0.0.1:53", 2, 5)),
            ("# nameserver 1.1.1.1\n;\nsearch a b\n", ("127.0.0.1:53", 2, 5)),
            ("nameserver 10.0.0.1\nnameserver  fd00::1 \n", ("10.0.0.1:53 [fd00::1]:53", 2, 5)),
            (
                "nameserver fe80::1%7\nnameserver fe80::1%lo\nnameserver fe80::1%none",
                ("[fe80::1%7]:53 [fe80::1%1]:53", 2, 5),
            ),
            (
                "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4",
                ("1.1.1.1:53 1.1.1.2:53 1.1.1.3:53", 2, 5),
            ),
            ("nameserver nonsense\noptions timeout:1 attempts:9 rotate edns0", ("127.0.0.1:53", 5, 1)),
        ];
        for (text, (addresses, attempts, patience)) in cases {
            assert_eq!(servers(text), (addresses.to_owned(), attempts, patience), "{text}");
        }
    }
}
