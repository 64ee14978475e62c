//! Questions to the kernel over `netlink(7)`: for one TCP socket, `sock_diag(7)`, the exact query of `inet_diag_req_v2`, or
//! for the one that listens; and whether an address is this machine's own, as the kernel routes it, `rtnetlink(7)`. An
//! address of this machine need not be the one that it sends from: an interface may have several.

use super::socket::{Ends, PeerSocket};
use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{self, AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// A type of message and a flag: `linux/netlink.h`.
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
/// The length of `nlmsghdr`.
const HEADER: usize = 16;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// A state, as the kernel's `tcp_states.h` numbers them.
const LISTEN: u8 = 10;

/// A question of this type, to which what it asks is added.
fn question(kind: u16) -> Vec<u8> {
    // The length, which `ask` writes.
    let mut message = vec![0; 4];
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    // Sequence number and sender: the answer to one question is taken before the next is asked.
    message.extend_from_slice(&[0; 8]);
    message
}

/// A socket to ask the kernel over.
#[derive(Debug)]
pub(super) struct Netlink(OwnedFd);

impl Netlink {
    pub(super) fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);
        Ok(Self(net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, protocol)?))
    }

    /// Asks, and returns the kernel's message.
    fn ask(&self, mut question: Vec<u8>) -> io::Result<Vec<u8>> {
        let length = u32::try_from(question.len()).unwrap_or_default().to_ne_bytes();
        question.splice(..length.len(), length);
        net::sendto(&self.0, &question, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        // The kernel has answered by the time it has taken the question.
        // Only its beginning is read; what does not fit is dropped.
        let mut answer = vec![0; 1024];
        let (_, length, from) = net::recvfrom(&self.0, &mut answer[..], RecvFlags::empty())?;
        let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
        if from.is_none_or(|from| from.pid() != 0) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        answer.truncate(length);
        Ok(answer)
    }

    /// Whether anybody listens at `address` in this network namespace: the socket is found as for a connection that comes
    /// from no port, which none can.
    pub(super) fn finds_listener(&self, address: SocketAddr) -> io::Result<bool> {
        let nobody = SocketAddr::new(unspecified(address), 0);
        let answer = self.ask(socket_request(&Ends::between(address, nobody)))?;
        Ok(socket_in(&answer)?.is_some_and(|(_, socket)| socket.state == LISTEN))
    }
}

/// What is in an answer of this type. Errors: the kernel's, by its number; the message is cut or another.
fn content(message: &[u8], kind: u16) -> io::Result<&[u8]> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let content = message.get(HEADER..).ok_or_else(bad)?;
    match u16::from_ne_bytes(take(message, 4).ok_or_else(bad)?) {
        NLMSG_ERROR => {
            let code = i32::from_ne_bytes(take(content, 0).ok_or_else(bad)?);
            Err(io::Error::from_raw_os_error(code.saturating_neg()))
        }
        answered if answered == kind => Ok(content),
        _ => Err(bad()),
    }
}

/// Bytes at a place of a message.
fn take<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn family(address: SocketAddr) -> u8 {
    if address.is_ipv4() { AF_INET } else { AF_INET6 }
}

/// In the room that an IPv6 address takes.
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// The interface of a link-local address.
fn scope(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.scope_id(),
    }
}

/// The type of the question and of its answer: `linux/sock_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const IPPROTO_TCP: u8 = 6;

/// The peer's socket; `None` when there is no such connection in this network namespace, or the kernel has no module
/// for the question.
pub(super) fn look_up(ends: &Ends) -> io::Result<Option<PeerSocket>> {
    answer(&Netlink::open(Some(SOCK_DIAG))?.ask(socket_request(ends))?, ends)
}

/// The question: which socket has the peer's end as its own and ours as its peer?
fn socket_request(ends: &Ends) -> Vec<u8> {
    let mut message = question(SOCK_DIAG_BY_FAMILY);
    message.extend_from_slice(&[family(ends.peer), IPPROTO_TCP, 0, 0]);
    // In any state; the answer is judged.
    message.extend_from_slice(&u32::MAX.to_ne_bytes());
    message.extend_from_slice(&ends.peer.port().to_be_bytes());
    message.extend_from_slice(&ends.own.port().to_be_bytes());
    message.extend_from_slice(&octets(ends.peer.ip()));
    message.extend_from_slice(&octets(ends.own.ip()));
    message.extend_from_slice(&scope(ends.peer).to_ne_bytes());
    // INET_DIAG_NOCOOKIE.
    message.extend_from_slice(&[0xff; 8]);
    message
}

/// Reads the answer. Where no connection matches, the kernel answers with a listener: it counts only if it has both ends.
fn answer(message: &[u8], ends: &Ends) -> io::Result<Option<PeerSocket>> {
    let same = |a: SocketAddr, b: SocketAddr| a.ip() == b.ip() && a.port() == b.port();
    let found =
        socket_in(message)?.filter(|(found, _)| same(found.peer, ends.peer) && same(found.own, ends.own));
    Ok(found.map(|(_, socket)| socket))
}

/// The socket of an answer, an `inet_diag_msg`, and its ends.
fn socket_in(message: &[u8]) -> io::Result<Option<(Ends, PeerSocket)>> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let content = match content(message, SOCK_DIAG_BY_FAMILY) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NOENT) => return Ok(None),
        content => content?,
    };
    let parse = || -> Option<(Ends, PeerSocket)> {
        let [family, state] = take(content, 0)?;
        let port = |at| take(content, at).map(u16::from_be_bytes);
        let address = |at| ip(family, take(content, at)?);
        let number = |at| take(content, at).map(u32::from_ne_bytes);
        let found = Ends::between((address(8)?, port(4)?).into(), (address(24)?, port(6)?).into());
        Some((found, PeerSocket { state, uid: number(64)?, inode: number(68)? }))
    };
    parse().ok_or_else(bad).map(Some)
}

/// No address, in the family of this one.
fn unspecified(address: SocketAddr) -> IpAddr {
    if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

fn ip(family: u8, octets: [u8; 16]) -> Option<IpAddr> {
    let [a, b, c, d, ..] = octets;
    match family {
        AF_INET => Some(Ipv4Addr::new(a, b, c, d).into()),
        AF_INET6 => Some(Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

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
    let answer = Netlink::open(None)?.ask(route_request(address))?;
    let content = content(&answer, RTM_NEWROUTE)?;
    let [kind] = take(content, TYPE).ok_or(io::ErrorKind::InvalidData)?;
    Ok(kind == RTN_LOCAL)
}

fn route_request(address: SocketAddr) -> Vec<u8> {
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

    fn ends() -> Ends {
        Ends { peer: "127.0.0.1:8200".parse().unwrap(), own: "127.0.0.1:40000".parse().unwrap() }
    }

    /// An answer: the socket's family and state, its two ends, its owner.
    fn recorded(family: u8, state: u8, source: &str, destination: &str, uid: u32, inode: u32) -> Vec<u8> {
        let (source, destination): (SocketAddr, SocketAddr) =
            (source.parse().unwrap(), destination.parse().unwrap());
        let mut message = [&88_u32.to_ne_bytes()[..], &20_u16.to_ne_bytes(), &[0; 10]].concat();
        message.extend_from_slice(&[family, state, 0, 0]);
        message.extend_from_slice(&source.port().to_be_bytes());
        message.extend_from_slice(&destination.port().to_be_bytes());
        message.extend_from_slice(&octets(source.ip()));
        message.extend_from_slice(&octets(destination.ip()));
        message.extend_from_slice(&[0; 24]);
        message.extend_from_slice(&uid.to_ne_bytes());
        message.extend_from_slice(&inode.to_ne_bytes());
        message
    }

    #[test]
    fn the_request_is_laid_out_as_the_kernel_reads_it() {
        let request = socket_request(&ends());
        assert_eq!(request.len(), 72);
        assert_eq!(request[16..20], [AF_INET, 6, 0, 0]);
        assert_eq!(request[24..28], [0x20, 0x08, 0x9c, 0x40], "the peer's port first");
        assert_eq!(request[28..32], [127, 0, 0, 1]);
        assert_eq!(request[44..48], [127, 0, 0, 1]);
        assert_eq!(request[64..72], [0xff; 8]);
    }

    #[test]
    fn the_connections_socket_is_read_from_the_answer() {
        let ours = recorded(AF_INET, 1, "127.0.0.1:8200", "127.0.0.1:40000", 990, 7);
        let socket = PeerSocket { state: 1, inode: 7, uid: 990 };
        assert_eq!(answer(&ours, &ends()).unwrap(), Some(socket));
        // Go listens on [::] for both families.
        let mapped = recorded(AF_INET6, 1, "[::ffff:127.0.0.1]:8200", "[::ffff:127.0.0.1]:40000", 990, 7);
        assert_eq!(answer(&mapped, &ends()).unwrap(), Some(socket));
        let waiting = recorded(AF_INET, 1, "127.0.0.1:8200", "127.0.0.1:40000", 0, 0);
        assert_eq!(answer(&waiting, &ends()).unwrap(), Some(PeerSocket { state: 1, inode: 0, uid: 0 }));
    }

    #[test]
    fn a_listener_or_another_connection_is_not_the_peers_socket() {
        for other in [
            recorded(AF_INET, 10, "0.0.0.0:8200", "0.0.0.0:0", 0, 7),
            recorded(AF_INET, 10, "127.0.0.1:8200", "0.0.0.0:0", 0, 7),
            recorded(AF_INET6, 10, "[::]:8200", "[::]:0", 0, 7),
            recorded(AF_INET, 1, "127.0.0.1:8200", "127.0.0.1:40001", 0, 7),
            recorded(AF_INET, 1, "127.0.0.2:8200", "127.0.0.1:40000", 0, 7),
            recorded(AF_INET6, 1, "[::1]:8200", "[::1]:40000", 0, 7),
        ] {
            assert_eq!(answer(&other, &ends()).unwrap(), None);
        }
    }

    #[test]
    fn errors_and_cut_answers_are_told_from_not_found() {
        let error = |code: i32| {
            [&36_u32.to_ne_bytes()[..], &2_u16.to_ne_bytes(), &[0; 10], &code.to_ne_bytes(), &[0; 16]]
                .concat()
        };
        assert_eq!(answer(&error(-2), &ends()).unwrap(), None);
        let refused = answer(&error(-1), &ends()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        let whole = recorded(AF_INET, 1, "127.0.0.1:8200", "127.0.0.1:40000", 0, 7);
        for length in 0..whole.len() {
            assert!(answer(&whole[..length], &ends()).is_err(), "{length}");
        }
    }

    #[test]
    fn answer_to_another_question_is_none() {
        let whole = recorded(AF_INET, 1, "127.0.0.1:8200", "127.0.0.1:40000", 0, 7);
        assert!(content(&whole, SOCK_DIAG_BY_FAMILY).is_ok());
        let error = content(&whole, RTM_NEWROUTE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn route_is_asked_for_the_link_of_an_address_that_has_one() {
        let of_link = SocketAddr::from(std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 8200, 0, 7));
        let attribute = [&8_u16.to_ne_bytes()[..], &RTA_OIF.to_ne_bytes(), &7_u32.to_ne_bytes()].concat();
        let request = route_request(of_link);
        assert!(request.ends_with(&attribute), "{request:?}");
        for elsewhere in ["[2001:db8::1]:8200", "192.0.2.1:8200"] {
            let address: SocketAddr = elsewhere.parse().unwrap();
            let octets = octets(address.ip());
            let length = if address.is_ipv4() { 4 } else { 16 };
            assert!(route_request(address).ends_with(&octets[..length]), "{elsewhere}");
        }
    }

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
