//! Targets of SRV records that may not be nodes.

use super::first_few::{FEW, FirstFew};
use crate::cluster::Discovery;
use crate::external::ExternalText;
use std::collections::BTreeSet;
use std::fmt;

/// The target of an SRV record that may not be a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// Its name in DNS.
    pub target: ExternalText,
    /// Its port.
    pub port: u16,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.target, self.port)
    }
}

/// All such targets of one name: the first few, and how many there are. An answer has room for more than a thousand, and
/// whoever makes it up must not take memory, or the journal, with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusedTargets {
    first: BTreeSet<Refused>,
    count: usize,
}

impl RefusedTargets {
    /// Counts each target once.
    pub fn of(all: BTreeSet<Refused>) -> Self {
        Self { count: all.len(), first: all.into_iter().take(FEW).collect() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first few in alphabetical order.
    pub fn first(&self) -> impl Iterator<Item = &Refused> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(count: usize) -> RefusedTargets {
        let target =
            |number| Refused { target: ExternalText::new(format!("t{number:04}.evil.net")), port: 8200 };
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
