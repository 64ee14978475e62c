//! Asks the kernel for one TCP socket: `sock_diag(7)`, the exact query of `inet_diag_req_v2`.

use super::netlink::{AF_INET, AF_INET6, ask, content, family, octets, question, scope, take};
use super::{Ends, PeerSocket};
use rustix::io::Errno;
use rustix::net::netlink::SOCK_DIAG;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The type of the question and of its answer: `linux/sock_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const IPPROTO_TCP: u8 = 6;

/// The peer's socket; `None` when there is no such connection in this network namespace, or the kernel has no module
/// for the question.
pub(super) fn look_up(ends: &Ends) -> io::Result<Option<PeerSocket>> {
    answer(&ask(Some(SOCK_DIAG), &request(ends))?, ends)
}

/// The question: which socket has the peer's end as its own and ours as its peer?
fn request(ends: &Ends) -> Vec<u8> {
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

/// Reads the answer, an `inet_diag_msg`. Where no connection matches, the kernel answers with a listener: it counts only
/// if it has both ends.
fn answer(message: &[u8], ends: &Ends) -> io::Result<Option<PeerSocket>> {
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
    let (found, socket) = parse().ok_or_else(bad)?;
    let same = |a: SocketAddr, b: SocketAddr| a.ip() == b.ip() && a.port() == b.port();
    Ok(Some(socket).filter(|_| same(found.peer, ends.peer) && same(found.own, ends.own)))
}

fn ip(family: u8, octets: [u8; 16]) -> Option<IpAddr> {
    let [a, b, c, d, ..] = octets;
    match family {
        AF_INET => Some(Ipv4Addr::new(a, b, c, d).into()),
        AF_INET6 => Some(Ipv6Addr::from(octets).into()),
        _ => None,
    }
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
        let request = request(&ends());
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
}
