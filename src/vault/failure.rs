//! Finds the cause of a failed exchange: the libraries' errors wrap it several times. The only place that looks into their
//! errors, and none of their texts leaves it: a kind is told in our own words, an error of the system in the system's.

use super::dial::NameError;
use super::tls::AnotherKey;
use super::unreachable::{TlsFailure, Unreachable};
use crate::external::ExternalText;
use rustls::{AlertDescription, CertificateError, Error as Tls, InvalidMessage, PeerIncompatible};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

/// What a failed request means.
pub(super) fn classify(error: &(dyn Error + 'static)) -> Unreachable {
    let mut system = None;
    let mut incomplete = false;
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(name) = cause.downcast_ref::<NameError>() {
            return Unreachable::Name(ExternalText::new(name.to_string()));
        }
        if let Some(tls) = cause.downcast_ref::<Tls>() {
            return Unreachable::Tls(tls_failure(tls));
        }
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            if hyper.is_parse() {
                return Unreachable::NotHttp(not_http(hyper));
            }
            // SSH, SMTP and others speak first: hyper has no type for it, and parses it only if we were faster. Its text is
            // one of its own.
            if hyper.to_string() == "received unexpected message from connection" {
                return Unreachable::NotHttp("it spoke before it was asked");
            }
            incomplete |= hyper.is_incomplete_message() || hyper.is_body_write_aborted();
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            if let Some(tls) = tls_inside(io) {
                return Unreachable::Tls(tls_failure(tls));
            }
            if let Some(known) = from_io(io) {
                return known;
            }
            system = io.raw_os_error().or(system);
        }
        next = cause.source();
    }
    match system {
        _ if incomplete => Unreachable::Closed,
        // Its text is the C library's for that number.
        Some(number) => Unreachable::Network(io::Error::from_raw_os_error(number).to_string()),
        None => Unreachable::Network("the connection failed".to_owned()),
    }
}

/// Why bytes are not an answer.
fn not_http(error: &hyper::Error) -> &'static str {
    if error.is_parse_too_large() {
        "its headers are too long"
    } else if error.is_parse_status() {
        "its status code is none"
    } else if error.is_parse_version_h2() {
        "it speaks HTTP/2 alone"
    } else {
        "its answer cannot be read"
    }
}

/// The TLS error that an I/O error carries. `source()` of an I/O error skips what it carries, and the libraries put
/// one I/O error into another.
fn tls_inside(error: &io::Error) -> Option<&Tls> {
    let inner = error.get_ref()?;
    inner.downcast_ref::<Tls>().or_else(|| tls_inside(inner.downcast_ref::<io::Error>()?))
}

fn from_io(error: &io::Error) -> Option<Unreachable> {
    Some(match error.kind() {
        ErrorKind::ConnectionRefused => Unreachable::Refused,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Unreachable::Closed,
        ErrorKind::HostUnreachable => Unreachable::Network("no route to the host".to_owned()),
        ErrorKind::NetworkUnreachable => Unreachable::Network("the network is unreachable".to_owned()),
        ErrorKind::TimedOut => Unreachable::Network("the connection timed out".to_owned()),
        _ => return None,
    })
}

fn tls_failure(error: &Tls) -> TlsFailure {
    match error {
        Tls::InvalidCertificate(certificate) => certificate_failure(certificate),
        // rustls takes the first byte of "HTTP/1.1" for a record type it has never heard of.
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => TlsFailure::NotTls,
        Tls::AlertReceived(AlertDescription::CertificateRequired) => TlsFailure::ClientCertificateWanted,
        // TLS 1.2 has no alert of its own for a missing client certificate; servers send one of these.
        Tls::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied),
        ) => TlsFailure::ClientCertificateRefused(alert_name(*alert)),
        Tls::AlertReceived(
            alert @ (AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity),
        ) => TlsFailure::Incompatible(alert_name(*alert)),
        Tls::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            TlsFailure::Incompatible("the server offers neither TLS 1.2 nor 1.3")
        }
        Tls::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => {
            TlsFailure::Incompatible("no cipher suite in common")
        }
        Tls::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon) => {
            TlsFailure::Incompatible("no key exchange group in common")
        }
        Tls::PeerIncompatible(_) => {
            TlsFailure::Incompatible("the server lacks what TLS 1.2 and 1.3 need here")
        }
        other => TlsFailure::Other(other_tls(other)),
    }
}

/// The name of an alert (RFC 8446, section 6).
fn alert_name(alert: AlertDescription) -> &'static str {
    alert.as_str().unwrap_or("an unknown alert")
}

/// What else can go wrong in TLS.
fn other_tls(error: &Tls) -> &'static str {
    match error {
        Tls::AlertReceived(alert) => alert_name(*alert),
        Tls::InvalidMessage(_) => "the server sent a message that cannot be read",
        Tls::InappropriateMessage { .. } | Tls::InappropriateHandshakeMessage { .. } => {
            "the server sent a message out of turn"
        }
        Tls::PeerMisbehaved(_) => "the server does not keep to the protocol",
        Tls::PeerSentOversizedRecord => "the server sent a record that is too long",
        Tls::DecryptError => "a message of the server cannot be decrypted",
        Tls::NoCertificatesPresented => "the server has no certificate",
        Tls::NoApplicationProtocol => "no application protocol in common",
        Tls::UnsupportedNameType => "the name of the server cannot be checked",
        Tls::FailedToGetCurrentTime => "the time is not known",
        Tls::FailedToGetRandomBytes => "the kernel gives no random bytes",
        _ => "the TLS library gave up",
    }
}

fn certificate_failure(error: &CertificateError) -> TlsFailure {
    if let CertificateError::Other(other) = error {
        if let Some(&AnotherKey { found, certificate_pinned }) = other.0.downcast_ref() {
            return TlsFailure::PinMismatch { found, certificate_pinned };
        }
    }
    match error {
        CertificateError::Expired => TlsFailure::Expired(String::new()),
        CertificateError::ExpiredContext { not_after, .. } => {
            TlsFailure::Expired(format!(" on {}", date(not_after.as_secs())))
        }
        CertificateError::NotValidYet => TlsFailure::NotYetValid(String::new()),
        CertificateError::NotValidYetContext { not_before, .. } => {
            TlsFailure::NotYetValid(format!(": it begins on {}", date(not_before.as_secs())))
        }
        CertificateError::NotValidForName => TlsFailure::WrongName(None),
        CertificateError::NotValidForNameContext { expected, presented } => {
            // The library writes DnsName("a.example") and IpAddress(10.0.0.1).
            let plain = |name: &String| {
                let inner = name.split_once('(').map_or(name.as_str(), |(_, inner)| inner);
                inner.trim_matches(['(', ')', '"']).to_owned()
            };
            let names = if presented.is_empty() {
                "it names no host at all: it needs a subjectAltName".to_owned()
            } else {
                format!("it is for {}", presented.iter().map(plain).collect::<Vec<_>>().join(", "))
            };
            TlsFailure::WrongName(Some(ExternalText::new(format!("({}): {names}", expected.to_str()))))
        }
        // A bad signature is what another CA of the same name leaves.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFailure::UnknownCa,
        CertificateError::Other(other)
            if matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
        {
            // Self-signed with CA:TRUE: good enough if it is named itself.
            TlsFailure::UnknownCa
        }
        other => TlsFailure::BadCertificate(flaw(other)),
    }
}

/// Why a certificate is refused that is broken in another way.
fn flaw(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::BadEncoding => "it is not encoded as it must be",
        CertificateError::Revoked => "it is revoked",
        CertificateError::UnhandledCriticalExtension => "it has a critical extension that is not known here",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for servers (extendedKeyUsage)"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its signature algorithm is not supported"
        }
        CertificateError::ApplicationVerificationFailure => "it does not fit",
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(webpki::Error::UnsupportedCertVersion) => "it is no certificate of version 3",
            Some(webpki::Error::PathLenConstraintViolated) => {
                "its chain is longer than an authority in it allows"
            }
            Some(webpki::Error::NameConstraintViolation) => {
                "an authority in its chain may not sign for this name"
            }
            Some(webpki::Error::EndEntityUsedAsCa) => "it is signed by a certificate that is no authority's",
            Some(
                webpki::Error::InvalidSerialNumber
                | webpki::Error::MalformedExtensions
                | webpki::Error::MalformedDnsIdentifier
                | webpki::Error::BadDer
                | webpki::Error::BadDerTime
                | webpki::Error::TrailingData(_),
            ) => "it is malformed",
            _ => "it fails a check of the TLS library",
        },
        _ => "it fails a check of the TLS library",
    }
}

fn date(unix_seconds: u64) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(unix_seconds));
    time.map_or_else(String::new, |time| humantime::format_rfc3339_seconds(time).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::OtherError;
    use std::sync::Arc;

    #[derive(Debug, thiserror::Error)]
    #[error("canary")]
    struct Canary;

    /// Whatever a library puts into its errors, and however it wraps them.
    #[test]
    fn text_of_a_library_is_not_told() {
        let tls = [
            Tls::General("canary".to_owned()),
            Tls::Other(OtherError(Arc::new(Canary))),
            Tls::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Canary)))),
            Tls::InvalidMessage(InvalidMessage::MissingData("canary")),
        ];
        let mut causes: Vec<Unreachable> = tls.iter().map(|error| classify(error)).collect();
        causes.extend(tls.into_iter().map(|error| classify(&io::Error::other(io::Error::other(error)))));
        causes.push(classify(&io::Error::other(Canary)));
        causes.push(classify(&io::Error::new(ErrorKind::InvalidData, "canary")));
        for cause in causes {
            let told = format!("{cause} {cause:?}");
            assert!(!told.contains("canary"), "{told}");
        }
    }

    #[test]
    fn error_of_the_system_is_told_in_its_words() {
        let told = classify(&io::Error::from_raw_os_error(28)).to_string();
        assert!(told.starts_with("No space left on device"), "{told}");
    }
}
