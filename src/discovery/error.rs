//! Why a name stands for no nodes, or not for all.

use crate::explain::Explain;
use crate::external::ExternalText;
use std::net::IpAddr;
use std::time::Duration;

/// Why a name could not be turned into nodes, or not into all of them. It says nothing about the nodes that were found before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The system's resolver has no address for a host, or none that can be used.
    #[error("cannot be resolved: {0}")]
    Name(ExternalText),
    /// A name server says that there is no such name (NXDOMAIN).
    #[error("DNS has no such name")]
    NoSuchName,
    /// The name exists, but not as what it was looked up for.
    #[error("DNS has no SRV record of this name")]
    NoRecord,
    /// Every name server answered with an error.
    #[error("the name server {server} answers {rcode}")]
    Refused {
        /// Which was asked last.
        server: IpAddr,
        /// The response code, as SERVFAIL (RFC 1035, section 4.1.1), or what is wrong with the answer.
        rcode: ExternalText,
    },
    /// No name server can be asked.
    #[error("no name server can be asked: {0}")]
    NoServer(ExternalText),
    /// It stands, and stood, for more nodes than are watched.
    #[error(
        "more than {0} nodes were found by it, those included that DNS had once, and newer ones are not watched"
    )]
    TooMany(usize),
    /// Nothing came within the limit.
    #[error("no answer from the resolver within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
}

impl Explain for LookupError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Name(_) => "name-resolution",
            Self::NoSuchName => "name-unknown",
            Self::NoRecord => "name-without-record",
            Self::Refused { .. } => "name-server-error",
            Self::NoServer(_) => "name-server-unreachable",
            Self::TooMany(_) => "too-many-nodes",
            Self::Timeout(_) => "name-server-timeout",
        }
    }

    fn advice(&self) -> Option<String> {
        let text = match self {
            Self::Name(_) => {
                "Check the spelling of the name; `getent ahosts NAME` tells what this machine makes of it."
            }
            Self::NoSuchName | Self::NoRecord => {
                "Check the spelling of the record's name, which is written in full: no search domain is tried."
            }
            Self::TooMany(_) => {
                "Find out who changes DNS. Where that is as it should be, a shorter `forget_after` makes room sooner."
            }
            Self::Refused { .. } | Self::NoServer(_) | Self::Timeout(_) => {
                "Look at the name servers in /etc/resolv.conf. Nodes that were found before are still watched."
            }
        };
        Some(text.to_owned())
    }
}
