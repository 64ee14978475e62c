//! A network of the test's own: one network namespace as the switch, one for each node. Nothing of it is on the host:
//! no device, no name in /run/netns, and nothing stays behind, however the test ends.

mod faults;
mod namespace;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use faults::Faults;
pub use faults::{Slow, Swallow};
pub use namespace::Namespace;
use namespace::works;

/// A switch and nodes `0..`, each with an address.
pub struct Network {
    switch: Namespace,
    nodes: Vec<Namespace>,
    faults: Mutex<Faults>,
}

impl Network {
    /// So many nodes on one switch; `None`, having said so, where namespaces cannot be had.
    pub fn of(nodes: usize) -> Option<Self> {
        if let Some(missing) = missing() {
            crate::support::untested(missing);
            return None;
        }
        let switch = Namespace::new();
        switch.run(&["ip", "link", "add", "name", "switch", "type", "bridge"]);
        switch.run(&["ip", "address", "add", "10.77.0.254/24", "dev", "switch"]);
        switch.run(&["ip", "link", "set", "switch", "up"]);
        let nodes = (0..nodes).map(|node| plug_in(&switch, node)).collect();
        Some(Self { switch, nodes, faults: Mutex::default() })
    }

    /// A node's namespace.
    pub fn node(&self, node: usize) -> &Namespace {
        &self.nodes[node]
    }

    /// A machine that is no node, 10.77.0.254: it reaches every node whose cable is plugged in, whatever is swallowed
    /// between the nodes.
    pub fn outside(&self) -> &Namespace {
        &self.switch
    }
}

/// What network namespaces take and is not there.
fn missing() -> Option<&'static str> {
    if let Some(missing) = namespace::missing() {
        return Some(missing);
    }
    if !works(&["tc", "-V"]) {
        return Some("this needs tc (iproute2)");
    }
    if !works(&["nft", "--version"]) {
        return Some("this needs nft (nftables)");
    }
    if !works(&["unshare", "--net", "ip", "link", "add", "name", "switch", "type", "bridge"]) {
        return Some("network namespaces or bridges cannot be had here");
    }
    if !works(&[
        "unshare",
        "--net",
        "nft",
        "table bridge faults { chain f { type filter hook forward priority 0; }; }",
    ]) {
        return Some("nft cannot filter on bridges here");
    }
    None
}

fn plug_in(switch: &Namespace, node: usize) -> Namespace {
    let namespace = Namespace::new();
    let (port, holder) = (port(node), namespace.holder().to_string());
    switch
        .run(&["ip", "link", "add", "name", &port, "type", "veth", "peer", "name", "eth0", "netns", &holder]);
    switch.run(&["ip", "link", "set", &port, "master", "switch", "up"]);
    namespace.run(&["ip", "address", "add", &format!("{}/24", address(node)), "dev", "eth0"]);
    namespace.run(&["ip", "link", "set", "eth0", "up"]);
    namespace
}

/// A node's address: 10.77.0.1 for node 0, and so on, the same in every network.
pub fn address(node: usize) -> IpAddr {
    let last = u8::try_from(node + 1).expect("some hundred nodes at the most");
    IpAddr::V4(Ipv4Addr::new(10, 77, 0, last))
}

/// The switch's port that a node is plugged into.
fn port(node: usize) -> String {
    format!("port{node}")
}
