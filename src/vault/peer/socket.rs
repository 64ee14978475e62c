//! One TCP socket: both ends of its connection, and what the kernel says of it; and how it is found in the kernel's tables,
//! where `sock_diag(7)` does not answer: `proc_net(5)`, `tcp` and `tcp6`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use tokio::net::TcpStream;

/// What the kernel says of one TCP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vault) struct PeerSocket {
    /// Its state, as numbered in `tcp_states.h`.
    pub(super) state: u8,
    /// The inode of the file that it is open as; 0 when no process has it open: not accepted yet, or closed.
    pub(super) inode: u32,
    /// The user who accepted it. Means nothing without an inode: it is 0 then.
    pub(super) uid: u32,
}

/// Both ends of a TCP connection; IPv4 addresses as such, also where they are mapped into IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vault) struct Ends {
    /// The peer's.
    pub(in crate::vault) peer: SocketAddr,
    /// Ours.
    pub(in crate::vault) own: SocketAddr,
}

impl Ends {
    /// Those of a connection.
    pub(in crate::vault) fn of(stream: &TcpStream) -> io::Result<Self> {
        Ok(Self::between(stream.peer_addr()?, stream.local_addr()?))
    }

    pub(super) fn between(peer: SocketAddr, own: SocketAddr) -> Self {
        let canonical = |address: SocketAddr| match address.ip().to_canonical() {
            ip if ip.is_ipv4() => SocketAddr::new(ip, address.port()),
            _ => address,
        };
        Self { peer: canonical(peer), own: canonical(own) }
    }
}

/// Most that is read of one table, in bytes: some 200,000 sockets.
const LIMIT: u64 = 32 * 1024 * 1024;

/// The peer's socket; `None` when there is no such connection in this network namespace. Blocks.
pub(super) fn look_up_in_tables(ends: &Ends) -> io::Result<Option<PeerSocket>> {
    look_up_below(Path::new("/proc/self/net"), ends)
}

fn look_up_below(tables: &Path, ends: &Ends) -> io::Result<Option<PeerSocket>> {
    // An IPv4 connection is in the table of the family that was listened for.
    let found = match File::open(tables.join("tcp6")) {
        Ok(table) => find(table, ends)?,
        // A kernel without IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match found {
        None if ends.peer.is_ipv4() => find(File::open(tables.join("tcp"))?, ends),
        found => Ok(found),
    }
}

fn find(table: impl Read, ends: &Ends) -> io::Result<Option<PeerSocket>> {
    let mut rows = BufReader::with_capacity(64 * 1024, table.take(LIMIT));
    let (mut row, mut length) = (String::new(), 0);
    loop {
        row.clear();
        let read = rows.read_line(&mut row)?;
        length += read as u64;
        match parse(&row) {
            Some((found, socket)) if found == *ends => return Ok(Some(socket)),
            _ if read > 0 => {}
            _ if length < LIMIT => return Ok(None),
            _ => return Err(io::ErrorKind::FileTooLarge.into()),
        }
    }
}

/// A row: both ends of a socket as seen from it, and the socket.
fn parse(row: &str) -> Option<(Ends, PeerSocket)> {
    let mut fields = row.split_ascii_whitespace().skip(1);
    let (local, remote) = (address(fields.next()?)?, address(fields.next()?)?);
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    let mut fields = fields.skip(3);
    let uid = fields.next()?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some((Ends::between(local, remote), PeerSocket { state, inode, uid }))
}

/// `0100007F:2008`: words of an address in the machine's byte order, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut octets = [0; 16];
    let mut words = octets.chunks_exact_mut(4);
    let mut rest = address;
    while !rest.is_empty() {
        let (word, behind) = rest.split_at_checked(8)?;
        words.next()?.copy_from_slice(&u32::from_str_radix(word, 16).ok()?.to_ne_bytes());
        rest = behind;
    }
    let ip: IpAddr = match address.len() {
        8 => {
            let [a, b, c, d, ..] = octets;
            Ipv4Addr::new(a, b, c, d).into()
        }
        32 => Ipv6Addr::from(octets).into(),
        _ => return None,
    };
    Some((ip, port).into())
}

// The recorded tables are of machines with the usual byte order.
#[cfg(target_endian = "little")]
#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded on Debian 12: root's listener, a connection that it has accepted, one that waits for it, one that has
    /// ended, and an account's connection on the same port of another address.
    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2008 00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 24710 1 0000000000000000 100 0 0 10 0
   1: 0100007F:2008 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   990        0 24715 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:2008 0100007F:9C41 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:2008 0100007F:9C42 06 00000000:00000000 03:00001702 00000000     0        0 0 3 0000000000000000
   4: 0200007F:2008 0100007F:9C43 01 00000000:00000000 00:00000000 00000000  4242        0 24719 1 0000000000000000 20 4 30 10 -1
";
    const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:2008 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 25001 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:2008 0000000000000000FFFF00000100007F:9C44 01 00000000:00000000 00:00000000 00000000   990        0 25007 1 0000000000000000 20 4 30 10 -1
   2: 00000000000000000000000001000000:2008 00000000000000000000000001000000:9C45 01 00000000:00000000 00:00000000 00000000  4242        0 25011 1 0000000000000000 20 4 30 10 -1
";

    fn found(table: &str, peer: &str, own: &str) -> Option<PeerSocket> {
        let ends = Ends::between(peer.parse().unwrap(), own.parse().unwrap());
        find(table.as_bytes(), &ends).unwrap()
    }

    #[test]
    fn rows_are_found_by_both_ends() {
        let socket = |state, inode, uid| Some(PeerSocket { state, inode, uid });
        let cases = [
            (TCP, "127.0.0.1:8200", "127.0.0.1:40000", socket(1, 24715, 990)),
            (TCP, "127.0.0.1:8200", "127.0.0.1:40001", socket(1, 0, 0)),
            (TCP, "127.0.0.1:8200", "127.0.0.1:40002", socket(6, 0, 0)),
            (TCP, "127.0.0.2:8200", "127.0.0.1:40003", socket(1, 24719, 4242)),
            (TCP, "127.0.0.1:8200", "127.0.0.1:40003", None),
            (TCP, "127.0.0.1:8200", "127.0.0.1:40009", None),
            (TCP6, "127.0.0.1:8200", "127.0.0.1:40004", socket(1, 25007, 990)),
            (TCP6, "[::ffff:127.0.0.1]:8200", "[::ffff:127.0.0.1]:40004", socket(1, 25007, 990)),
            (TCP6, "[::1]:8200", "[::1]:40005", socket(1, 25011, 4242)),
            (TCP6, "[::1]:8200", "[::1]:40004", None),
        ];
        for (table, peer, own, expected) in cases {
            assert_eq!(found(table, peer, own), expected, "{peer} {own}");
        }
    }

    #[test]
    fn tables_are_read_that_the_kernel_has() {
        let tables = crate::testing::directory();
        let look_up = |peer: &str, own: &str| {
            let ends = Ends::between(peer.parse().unwrap(), own.parse().unwrap());
            look_up_below(tables.path(), &ends)
        };
        let ipv4 = || look_up("127.0.0.1:8200", "127.0.0.1:40000");
        let ipv6 = || look_up("[::1]:8200", "[::1]:40005");
        assert_eq!(ipv4().unwrap_err().kind(), io::ErrorKind::NotFound);
        // Without IPv6, and then without what only the other table has.
        std::fs::write(tables.path().join("tcp"), TCP).unwrap();
        assert_eq!(ipv4().unwrap().unwrap().inode, 24715);
        assert_eq!(ipv6().unwrap(), None);
        std::fs::write(tables.path().join("tcp6"), TCP6).unwrap();
        assert_eq!(ipv4().unwrap().unwrap().inode, 24715);
        assert_eq!(ipv6().unwrap().unwrap().inode, 25011);
        std::fs::remove_file(tables.path().join("tcp")).unwrap();
        assert_eq!(look_up("[::1]:8200", "[::1]:1").unwrap(), None, "it is in no other table");
        std::fs::remove_file(tables.path().join("tcp6")).unwrap();
        std::os::unix::fs::symlink("tcp6", tables.path().join("tcp6")).unwrap();
        assert!(ipv6().is_err(), "a table that cannot be read is not one that is not there");
    }

    #[test]
    fn row_is_found_far_down_and_a_table_without_end_is_an_error() {
        let ends = Ends::between("127.0.0.1:8200".parse().unwrap(), "127.0.0.1:40000".parse().unwrap());
        let line = "x".repeat(65_535) + "\n";
        let lines = |count: usize, last: &str| find((line.repeat(count) + last).as_bytes(), &ends);
        let row = TCP.lines().nth(2).unwrap();
        assert_eq!(lines(40, row).unwrap().unwrap().inode, 24715);
        assert_eq!(lines(511, line.split_at(1).1).unwrap(), None);
        assert_eq!(lines(512, "").unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(lines(512, row).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn address_of_one_link_keeps_its_link() {
        let of_link =
            |port| SocketAddr::from(std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), port, 0, 3));
        let ends = Ends::between(of_link(8200), of_link(40000));
        assert_eq!((ends.peer, ends.own), (of_link(8200), of_link(40000)));
    }

    #[test]
    fn odd_rows_are_passed_over() {
        for row in [
            "",
            "x",
            "0: 0100007F:2008",
            "0: 0100007F0:2008 0100007F:9C40 01 0:0 00:0 0 0 0 7",
            "0: é:1 é:2 01",
        ] {
            assert_eq!(parse(row), None, "{row}");
        }
    }
}
