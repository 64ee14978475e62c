//! Reads a name in DNS that stands for nodes.

use super::address::{self, AddressError};
use super::redact;
use crate::cluster::{ADDRESSES, Discovery, NodeAddress, SERVICES};
use std::net::IpAddr;
use std::str::FromStr;

/// The protocol that servers are reached by, as an SRV name has it (RFC 2782).
const PROTOCOL: &str = "_tcp";

impl Discovery {
    /// Whether a text is meant for one, whatever else is wrong with it.
    pub(super) fn is_meant(text: &str) -> bool {
        split(text.trim()).is_some()
    }
}

impl FromStr for Discovery {
    type Err = AddressError;

    /// Reads a URL whose scheme begins with `dns+` or `srv+`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let shown = || redact::address(text);
        let Some((kind, rest)) = split(text) else {
            let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
            return Err(AddressError::Scheme(shown(), redact::redact(scheme)));
        };
        let mut address = NodeAddress::behind(kind, rest)?;
        // An absolute name is the same name: no certificate has the dot.
        if address.host.ends_with('.') {
            address.host.pop();
        }
        if kind == ADDRESSES {
            if address.host.parse::<IpAddr>().is_ok() {
                return Err(AddressError::NotAName(shown()));
            }
            return Ok(Self::Addresses(address));
        }
        if address::names_port(rest) {
            return Err(AddressError::ServicePort(shown()));
        }
        let mut labels = address.host.splitn(3, '.');
        let is_service =
            |label: Option<&str>| label.is_some_and(|label| label.len() > 1 && label.starts_with('_'));
        let domain = |label: Option<&str>| label.is_some_and(|domain| !domain.is_empty());
        if !(is_service(labels.next()) && labels.next() == Some(PROTOCOL) && domain(labels.next())) {
            return Err(AddressError::NotAService(shown()));
        }
        Ok(Self::Services { tls: address.tls, name: address.host })
    }
}

/// The kind, and the URL behind it.
fn split(text: &str) -> Option<(&'static str, &str)> {
    [ADDRESSES, SERVICES].into_iter().find_map(|kind| {
        let begins = text.get(..kind.len())?.eq_ignore_ascii_case(kind);
        begins.then(|| (kind, text.get(kind.len()..).unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Discovery {
        text.parse().expect(text)
    }

    #[test]
    fn names_are_normalised() {
        let cases = [
            ("dns+https://Vault-Internal.vault.svc:8200", "dns+https://vault-internal.vault.svc:8200"),
            ("DNS+HTTPS://vault.example.:8200/", "dns+https://vault.example:8200"),
            ("dns+http://vault.example", "dns+http://vault.example:80"),
            ("srv+https://_Vault._tcp.Example.", "srv+https://_vault._tcp.example"),
            ("srv+http://_vault._tcp.service.consul", "srv+http://_vault._tcp.service.consul"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).to_string(), expected);
            assert_eq!(read(&read(text).to_string()), read(text), "{text} reads back");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "dns+https://10.0.0.1:8200",
            "dns+https://[fd00::1]:8200",
            "dns+ftp://vault.example",
            "dns+https://vault.example:8200/v1",
            "dns+https://root:hunter2@vault.example",
            "srv+https://_vault._tcp.example:8200",
            "srv+https://_vault._tcp.example:443",
            "srv+https://vault.example",
            "srv+https://_vault._udp.example",
            "srv+https://_vault._tcp",
            "srv+https://_vault._tcp.",
            "srv+https://_._tcp.example",
            "dns+https://",
            "dns://vault.example",
        ] {
            let error = text.parse::<Discovery>().expect_err(text);
            assert!(!format!("{error} {}", error.advice()).contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn only_a_target_in_the_domain_of_the_record_may_be_a_node() {
        let record = read("srv+https://_vault._tcp.home.example");
        for target in ["home.example", "v1.home.example", "a.b.home.example"] {
            assert!(record.may_be(target), "{target}");
        }
        for target in ["example", "v1.example", "evilhome.example", "home.example.evil.net", "", "10.0.0.1"] {
            assert!(!record.may_be(target), "{target}");
        }
    }
}
