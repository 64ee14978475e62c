//! Why whoever answers at the address of a server is not believed.

use crate::explain::{Explain, Remark};
use std::borrow::Cow;
use std::net::IpAddr;

/// Why whoever answers at the address of a server is not believed. Nothing secret was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerRefusal {
    /// The account that accepted the connection, or listens on the socket, is not trusted.
    #[error("the server {} runs as {}, who is not trusted", if .0.on_socket { "on this socket" } else { "at this address" }, .0.account)]
    Foreign(Box<UntrustedOwner>),
    /// The kernel does not tell the account in this user namespace.
    #[error("the server at this address runs as uid 65534: its account is not visible to this process")]
    Hidden,
    /// The connection is nobody's: not accepted, or closed by the peer.
    #[error("no process of this machine has the other end of the connection open")]
    Unowned,
    /// The peer's end is not in this network namespace.
    #[error("the owner of the server at this address was not found: it is not in this network namespace")]
    NotFound,
    /// The kernel's tables cannot be read.
    #[error("the owner of the server at this address cannot be looked up: {0}")]
    NoLookup(String),
    /// Without TLS, and the peer is on another machine.
    #[error("the name leads to {0}, which is another machine, and the address says http://")]
    Elsewhere(IpAddr),
    /// A directory or link on the way to a Unix socket is such that others can put one there: what is wrong with it.
    #[error("the socket is not trusted: {}", .0.message)]
    Directory(Box<Remark>),
    /// A Unix socket may not be connected to.
    #[error("permission denied: this process may not connect to the socket")]
    SocketPermission,
}

/// Who is not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntrustedOwner {
    /// The account, as in `uid 1000 (alice)`.
    pub account: String,
    /// The value of `server_users` with that account in it.
    pub server_users: String,
    /// It listens on a Unix socket.
    pub on_socket: bool,
}

impl PeerRefusal {
    /// It names an owner: this says more than how a request failed.
    pub(crate) fn names_owner(&self) -> bool {
        matches!(self, Self::Foreign(_) | Self::Hidden)
    }

    /// The same of whoever listens on a Unix socket.
    pub(crate) fn on_socket(self) -> Self {
        match self {
            Self::Foreign(stranger) => {
                Self::Foreign(Box::new(UntrustedOwner { on_socket: true, ..*stranger }))
            }
            other => other,
        }
    }
}

impl Explain for PeerRefusal {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::Foreign(stranger) => {
                let UntrustedOwner { server_users, on_socket, .. } = &**stranger;
                let rest = if *on_socket {
                    "."
                } else {
                    ": any account can listen on a free port. Use TLS or a Unix socket (unix:///…), which nobody else can \
                     take."
                };
                let advice = format!(
                    "No share was sent. If this account runs the server, write above the first [[cluster]]: \
                     `server_users = {server_users}`. If not, find out what it runs there{rest}"
                );
                return ("foreign-server", Some(advice.into()));
            }
            Self::Hidden => (
                "unknown-server",
                "No share was sent. The unit needs `PrivateUsers=identity` (systemd 257), or `PrivateUsers=no` where \
                 the server's account has a number above 65535. Or use TLS.",
            ),
            Self::Unowned => (
                "unknown-server",
                "No share was sent. If it stays like this, something between answers in the server's place: use TLS \
                 or a Unix socket (unix:///…).",
            ),
            Self::NotFound => (
                "unknown-server",
                "No share was sent. Where the server runs in a container or another network namespace, use TLS, or \
                 set `allow_plaintext = true` if nobody else can listen on this port.",
            ),
            Self::NoLookup(_) => (
                "unknown-server",
                "No share was sent. The process needs AF_NETLINK or /proc/self/net/tcp. Or use TLS, or a Unix socket \
                 (unix:///…).",
            ),
            Self::Elsewhere(_) => (
                "plaintext-elsewhere",
                "Nothing was sent. Use https://, or correct the name in /etc/hosts or DNS; `allow_plaintext = true` \
                 sends shares unencrypted to other machines.",
            ),
            Self::Directory(flaw) => return ("socket-directory", flaw.advice.clone().map(Cow::Owned)),
            Self::SocketPermission => (
                "socket-permission",
                "Give the service the socket's group: `systemctl edit vault-unseal`, and in [Service] \
                 `SupplementaryGroups=GROUP`; a daemon run by hand, a user in that group. The server's listener needs all of socket_mode = \"0660\", socket_user and \
                 socket_group.",
            ),
        };
        (kind, Some(Cow::Borrowed(advice)))
    }
}
