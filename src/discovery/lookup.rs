//! What a name stands for now, and the addresses of a host as the system resolves it.

use super::error::{LookupError, RefusedTarget, RefusedTargets};
use super::service::{self, SrvTarget};
use crate::cluster::{Discovery, Node, NodeAddress};
use crate::external::{ExternalText, error};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// What a name stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundNodes {
    /// Its nodes, none of them twice.
    pub nodes: Vec<Node>,
    /// Targets that may not be nodes.
    pub refused: RefusedTargets,
}

/// Looks a name up within `limit`. `named` says that the certificates of servers with TLS must be for a `server_name` of
/// the configuration, so that their targets may lie anywhere.
pub async fn look_up(discovery: &Discovery, named: bool, limit: Duration) -> Result<FoundNodes, LookupError> {
    let found = async {
        match discovery {
            Discovery::Addresses(address) => of_addresses(address).await,
            Discovery::Services { name, .. } => {
                Ok(of_targets(discovery, named, &service::targets(name, limit).await?))
            }
        }
    };
    timeout(limit, found).await.unwrap_or(Err(LookupError::Timeout(limit)))
}

async fn of_addresses(name: &NodeAddress) -> Result<FoundNodes, LookupError> {
    let all = addresses(&name.host, name.port).await;
    let all = all.map_err(|cause| LookupError::Name(error::resolver(&cause)))?;
    let hosts = one_a_machine(&all);
    if hosts.is_empty() {
        return Err(LookupError::Name(ExternalText::new("it has no address that can be a server's")));
    }
    let node = |host: IpAddr| Node {
        address: NodeAddress { host: host.to_string(), ..name.clone() },
        name: Some(name.host.clone()),
    };
    Ok(FoundNodes { nodes: hosts.into_iter().map(node).collect(), refused: RefusedTargets::default() })
}

/// The IPv4 addresses, or else the IPv6 ones: a machine that has both would be counted twice.
fn one_a_machine(all: &[SocketAddr]) -> Vec<IpAddr> {
    let mut hosts: Vec<IpAddr> = all.iter().map(|address| address.ip().to_canonical()).collect();
    if hosts.iter().any(IpAddr::is_ipv4) {
        hosts.retain(IpAddr::is_ipv4);
    }
    // fe80::/10 has a meaning on one link only, and the address of a node has no place for which.
    hosts.retain(|host| !matches!(host, IpAddr::V6(host) if host.is_unicast_link_local()));
    // 0.0.0.0 is how filters in DNS say that there is nothing; the kernel takes it for this machine.
    hosts.retain(|host| !host.is_unspecified());
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

fn of_targets(discovery: &Discovery, named: bool, targets: &[SrvTarget]) -> FoundNodes {
    let (mut nodes, mut known, mut refused) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    // Without TLS no server proves any name.
    let named = named && discovery.tls();
    // A single "." says that the service is not here (RFC 2782).
    for SrvTarget { host, port } in targets.iter().filter(|target| !target.host.is_empty()) {
        let scheme = if discovery.tls() { "https" } else { "http" };
        let address = format!("{scheme}://{host}:{port}").parse::<NodeAddress>();
        match address {
            Ok(address) if named || discovery.may_be(&address.host) => {
                if known.insert(address.clone()) {
                    nodes.push(address.into());
                }
            }
            _ => {
                refused.insert(RefusedTarget { target: ExternalText::new(host.as_str()), port: *port });
            }
        }
    }
    FoundNodes { nodes, refused: RefusedTargets::of(refused) }
}

/// Most lookups at a time. getaddrinfo(3) cannot be cut short, and each call of it holds a thread of the pool in which
/// shares are read too (512 threads): a resolver that hangs gets this many of them, and no more.
const AT_A_TIME: usize = 32;

static ROOM: Semaphore = Semaphore::const_new(AT_A_TIME);

/// The addresses of a host as the system resolves it (hosts file, DNS with search domains, mDNS, whatever nsswitch.conf
/// says), in the order of its preference (RFC 6724).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_with_both_kinds_of_addresses_is_one_node() {
        let hosts = |all: &[&str]| -> Vec<String> {
            let all: Vec<SocketAddr> = all.iter().map(|text| text.parse().expect(text)).collect();
            one_a_machine(&all).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            hosts(&["[fd00::1]:1", "10.0.0.2:1", "10.0.0.1:1", "10.0.0.2:1"]),
            ["10.0.0.1", "10.0.0.2"]
        );
        assert_eq!(hosts(&["[fd00::2]:1", "[fd00::1]:1", "[fe80::1]:1"]), ["fd00::1", "fd00::2"]);
        assert_eq!(hosts(&["[fe80::1]:1"]), [""; 0]);
        assert_eq!(hosts(&["0.0.0.0:1", "[::]:1"]), [""; 0]);
    }

    #[test]
    fn targets_elsewhere_are_refused_unless_a_name_binds_them() {
        let record: Discovery = "srv+https://_vault._tcp.example".parse().expect("a name");
        let target = |host: &str| SrvTarget { host: host.to_owned(), port: 8200 };
        let targets = ["v1.example", "v1.example", "evil.net", "10.0.0.1", "", "a b.example"].map(target);
        let shown = |found: FoundNodes| {
            let nodes: Vec<_> = found.nodes.iter().map(|node| node.address.to_string()).collect();
            let refused: Vec<_> = found.refused.first().map(ToString::to_string).collect();
            (nodes.join(" "), refused.join(" "))
        };
        let (nodes, refused) = shown(of_targets(&record, false, &targets));
        assert_eq!(nodes, "https://v1.example:8200");
        assert_eq!(refused, "10.0.0.1:8200 a b.example:8200 evil.net:8200");
        let (nodes, refused) = shown(of_targets(&record, true, &targets));
        assert_eq!(nodes, "https://v1.example:8200 https://evil.net:8200 https://10.0.0.1:8200");
        assert_eq!(refused, "a b.example:8200");
        let record: Discovery = "srv+http://_vault._tcp.example".parse().expect("a name");
        let (nodes, refused) = shown(of_targets(&record, true, &targets));
        assert_eq!(nodes, "http://v1.example:8200", "without TLS nothing binds them");
        assert_eq!(refused, "10.0.0.1:8200 a b.example:8200 evil.net:8200");
    }

    #[test]
    fn no_label_makes_a_target_of_another_host() {
        let record: Discovery = "srv+https://_vault._tcp.example".parse().expect("a name");
        // A label may have any byte in it; what is not printed as it is, the library writes as \\DDD.
        for host in [
            "evil.net/.example",
            "evil\\.net/.example",
            "evil.net#.example",
            "evil.net?.example",
            "evil.net:1#.example",
            "v1@evil.net#.example",
            "v1@v2.example",
            "evil.net%2f.example",
            "evil.net%00.example",
            "evil.net\\000.example",
            "\\027[2j.example",
            "xexample",
            "example.evil.net",
        ] {
            let found = of_targets(&record, false, &[SrvTarget { host: host.to_owned(), port: 8200 }]);
            assert_eq!(found.nodes, [], "{host}");
        }
    }
}
