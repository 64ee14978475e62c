//! Whether an address is this machine's own, as the kernel routes it: `rtnetlink(7)`, the route to one address.
//!
//! An address of this machine need not be the one that it sends from: an interface may have several.

use super::netlink::{ask, content, family, octets, question, scope, take};
use std::io;
use std::net::SocketAddr;

/// Types of messages, of attributes, and of the route to oneself: `linux/rtnetlink.h`.
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTN_LOCAL: u8 = 2;
/// Where `rtmsg` has the route's type.
const TYPE: usize = 7;

/// What is sent there comes to this machine itself. Errors: there is no way there, or the kernel may not be asked.
pub(super) fn is_to_ourselves(address: SocketAddr) -> io::Result<bool> {
    // NETLINK_ROUTE is number 0, the one that no protocol stands for.
    let answer = ask(None, &request(address))?;
    let content = content(&answer, RTM_NEWROUTE)?;
    let [kind] = take(content, TYPE).ok_or(io::ErrorKind::InvalidData)?;
    Ok(kind == RTN_LOCAL)
}

fn request(address: SocketAddr) -> Vec<u8> {
    let (octets, length) = (octets(address.ip()), if address.is_ipv4() { 4 } else { 16 });
    let octets = octets.get(..length).unwrap_or_default();
    let mut message = question(RTM_GETROUTE);
    message.extend_from_slice(&[family(address), if address.is_ipv4() { 32 } else { 128 }]);
    message.extend_from_slice(&[0; 10]);
    attribute(&mut message, RTA_DST, octets);
    if scope(address) != 0 {
        attribute(&mut message, RTA_OIF, &scope(address).to_ne_bytes());
    }
    message
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len().saturating_add(4)).unwrap_or_default();
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_ours_and_the_documentation_network_is_not() {
        for (address, ours) in [("127.0.0.1:1", true), ("127.3.2.1:1", true), ("192.0.2.1:1", false)] {
            // Without any route out of here the second has none.
            let told = is_to_ourselves(address.parse().unwrap()).unwrap_or(false);
            assert_eq!(told, ours, "{address}");
        }
        if std::net::UdpSocket::bind("[::1]:0").is_ok() {
            assert!(is_to_ourselves("[::1]:1".parse().unwrap()).unwrap());
        }
    }
}
