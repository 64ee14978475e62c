//! One question to the kernel over `netlink(7)`, and its answer.

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{self, AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// A type of message and a flag: `linux/netlink.h`.
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
/// The length of `nlmsghdr`.
const HEADER: usize = 16;
pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;

/// A question of this type, to which what it asks is added.
pub(super) fn question(kind: u16) -> Vec<u8> {
    // The length, which `ask` writes.
    let mut message = vec![0; 4];
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    // Sequence number and sender: one question a socket.
    message.extend_from_slice(&[0; 8]);
    message
}

/// Asks, and returns the kernel's message.
pub(super) fn ask(protocol: Option<Protocol>, question: &[u8]) -> io::Result<Vec<u8>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, protocol)?;
    let mut question = question.to_vec();
    let length = u32::try_from(question.len()).unwrap_or_default().to_ne_bytes();
    question.splice(..length.len(), length);
    net::sendto(&socket, &question, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    // The kernel has answered by the time it has taken the question.
    let mut answer = vec![0; 4096];
    let (_, length, from) = net::recvfrom(&socket, &mut answer[..], RecvFlags::empty())?;
    let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
    if from.is_none_or(|from| from.pid() != 0) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    answer.truncate(length);
    Ok(answer)
}

/// What is in an answer of this type. Errors: the kernel's, by its number; the message is cut or another.
pub(super) fn content(message: &[u8], kind: u16) -> io::Result<&[u8]> {
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
pub(super) fn take<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

pub(super) fn family(address: SocketAddr) -> u8 {
    if address.is_ipv4() { AF_INET } else { AF_INET6 }
}

/// In the room that an IPv6 address takes.
pub(super) fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// The interface of a link-local address.
pub(super) fn scope(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.scope_id(),
    }
}
