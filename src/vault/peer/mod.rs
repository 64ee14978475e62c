//! Who is at the other end of a connection that proves nothing by itself.
//!
//! While a server is down, any account of this machine can listen on its port. So the owner of the peer's socket is looked
//! up once a connection, by the exact four addresses and ports, after the first answer: only then has it been accepted.

mod netlink;
mod proc_net;
mod route;
mod sock_diag;
pub(super) mod unix;

use crate::accounts::{Trusted, User};
use crate::api::{PeerRefusal, UntrustedOwner};
use crate::config::Cluster;
use crate::external::error;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// States as the kernel's `tcp_states.h` numbers them.
const ESTABLISHED: u8 = 1;
const SYN_RECV: u8 = 3;
const CLOSE: u8 = 7;
/// The overflow user: stands for every account that has no number in this user namespace (`user_namespaces(7)`).
const OVERFLOW: u32 = 65534;
/// How often a connection that is not accepted yet is looked at.
const ACCEPT_POLL: Duration = Duration::from_millis(1);

/// What the kernel says of one TCP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PeerSocket {
    /// Its state, as numbered in `tcp_states.h`.
    state: u8,
    /// The inode of the file that it is open as; 0 when no process has it open: not accepted yet, or closed.
    inode: u32,
    /// The user who accepted it. Means nothing without an inode: it is 0 then.
    uid: u32,
}

/// What came of looking a socket up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lookup {
    /// There is one.
    Found(PeerSocket),
    /// There is none in this network namespace.
    NotFound,
    /// The kernel does not say.
    Failed(String),
}

/// Both ends of a TCP connection; IPv4 addresses as such, also where they are mapped into IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    /// The peer's.
    pub(super) peer: SocketAddr,
    /// Ours.
    pub(super) own: SocketAddr,
}

impl Ends {
    /// Those of a connection.
    pub(super) fn of(stream: &TcpStream) -> io::Result<Self> {
        Ok(Self::between(stream.peer_addr()?, stream.local_addr()?))
    }

    fn between(peer: SocketAddr, own: SocketAddr) -> Self {
        let canonical = |address: SocketAddr| match address.ip().to_canonical() {
            ip if ip.is_ipv4() => SocketAddr::new(ip, address.port()),
            _ => address,
        };
        Self { peer: canonical(peer), own: canonical(own) }
    }

    /// The peer is on this machine.
    pub(super) fn on_this_machine(&self) -> bool {
        self.peer.ip() == self.own.ip() || is_own(self.peer)
    }

    /// The peer's socket. That it is not there means something only while our own end lasts.
    async fn look_up(self) -> Lookup {
        match self.find().await {
            Lookup::NotFound if self.on_this_machine() => {
                match (Self { peer: self.own, own: self.peer }).find().await {
                    Lookup::Found(PeerSocket { state: ESTABLISHED, .. }) => Lookup::NotFound,
                    Lookup::NotFound => Lookup::Found(PeerSocket { state: CLOSE, inode: 0, uid: 0 }),
                    ended => ended,
                }
            }
            found => found,
        }
    }

    /// The kernel answers the query at once; its table, which can be long, is read off the loop.
    async fn find(self) -> Lookup {
        let asked = sock_diag::look_up(&self);
        match asked {
            Ok(Some(socket)) => Lookup::Found(socket),
            Ok(None) if !self.on_this_machine() => Lookup::NotFound,
            // The query fails in the same way where the kernel has no module for it.
            asked => match (spawn_blocking(move || proc_net::look_up(&self)).await, asked) {
                (Ok(Ok(Some(socket))), _) => Lookup::Found(socket),
                (Ok(Ok(None)), _) | (_, Ok(_)) => Lookup::NotFound,
                (Ok(Err(cause)), Err(_)) => Lookup::Failed(error::io(&cause)),
                (Err(cause), Err(_)) => Lookup::Failed(error::task(&cause).to_owned()),
            },
        }
    }
}

/// The address is one of this machine's, whatever it sends from.
pub(super) fn is_own(address: SocketAddr) -> bool {
    // Where the kernel may not be asked: binding sends nothing, and says yes too often with `net.ipv4.ip_nonlocal_bind`.
    let may_bind = |_| {
        let mut free = address;
        free.set_port(0);
        UdpSocket::bind(free).is_ok()
    };
    address.ip().is_loopback() || route::is_to_ourselves(address).unwrap_or_else(may_bind)
}

/// What a cluster demands of whoever answers at the address of a server.
#[derive(Debug, Clone)]
pub(super) struct PeerRule {
    trusted: Arc<Trusted>,
    allow_plaintext: bool,
    /// A server that speaks TLS proves who it is.
    tls_authenticates: bool,
}

impl PeerRule {
    /// That of a cluster.
    pub(super) fn of(cluster: &Cluster) -> Self {
        Self {
            trusted: Arc::clone(&cluster.trusted),
            allow_plaintext: cluster.allow_plaintext,
            tls_authenticates: cluster.tls.authenticates(),
        }
    }

    /// For tests of what has nothing to do with it.
    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        Self { trusted: Arc::default(), allow_plaintext: false, tls_authenticates: true }
    }

    /// Who is trusted.
    pub(super) fn trusted(&self) -> &Arc<Trusted> {
        &self.trusted
    }

    /// What is left to prove about the peer of a connection; nothing is sent over one that is refused.
    pub(super) fn admit(&self, ends: Ends, tls: bool) -> Result<Option<Ends>, PeerRefusal> {
        if tls && self.tls_authenticates {
            return Ok(None);
        }
        if !tls && !ends.on_this_machine() && !self.allow_plaintext {
            return Err(PeerRefusal::Elsewhere(ends.peer.ip()));
        }
        Ok(Some(ends))
    }

    /// Whether the peer, which has answered, belongs to somebody trusted.
    pub(super) async fn judge(&self, ends: Ends) -> Result<(), PeerRefusal> {
        self.verdict(&ends.look_up().await, ends.on_this_machine())
    }

    /// The same of a peer that was sent nothing yet: as soon as it has accepted the connection.
    pub(super) async fn judge_when_accepted(&self, ends: Ends) -> Result<(), PeerRefusal> {
        loop {
            match ends.look_up().await {
                Lookup::Found(PeerSocket { state: ESTABLISHED | SYN_RECV, inode: 0, .. }) => {
                    sleep(ACCEPT_POLL).await;
                }
                found => return self.verdict(&found, ends.on_this_machine()),
            }
        }
    }

    fn verdict(&self, found: &Lookup, here: bool) -> Result<(), PeerRefusal> {
        match found {
            Lookup::Found(PeerSocket { state: ESTABLISHED, inode: 1.., uid }) => self.owner(*uid),
            Lookup::Found(_) => Err(PeerRefusal::Unowned),
            // In another network namespace, as a container is.
            Lookup::NotFound if here && !self.allow_plaintext => Err(PeerRefusal::NotFound),
            Lookup::Failed(reason) if here => Err(PeerRefusal::NoLookup(reason.clone())),
            Lookup::NotFound | Lookup::Failed(_) => Ok(()),
        }
    }

    /// Whether this user may be a server.
    pub(super) fn owner(&self, uid: u32) -> Result<(), PeerRefusal> {
        match uid {
            OVERFLOW => Err(PeerRefusal::Hidden),
            uid if self.trusted.includes(uid) => Ok(()),
            uid => {
                let account = User::of(uid);
                let server_users = self.trusted.server_users_with(&account);
                let owner = UntrustedOwner { account: account.to_string(), server_users, on_socket: false };
                Err(PeerRefusal::Foreign(Box::new(owner)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::ServerUser;

    const TIME_WAIT: u8 = 6;
    const LISTEN: u8 = 10;

    fn rule(allow_plaintext: bool) -> PeerRule {
        let trusted =
            Trusted::with(vec![ServerUser::Number(990), ServerUser::Number(OVERFLOW)]).seen_by(1000);
        PeerRule { trusted: Arc::new(trusted), allow_plaintext, tls_authenticates: true }
    }

    fn found(state: u8, inode: u32, uid: u32) -> Lookup {
        Lookup::Found(PeerSocket { state, inode, uid })
    }

    #[test]
    fn established_socket_of_trusted_user_passes() {
        for uid in [0, 990, 1000] {
            assert_eq!(rule(false).verdict(&found(ESTABLISHED, 7, uid), true), Ok(()), "{uid}");
        }
    }

    #[test]
    fn foreign_owner_is_refused_even_where_plaintext_is_allowed() {
        for allow_plaintext in [false, true] {
            for here in [false, true] {
                let verdict = rule(allow_plaintext).verdict(&found(ESTABLISHED, 7, 4_000_000), here);
                let stranger = UntrustedOwner {
                    account: "uid 4000000".to_owned(),
                    server_users: "[990, 65534, 4000000]".to_owned(),
                    on_socket: false,
                };
                assert_eq!(verdict, Err(PeerRefusal::Foreign(Box::new(stranger))));
                let verdict = rule(allow_plaintext).verdict(&found(ESTABLISHED, 7, OVERFLOW), here);
                assert_eq!(verdict, Err(PeerRefusal::Hidden), "whatever server_users says");
            }
        }
    }

    #[test]
    fn socket_without_inode_or_not_established_proves_nothing() {
        for socket in [found(ESTABLISHED, 0, 0), found(TIME_WAIT, 0, 0), found(LISTEN, 7, 0), found(8, 7, 0)]
        {
            for allow_plaintext in [false, true] {
                let verdict = rule(allow_plaintext).verdict(&socket, true);
                assert_eq!(verdict, Err(PeerRefusal::Unowned), "{socket:?}");
            }
        }
    }

    #[test]
    fn not_found_passes_only_where_plaintext_is_allowed() {
        assert_eq!(rule(false).verdict(&Lookup::NotFound, true), Err(PeerRefusal::NotFound));
        assert_eq!(rule(true).verdict(&Lookup::NotFound, true), Ok(()));
        assert_eq!(
            rule(false).verdict(&Lookup::NotFound, false),
            Ok(()),
            "TLS that proves nothing, elsewhere"
        );
        let failed = Lookup::Failed("no".to_owned());
        assert_eq!(rule(true).verdict(&failed, true), Err(PeerRefusal::NoLookup("no".to_owned())));
        assert_eq!(rule(true).verdict(&failed, false), Ok(()));
    }

    #[test]
    fn this_machine_is_known_by_the_addresses_of_the_connection() {
        let here = |peer: &str, own: &str| {
            Ends::between(peer.parse().unwrap(), own.parse().unwrap()).on_this_machine()
        };
        assert!(here("127.0.0.2:8200", "127.0.0.1:40000"));
        assert!(here("[::1]:8200", "[::1]:40000"));
        assert!(here("[::ffff:127.0.0.1]:8200", "[::ffff:127.0.0.1]:40000"));
        assert!(here("192.0.2.7:8200", "192.0.2.7:40000"));
        assert!(here("[::ffff:192.0.2.7]:8200", "192.0.2.7:40000"));
        assert!(!here("192.0.2.8:8200", "192.0.2.7:40000"));
        assert!(!here("[2001:db8::2]:8200", "[2001:db8::1]:40000"));
    }

    #[test]
    fn plaintext_to_another_machine_is_refused_unless_allowed() {
        let ends = Ends::between("192.0.2.8:8200".parse().unwrap(), "192.0.2.7:40000".parse().unwrap());
        assert_eq!(rule(false).admit(ends, false), Err(PeerRefusal::Elsewhere(ends.peer.ip())));
        assert_eq!(rule(true).admit(ends, false), Ok(Some(ends)));
        assert_eq!(rule(false).admit(ends, true), Ok(None));
        let unverified = PeerRule { tls_authenticates: false, ..rule(false) };
        assert_eq!(unverified.admit(ends, true), Ok(Some(ends)));
    }

    /// Both ways to ask the kernel, over connections whose answers are known.
    #[tokio::test]
    async fn the_kernel_says_the_same_in_both_ways() {
        let uid = rustix::process::geteuid().as_raw();
        for (listen, connect) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("[::1]:0", "::1"),
            ("[::]:0", "127.0.0.1"),
            ("[::]:0", "::ffff:127.0.0.1"),
            ("0.0.0.0:0", "0.0.0.0"),
        ] {
            // Not every machine has IPv6.
            let Ok(listener) = std::net::TcpListener::bind(listen) else { continue };
            let port = listener.local_addr().unwrap().port();
            let target = SocketAddr::new(connect.parse().unwrap(), port);
            let stream = TcpStream::connect(target).await.unwrap();
            let ends = Ends::of(&stream).unwrap();
            assert!(ends.on_this_machine(), "{ends:?}");
            let both = || [sock_diag::look_up(&ends).unwrap(), proc_net::look_up(&ends).unwrap()];
            for socket in both() {
                assert_eq!(socket.unwrap().inode, 0, "{listen} {connect}: not accepted yet");
            }
            let accepted = listener.accept().unwrap();
            // As somebody does who wants to be no listener when he is looked for.
            drop(listener);
            let [asked, read] = both();
            assert_eq!(asked, read, "{listen} {connect}");
            let socket = asked.unwrap();
            assert!(socket.state == ESTABLISHED && socket.inode != 0 && socket.uid == uid, "{socket:?}");
            drop(accepted);
        }
    }

    /// Where plaintext is allowed, not found is enough: an end that is gone by the time it is looked for must not be.
    #[tokio::test]
    async fn connection_that_the_peer_has_ended_is_not_one_of_another_namespace() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let ends = Ends::of(&stream).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let ours = PeerRule { trusted: Arc::default(), allow_plaintext: true, tls_authenticates: true };
        assert_eq!(ours.judge(ends).await, Ok(()));
        rustix::net::sockopt::set_socket_linger(&accepted, Some(Duration::ZERO)).unwrap();
        drop(accepted);
        assert_eq!(sock_diag::look_up(&ends).unwrap(), None, "a reset leaves nothing behind");
        assert_eq!(ours.judge(ends).await, Err(PeerRefusal::Unowned));
    }

    #[tokio::test]
    async fn a_listener_is_not_taken_for_its_connection() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ends = Ends { peer: listener.local_addr().unwrap(), own: "127.0.0.1:1".parse().unwrap() };
        assert_eq!(sock_diag::look_up(&ends).unwrap(), None);
        assert_eq!(proc_net::look_up(&ends).unwrap(), None);
        assert_eq!(ends.find().await, Lookup::NotFound);
    }
}
