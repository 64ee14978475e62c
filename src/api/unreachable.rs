//! Why a node could not be asked, or why whoever answers at its address is not believed: told apart, because each has
//! another remedy.

use super::seal_status::{LogHint, Meaning, Refusal};
use super::tls_failure::{TlsFailure, if_known};
use crate::explain::{Explain, Remark};
use crate::external::ExternalText;
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// Why no answer of the node's own came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreachable {
    /// Nothing listens on the port.
    #[error("connection refused")]
    Refused,
    /// The host is not on the network, or a firewall drops what we send.
    #[error("{0}")]
    Network(String),
    /// This process, or this machine, has as many files and connections open as it may.
    #[error("{}", if *.machine { "this machine has as many files open as it may" } else { "this process has as many files and connections open as it may" })]
    Descriptors {
        /// Whether it is the machine's limit (`ENFILE`) and not that of the process (`EMFILE`).
        machine: bool,
    },
    /// The name has no address.
    #[error("cannot resolve the name: {0}")]
    Name(ExternalText),
    /// No answer within the limit.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// The connection ended before the answer was whole.
    #[error("the connection was closed before the answer was complete")]
    Closed,
    /// The TLS handshake failed.
    #[error(transparent)]
    Tls(#[from] TlsFailure),
    /// Whoever answers is not known to be the server.
    #[error(transparent)]
    Peer(#[from] PeerRefusal),
    /// A certificate, key or CA that we were told to use cannot be.
    #[error("{0}")]
    Files(String),
    /// Something answered, but not a Vault or OpenBao server.
    #[error("HTTP {status}, but not an answer of Vault or OpenBao itself{}", excerpt(.text))]
    NotVault {
        /// The status code.
        status: u16,
        /// What it said.
        text: AnswerText,
    },
    /// A rate limit, of the server's or of a proxy's.
    #[error("HTTP 429: too many requests{}", if_known("; it asks for a pause of ", retry_after.map(humantime::format_duration)))]
    TooManyRequests {
        /// How long to wait, as its Retry-After says.
        retry_after: Option<Duration>,
    },
    /// The server itself reports an error instead of its health.
    #[error("HTTP {status}: {}", reason(text))]
    ServerError {
        /// The status code.
        status: u16,
        /// What it said.
        text: AnswerText,
    },
    /// The answer was a redirect, which is never followed.
    #[error("HTTP {status} redirect{}, not followed: shares go only to the node itself", if_known(" to ", .to.as_ref()))]
    Redirect {
        /// The status code.
        status: u16,
        /// Scheme and host that it names. Never known where a secret was sent: 66 hex digits fit into two labels.
        to: Option<ExternalText>,
    },
    /// The answer is larger than any of the API's.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// We spoke plain HTTP to a TLS port.
    #[error("the port speaks TLS, the address says http://")]
    HttpOnTlsPort,
    /// Bytes that are not HTTP came back.
    #[error("the port does not speak HTTP: {0}")]
    NotHttp(&'static str),
}

/// What an answer said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerText {
    /// This.
    Text(ExternalText),
    /// It answered a request that carried a secret, which it may repeat: its text was dropped.
    Withheld(LogHint),
}

impl fmt::Display for AnswerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Withheld(hint) => hint.fmt(f),
        }
    }
}

/// What an error says, if it does.
fn reason(text: &AnswerText) -> String {
    match text {
        AnswerText::Text(text) if text.is_empty() => "no reason given".to_owned(),
        text => text.to_string(),
    }
}

/// Enough of a page to recognise it by.
fn excerpt(text: &AnswerText) -> String {
    const ENOUGH: usize = 80;
    match text {
        AnswerText::Text(text) if text.is_empty() => String::new(),
        AnswerText::Text(text) => {
            let text = text.to_string();
            let text = without_document_type(&text);
            match text.char_indices().nth(ENOUGH) {
                Some((end, _)) => format!(" ({}…)", text.get(..end).unwrap_or_default()),
                None => format!(" ({text})"),
            }
        }
        AnswerText::Withheld(hint) => format!(" ({hint})"),
    }
}

/// A page from where it begins to tell: Apache's pages begin with 60 characters of HTML's own.
fn without_document_type(text: &str) -> &str {
    let declared = text.get(..9).is_some_and(|begin| begin.eq_ignore_ascii_case("<!doctype"));
    match text.split_once('>') {
        Some((_, page)) if declared => page.trim_start(),
        _ => text,
    }
}

impl Refusal {
    /// The same as a reason why the node has no answer of its own.
    pub(crate) fn unreachable(self) -> Unreachable {
        let Self { status, from_server, hint, .. } = self;
        let text = AnswerText::Withheld(hint);
        if from_server {
            Unreachable::ServerError { status, text }
        } else {
            Unreachable::NotVault { status, text }
        }
    }
}

impl Unreachable {
    /// How long whoever answered asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// What the server's own error means; `None` for everything else.
    pub fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::ServerError { text: AnswerText::Text(text), .. } => Some(Meaning::of(&text.to_string())),
            _ => None,
        }
    }

    /// The server answered with an error of its own, and gave no reason.
    pub(crate) fn is_without_reason(&self) -> bool {
        matches!(self, Self::ServerError { text: AnswerText::Text(text), .. } if text.is_empty())
    }

    /// The same without any text that the other end may have chosen: after a request that carried a secret. `hint` finds it
    /// in the server's log.
    #[must_use]
    pub(crate) fn without_text(self, hint: LogHint) -> Self {
        match self {
            Self::Redirect { status, .. } => Self::Redirect { status, to: None },
            Self::Tls(failure) => failure.without_text().into(),
            // These are read from answers to questions without a secret alone.
            Self::NotVault { status, text: AnswerText::Text(_) }
            | Self::ServerError { status, text: AnswerText::Text(_) } => {
                Self::NotVault { status, text: AnswerText::Withheld(hint) }
            }
            other => other,
        }
    }
}

impl Explain for Unreachable {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::Refused => (
                "connection-refused",
                "Is the server running, and is this its port? `systemctl status vault openbao` and `ss -ltn` tell.",
            ),
            Self::Network(_) => (
                "network",
                "Check the address, the cable and the firewall between this machine and the node.",
            ),
            Self::Descriptors { machine: false } => (
                "out-of-descriptors",
                "Give the service a higher `LimitNOFILE=`: systemctl edit vault-unseal. It takes about two for a node.",
            ),
            Self::Descriptors { machine: true } => (
                "out-of-descriptors",
                "Look at what opens that many (`lsof | cut -d ' ' -f 1 | sort | uniq -c`), or raise `fs.file-max`: sysctl fs.file-nr.",
            ),
            Self::Name(_) => (
                "name-resolution",
                "Check the spelling of the host and this machine's DNS, or use the node's IP address.",
            ),
            Self::Timeout(_) => (
                "timeout",
                "The port accepts connections but nothing answers: look at the server's log and load.",
            ),
            Self::Closed => (
                "connection-closed",
                "Look at the server's log; a proxy with a short idle limit does this too.",
            ),
            Self::Tls(failure) => return failure.kind_and_advice(),
            Self::Peer(refusal) => return refusal.kind_and_advice(),
            Self::Files(_) => ("tls-files", "Repair the file; it is read again by itself."),
            Self::NotVault { .. } => (
                "not-vault",
                "A proxy, or another service, answers on this address. Name the nodes themselves, not a load balancer.",
            ),
            Self::ServerError { .. } => ("server-error", "The server's log says more."),
            Self::TooManyRequests { .. } => (
                "too-many-requests",
                "Exempt this machine from the rate limit of the server or the proxy before it, or set a longer \
                 `poll_interval`.",
            ),
            Self::Redirect { .. } => ("redirect", "Write the node's own address into `nodes`."),
            Self::TooLarge { .. } => {
                ("answer-too-large", "Check host and port: another service answers there.")
            }
            Self::NotHttp(_) => ("not-http", "Check host and port: another service answers there."),
            Self::HttpOnTlsPort => ("http-on-tls-port", "Write https:// in `nodes`."),
        };
        (kind, Some(Cow::Borrowed(advice)))
    }
}

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
