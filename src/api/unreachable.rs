//! Why a node could not be asked: told apart, because each has another remedy.

use super::peer_refusal::PeerRefusal;
use super::refusal::{LogHint, Meaning, Refusal};
use super::tls_failure::TlsFailure;
use crate::explain::Explain;
use crate::external::ExternalText;
use std::borrow::Cow;
use std::fmt;
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
    #[error("HTTP 429: too many requests{}", in_a_while(*.retry_after))]
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
    #[error("HTTP {status} redirect{}, not followed: shares go only to the node itself", towards(.to.as_ref()))]
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

fn in_a_while(retry_after: Option<Duration>) -> String {
    let words = |pause| format!("; it asks for a pause of {}", humantime::format_duration(pause));
    retry_after.map(words).unwrap_or_default()
}

fn towards(to: Option<&ExternalText>) -> String {
    to.map(|to| format!(" to {to}")).unwrap_or_default()
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
                "Is the server running, and does it listen there? `systemctl status vault openbao` tells.",
            ),
            Self::Network(_) => (
                "network",
                "Check the address, the cable and the firewall between this machine and the node.",
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
