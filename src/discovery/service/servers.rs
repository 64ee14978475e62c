//! The name servers of this machine: resolv.conf(5).

use crate::files;
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::path::Path;
use std::time::Duration;
use tokio::task::spawn_blocking;

const FILE: &str = "/etc/resolv.conf";
const PORT: u16 = 53;
/// More are ignored (MAXNS).
const MOST: usize = 3;

/// Whom to ask, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Servers {
    pub(super) addresses: Vec<SocketAddr>,
    /// How often each is asked before giving up.
    pub(super) attempts: u32,
    /// How long one may take.
    pub(super) patience: Duration,
}

impl Servers {
    /// What the file says now.
    pub(super) async fn read() -> Self {
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
            let servers = Servers::parse(text);
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
