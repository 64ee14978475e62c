//! Certificates that are for other names than the one that is asked for.

use super::failure::{refused, rejected};
use crate::api::{NameRemedy, TlsFailure};
use crate::external::ExternalText;
use rustls::Error;
use rustls::pki_types::ServerName;
use std::net::IpAddr;
use webpki::InvalidNameContext;

/// The error of the handshake with a server whose certificate `error` finds to be for other names. `fixed`: the name that
/// was asked for is `server_name`. `own_ca`: the configuration names the CA.
pub(super) fn mismatch(error: webpki::Error, fixed: bool, own_ca: bool) -> Error {
    let webpki::Error::CertNotValidForName(InvalidNameContext { expected, presented }) = error else {
        return rejected(error);
    };
    if let Some(address) = address_as_name(&expected, &presented) {
        let other_names =
            presented.iter().filter_map(|name| host(name)).any(|name| name.parse::<IpAddr>().is_err());
        return refused(TlsFailure::AddressAsName { address, other_names });
    }
    let remedy = match presented.iter().find_map(|name| askable(name)) {
        _ if presented.is_empty() => NameRemedy::MakeAnew(alternative_name(&expected)),
        _ if fixed => NameRemedy::Correct,
        Some(name) if own_ca => NameRemedy::Ask(ExternalText::new(name)),
        _ => NameRemedy::Choose,
    };
    let names = Some(ExternalText::new(format!("({}): {}", expected.to_str(), listed(&presented))));
    refused(TlsFailure::WrongName { names, remedy })
}

/// The subjectAltName that a certificate for this name needs, as `openssl req -addext` takes it.
fn alternative_name(name: &ServerName<'_>) -> String {
    let kind = if matches!(name, ServerName::IpAddress(_)) { "IP" } else { "DNS" };
    format!("{kind}:{}", name.to_str())
}

/// The names in a certificate: what the server says. webpki writes `DnsName("a.example")` and `IpAddress(10.0.0.1)`.
fn listed(presented: &[String]) -> String {
    let plain = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, inner)| inner);
        let inner = inner.trim_matches(['(', ')', '"']);
        // It writes ::1 as 0::1.
        inner.parse::<IpAddr>().map_or_else(|_| inner.to_owned(), |address| address.to_string())
    };
    if presented.is_empty() {
        return "it names no host at all, for it has no subjectAltName".to_owned();
    }
    let names = presented.iter().map(plain).collect::<Vec<_>>().join(", ");
    format!("it is for {names}")
}

fn host(presented: &str) -> Option<&str> {
    presented.strip_prefix("DnsName(\"")?.strip_suffix("\")")
}

/// The name of a host that tells this server from others, and can be asked for: no wildcard, and nothing that everybody
/// has.
fn askable(presented: &str) -> Option<&str> {
    let name = host(presented)?;
    let is_name = matches!(ServerName::try_from(name), Ok(ServerName::DnsName(_)));
    (is_name && !name.eq_ignore_ascii_case("localhost")).then_some(name)
}

/// The address that a certificate is to be for, if it has that as the name of a host.
fn address_as_name(expected: &ServerName<'_>, presented: &[String]) -> Option<IpAddr> {
    let ServerName::IpAddress(address) = expected else { return None };
    let address = IpAddr::from(*address);
    let is_it = |name: &String| host(name).and_then(|name| name.parse().ok()) == Some(address);
    presented.iter().any(is_it).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::super::failure::handshake;
    use super::*;
    use crate::explain::Explain;

    #[test]
    fn wildcards_addresses_and_localhost_are_not_suggested() {
        for (presented, name) in [
            ("DnsName(\"vault.example\")", Some("vault.example")),
            ("DnsName(\"*.vault-internal\")", None),
            ("DnsName(\"localhost\")", None),
            ("DnsName(\"10.0.0.1\")", None),
            ("DnsName(\"a\" b`c\")", None),
            ("IpAddress(10.0.0.1)", None),
        ] {
            assert_eq!(askable(presented), name, "{presented}");
        }
    }

    fn told(name: &'static str, presented: &[&str], fixed: bool) -> (String, String) {
        let context = InvalidNameContext {
            expected: ServerName::try_from(name).unwrap(),
            presented: presented.iter().map(ToString::to_string).collect(),
        };
        let failure = handshake(&mismatch(webpki::Error::CertNotValidForName(context), fixed, true));
        (failure.to_string(), failure.advice().unwrap())
    }

    #[test]
    fn certificate_without_names_is_made_anew_whatever_server_name_says() {
        for fixed in [false, true] {
            for (name, alternative) in
                [("localhost", "DNS:localhost"), ("10.0.0.1", "IP:10.0.0.1"), ("::1", "IP:::1")]
            {
                let (failure, advice) = told(name, &[], fixed);
                assert!(
                    failure.ends_with("it names no host at all, for it has no subjectAltName"),
                    "{failure}"
                );
                assert!(advice.contains(&format!("`-addext subjectAltName={alternative}`")), "{advice}");
                assert!(!advice.contains("server_name"), "{advice}");
            }
        }
    }

    #[test]
    fn address_as_a_dns_name_is_worked_around_only_with_another_name() {
        let (_, advice) = told("10.0.0.1", &["DnsName(\"10.0.0.1\")"], false);
        assert!(
            advice.contains("`subjectAltName = IP:10.0.0.1`") && !advice.contains("server_name"),
            "{advice}"
        );
        let (_, advice) = told("10.0.0.1", &["DnsName(\"10.0.0.1\")", "DnsName(\"localhost\")"], false);
        assert!(advice.contains("server_name"), "{advice}");
    }
}
