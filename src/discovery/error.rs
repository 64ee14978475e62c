//! Why a name stands for no nodes, or not for all; targets of SRV records that may not be nodes; and long lists of them in
//! sentences.

use crate::cluster::Discovery;
use crate::explain::Explain;
use crate::external::ExternalText;
use crate::ordered;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Display};
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
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::Name(_) => (
                "name-resolution",
                "Check the spelling of the name; `getent ahosts NAME` tells what this machine makes of it.",
            ),
            Self::NoSuchName => (
                "name-unknown",
                "Check the spelling of the record's name, which is written in full: no search domain is tried.",
            ),
            Self::NoRecord => (
                "name-without-record",
                "Check the spelling of the record's name, which is written in full: no search domain is tried.",
            ),
            Self::TooMany(_) => (
                "too-many-nodes",
                "Find out who changes DNS. Where that is as it should be, a shorter `forget_after` makes room sooner.",
            ),
            Self::Refused { .. } => (
                "name-server-error",
                "Look at the name servers in /etc/resolv.conf. Nodes that were found before are still watched.",
            ),
            Self::NoServer(_) => (
                "name-server-unreachable",
                "Look at the name servers in /etc/resolv.conf. Nodes that were found before are still watched.",
            ),
            Self::Timeout(_) => (
                "name-server-timeout",
                "Look at the name servers in /etc/resolv.conf. Nodes that were found before are still watched.",
            ),
        };
        (kind, Some(Cow::Borrowed(advice)))
    }
}

/// The target of an SRV record that may not be a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedTarget {
    /// Its name in DNS.
    pub target: ExternalText,
    /// Its port.
    pub port: u16,
}

impl fmt::Display for RefusedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.target, self.port)
    }
}

/// All such targets of one name: the first few, and how many there are. An answer has room for more than a thousand, and
/// whoever makes it up must not take memory, or the journal, with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusedTargets {
    first: BTreeSet<RefusedTarget>,
    count: usize,
}

impl RefusedTargets {
    /// Counts each target once.
    pub fn of(all: BTreeSet<RefusedTarget>) -> Self {
        Self { count: all.len(), first: ordered::set(all.into_iter().take(FEW)) }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first few in alphabetical order.
    pub fn first(&self) -> impl Iterator<Item = &RefusedTarget> {
        self.first.iter()
    }

    /// Whether there is more to say than there was about `earlier` ones.
    pub(super) fn is_news_after(&self, earlier: &Self) -> bool {
        self.count > earlier.count || !self.first.is_subset(&earlier.first)
    }

    /// Why, and what to do about it, where `discovery` is what names them; `None` when there are none.
    pub fn reason(&self, discovery: &Discovery) -> Option<(String, String)> {
        let first = self.first.first()?;
        let domain = discovery.domain();
        let remedy = if discovery.tls() {
            "set `server_name` in `tls` to a name that the certificates of all servers have, and do not set \
             `skip_verify`"
        } else {
            "write its address into `nodes`"
        };
        let reason = match self.count {
            1 => format!("the target {first} does not lie in the domain {domain} and gets no shares"),
            count => {
                let targets = FirstFew::of_all(self.first(), count);
                format!("{count} targets do not lie in the domain {domain} and get no shares: {targets}")
            }
        };
        let advice = format!(
            "DNS is not authenticated: whoever can change it could name a server of his own. If the target is right, \
             {remedy}."
        );
        Some((reason, advice))
    }
}

/// How many of a list are shown.
pub const FEW: usize = 5;

/// The first few of a list, and how many more there are: `a, b and 12 more`.
pub struct FirstFew {
    shown: Vec<String>,
    count: usize,
}

impl FirstFew {
    /// Of a whole list.
    pub fn of<T: Display>(all: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) -> Self {
        let all = all.into_iter();
        let count = all.len();
        Self::of_all(all, count)
    }

    /// Of a list of `count`, whose beginning is known.
    pub fn of_all<T: Display>(beginning: impl Iterator<Item = T>, count: usize) -> Self {
        Self { shown: beginning.take(FEW).map(|item| item.to_string()).collect(), count }
    }
}

impl Display for FirstFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.join(", "))?;
        match self.count.saturating_sub(self.shown.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(count: usize) -> RefusedTargets {
        let target = |number| RefusedTarget {
            target: ExternalText::new(format!("t{number:04}.evil.net")),
            port: 8200,
        };
        RefusedTargets::of((0..count).map(target).collect())
    }

    #[test]
    fn many_targets_are_one_short_reason_and_little_memory() {
        let name: Discovery = "srv+https://_vault._tcp.home.test".parse().unwrap();
        let reason = |count| targets(count).reason(&name).map(|(reason, _)| reason);
        assert_eq!(reason(0), None);
        assert_eq!(
            reason(1).unwrap(),
            "the target t0000.evil.net:8200 does not lie in the domain home.test and gets no shares"
        );
        assert_eq!(
            reason(2).unwrap(),
            "2 targets do not lie in the domain home.test and get no shares: t0000.evil.net:8200, t0001.evil.net:8200"
        );
        let many = reason(1500).unwrap();
        assert!(
            many.starts_with("1500 targets do not lie in the domain home.test and get no shares: t0000."),
            "{many}"
        );
        assert!(many.ends_with("t0004.evil.net:8200 and 1495 more"), "{many}");
        assert_eq!((targets(1500).first.len(), targets(1500).count()), (FEW, 1500));
    }
}
