//! Who is at the other end of a connection that proves nothing by itself.
//!
//! While a server is down, any account of this machine can listen on its port. So the owner of the peer's socket is looked
//! up once a connection, by the exact four addresses and ports, after the first answer: only then has it been accepted.
//! A Unix socket tells by itself who listens there, and by its directories who could.

mod listener;
mod netlink;
mod socket;
#[cfg(test)]
mod tests;

use crate::accounts::{Trusted, User};
use crate::api::{PeerRefusal, Unreachable, UntrustedOwner};
use crate::config::Cluster;
use crate::explain::Remark;
use crate::external::{error, quote};
use crate::files::{self, Content, FileRefusal};
pub(super) use listener::Listeners;
pub(super) use socket::Ends;
use socket::{PeerSocket, look_up_in_tables};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
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

impl Ends {
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
        let asked = netlink::look_up(&self);
        match asked {
            Ok(Some(socket)) => Lookup::Found(socket),
            Ok(None) if !self.on_this_machine() => Lookup::NotFound,
            // The query fails in the same way where the kernel has no module for it.
            asked => match (spawn_blocking(move || look_up_in_tables(&self)).await, asked) {
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
    address.ip().is_loopback() || netlink::is_to_ourselves(address).unwrap_or_else(may_bind)
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

/// A connection to a socket whose directory and listener are trusted, before anything is sent over it.
///
/// `accepted` is a connection that was made before.
pub(super) async fn connect_unix(
    path: &Path,
    accepted: Option<UnixStream>,
    rule: &PeerRule,
) -> Result<UnixStream, Unreachable> {
    let trusted = Arc::clone(&rule.trusted);
    let owned = path.to_owned();
    // Looking at directories can take its time, as with a network's file system.
    let judged = spawn_blocking(move || judge_directories(&owned, &trusted)).await;
    judged.map_err(|cause| PeerRefusal::NoLookup(error::task(&cause).to_owned()))??;
    let stream = match accepted {
        Some(stream) => stream,
        None => UnixStream::connect(path).await.map_err(|cause| match cause.kind() {
            // As with a port on which nothing listens.
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Unreachable::Refused,
            ErrorKind::PermissionDenied => PeerRefusal::SocketPermission.into(),
            _ => Unreachable::Network(error::io(&cause)),
        })?,
    };
    // SO_PEERCRED, unix(7): the credentials of whoever called listen(2).
    match stream.peer_cred() {
        Ok(listener) => rule.owner(listener.uid()).map_err(PeerRefusal::on_socket)?,
        Err(cause) => return Err(PeerRefusal::NoLookup(error::io(&cause)).into()),
    }
    Ok(stream)
}

/// Every directory and link on the way to the socket: somebody trusted's, and its directory writable by nobody else.
fn judge_directories(socket: &Path, trusted: &Trusted) -> Result<(), PeerRefusal> {
    let Some(directory) = socket.parent() else { return Ok(()) };
    match files::directory(directory, Content::Socket, trusted) {
        // What is not there is not wrong: the server makes it when it starts.
        Ok(_) | Err(FileRefusal::Missing) => Ok(()),
        Err(cause) => Err(directory_refusal(&cause, directory)),
    }
}

/// A directory of sockets that cannot be used.
fn directory_refusal(cause: &FileRefusal, directory: &Path) -> PeerRefusal {
    let advice = match cause {
        FileRefusal::DirectoryMode { sticky: true, .. } | FileRefusal::DirectoryOwner { .. } => {
            "Put the socket into a directory of root or of the server's account, as `RuntimeDirectory=` in the server's \
             unit makes it. An account other than vault and openbao must be in `server_users`."
                .to_owned()
        }
        FileRefusal::Denied { .. } => format!(
            "Every directory above the socket must be open to this process: namei -l {} shows them. Give it \
             `SupplementaryGroups=` with the directory's group, or `chmod o+x` the directory.",
            quote::shell(directory)
        ),
        cause => format!("Others could put a socket of their own there. {}", cause.explained(directory).1),
    };
    PeerRefusal::Directory(Box::new(Remark { message: cause.to_string(), advice: Some(advice) }))
}
