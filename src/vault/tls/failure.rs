//! The one place that reads errors of rustls and webpki, and says them in words of ours. Their own
//! texts are never shown: they repeat what is in files and in certificates.

use super::x509::date;
use crate::api::{NameRemedy, TlsFailure};
use crate::external::ExternalText;
use rustls::pki_types::ServerName;
use rustls::{
    AlertDescription, CertificateError, Error, InconsistentKeys, InvalidMessage, OtherError, PeerIncompatible,
};
use std::net::IpAddr;
use std::sync::Arc;
use webpki::InvalidNameContext;

/// Why a handshake failed.
pub(in crate::vault) fn handshake(error: &Error) -> TlsFailure {
    let other = TlsFailure::Other;
    match error {
        Error::InvalidCertificate(certificate) => certificate_failure(certificate),
        // rustls takes the first byte of "HTTP/1.1" for a record type it has never heard of.
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsFailure::NotTls,
        Error::AlertReceived(AlertDescription::CertificateRequired) => TlsFailure::ClientCertificateWanted,
        // TLS 1.2 has no alert of its own for a missing client certificate; servers send one of these.
        Error::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied),
        ) => TlsFailure::ClientCertificateRefused(alert_words(*alert)),
        Error::AlertReceived(
            alert @ (AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity),
        ) => TlsFailure::Incompatible(alert_words(*alert)),
        Error::AlertReceived(alert) => TlsFailure::Other(alert_words(*alert)),
        Error::PeerIncompatible(detail) => TlsFailure::Incompatible(incompatible(detail)),
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_) => other("the server's messages break the TLS protocol"),
        Error::PeerSentOversizedRecord => other("the server sent a record larger than TLS allows"),
        Error::DecryptError => {
            other("a message of the server cannot be decrypted: it was changed on its way")
        }
        Error::NoCertificatesPresented => other("the server has no certificate"),
        Error::NoApplicationProtocol => other("the server speaks no HTTP/1.1 in TLS"),
        Error::UnsupportedNameType => other("the node's name cannot stand in a certificate"),
        Error::FailedToGetCurrentTime => other("this machine's clock is before 1970"),
        Error::FailedToGetRandomBytes => other("the kernel gives no random numbers"),
        _ => other("the TLS library refused it"),
    }
}

/// Why a connection ended that was good. A server that is refused another handshake (RFC 5246, 7.2.2: `no_renegotiation`) ends
/// it with the alert of a handshake.
pub(in crate::vault) fn after_handshake(error: &Error) -> TlsFailure {
    match error {
        Error::AlertReceived(AlertDescription::HandshakeFailure) => TlsFailure::Renegotiation,
        other => handshake(other),
    }
}

fn certificate_failure(error: &CertificateError) -> TlsFailure {
    let bad = TlsFailure::BadCertificate;
    match error {
        // Our own verifier's, in words already.
        CertificateError::Other(OtherError(other)) => match other.downcast_ref::<TlsFailure>() {
            Some(failure) => failure.clone(),
            None => bad("it breaks a rule of X.509"),
        },
        CertificateError::Expired => TlsFailure::Expired(String::new()),
        CertificateError::ExpiredContext { not_after, .. } => {
            TlsFailure::Expired(format!(" on {}", date(*not_after)))
        }
        CertificateError::NotValidYet => TlsFailure::NotYetValid(String::new()),
        CertificateError::NotValidYetContext { not_before, .. } => {
            TlsFailure::NotYetValid(format!(": it begins on {}", date(*not_before)))
        }
        // A bad signature is what another CA of the same name leaves.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFailure::UnknownCa(None),
        CertificateError::BadEncoding => bad(MALFORMED),
        CertificateError::Revoked => bad("it is revoked"),
        CertificateError::UnhandledCriticalExtension => bad(CRITICAL),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => bad(PURPOSE),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => bad(ALGORITHM),
        _ => bad("it breaks a rule of X.509"),
    }
}

const MALFORMED: &str = "it is malformed";
const CRITICAL: &str = "it has a critical extension that is not known here";
const PURPOSE: &str = "its extended key usage does not allow a server";
const ALGORITHM: &str = "it is signed with an algorithm that is not accepted here";
const COMPLEX: &str = "the chain of certificates is too complex";

/// A certificate that webpki refuses, as an error of the handshake. rustls tells the server those that it knows itself
/// by the alert that fits.
pub(super) fn rejected(error: webpki::Error) -> Error {
    Error::InvalidCertificate(match error {
        webpki::Error::CertExpired { time, not_after } => {
            CertificateError::ExpiredContext { time, not_after }
        }
        webpki::Error::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }
        }
        // A self-signed one with CA:TRUE that is not named itself.
        webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity => CertificateError::UnknownIssuer,
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        other => return refused(TlsFailure::BadCertificate(flaw(&other))),
    })
}

/// A refusal of our own, as an error of the handshake.
pub(super) fn refused(failure: TlsFailure) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(failure))))
}

/// What is wrong with a certificate.
pub(super) fn flaw(error: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match error {
        E::BadDer
        | E::BadDerTime
        | E::TrailingData(_)
        | E::MalformedExtensions
        | E::ExtensionValueInvalid => MALFORMED,
        E::InvalidSerialNumber => "its serial number is malformed",
        E::MalformedDnsIdentifier => "it has a malformed host name",
        E::CaUsedAsEndEntity => "it is a CA's own certificate",
        E::EndEntityUsedAsCa => "it is signed by a certificate that is not a CA's",
        E::CertDistrusted => "its key is known to be compromised",
        E::CertRevoked => "it is revoked",
        E::EmptyEkuExtension | E::RequiredEkuNotFoundContext(_) => PURPOSE,
        E::InvalidCertValidity => "it ends before it begins",
        E::NameConstraintViolation => "its CA may not sign for this name",
        E::MalformedNameConstraint | E::InvalidNetworkMaskConstraint => {
            "its CA's name constraints are malformed"
        }
        E::PathLenConstraintViolated => "its CA may not have so many CAs below it",
        E::SignatureAlgorithmMismatch
        | E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => ALGORITHM,
        E::UnsupportedCertVersion => "it is not an X.509 certificate of version 3",
        E::UnsupportedCriticalExtension => CRITICAL,
        E::MaximumNameConstraintComparisonsExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded
        | E::MaximumSignatureChecksExceeded => COMPLEX,
        _ => "it breaks a rule of X.509",
    }
}

/// Why certificate and key do not go together.
pub(super) fn key_mismatch(error: &Error) -> &'static str {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => "the key is another certificate's",
        Error::InvalidCertificate(CertificateError::Other(OtherError(error)))
            if error.downcast_ref() == Some(&webpki::Error::UnsupportedCertVersion) =>
        {
            "the certificate is not of X.509 version 3"
        }
        Error::InvalidCertificate(_) => "the certificate is malformed",
        // rustls has no type of its own for a key that it cannot read.
        Error::General(_) => {
            "the key is malformed, or of a kind that is not supported (RSA from 2048 bits, P-256, P-384, Ed25519)"
        }
        _ => "the TLS library refuses them",
    }
}

fn alert_words(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::BadCertificate => "it says that the certificate is bad or missing",
        AlertDescription::UnknownCA => "it does not know the CA that signed it",
        AlertDescription::CertificateExpired => "it says that the certificate has expired",
        AlertDescription::CertificateRevoked => "it says that the certificate is revoked",
        AlertDescription::CertificateUnknown => "it cannot use the certificate",
        AlertDescription::UnsupportedCertificate => "it does not support this kind of certificate",
        AlertDescription::AccessDenied => "it denies access",
        AlertDescription::HandshakeFailure => "the server accepts nothing that is offered",
        AlertDescription::ProtocolVersion => "the server does not speak TLS 1.2 or 1.3",
        AlertDescription::InsufficientSecurity => "the server wants stronger ciphers",
        AlertDescription::BadRecordMac => "the server cannot decrypt our message: it was changed on its way",
        AlertDescription::InternalError => "the server reports an error of its own",
        AlertDescription::UnrecognisedName => "the server does not know this name",
        AlertDescription::CloseNotify | AlertDescription::UserCanceled => "the server ended it",
        _ => "the server refused it with another alert",
    }
}

fn incompatible(detail: &PeerIncompatible) -> &'static str {
    match detail {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            "the server offers neither TLS 1.2 nor 1.3"
        }
        PeerIncompatible::NoCipherSuitesInCommon => "no cipher suite in common",
        PeerIncompatible::NoKxGroupsInCommon => "no key exchange in common",
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => "no signature scheme in common",
        _ => "the server lacks what TLS 1.2 and 1.3 need",
    }
}

/// The error of the handshake with a server whose certificate `error` finds to be for other names. `fixed`: the name that
/// was asked for is `server_name`. `own_ca`: the configuration names the CA.
pub(super) fn wrong_name(error: webpki::Error, fixed: bool, own_ca: bool) -> Error {
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
        let failure = handshake(&wrong_name(webpki::Error::CertNotValidForName(context), fixed, true));
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
