//! Finds the cause of a failed exchange: the libraries' errors wrap it several times.

use super::dial::NameError;
use super::refusal::printable;
use super::tls::AnotherKey;
use super::unreachable::{TlsFailure, Unreachable};
use rustls::{AlertDescription, CertificateError, Error as Tls, InvalidMessage, PeerIncompatible};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

/// What a failed request means. The error's own text is used only where no type tells.
pub(super) fn classify(error: &(dyn Error + 'static)) -> Unreachable {
    let mut last = error.to_string();
    let mut incomplete = false;
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(name) = cause.downcast_ref::<NameError>() {
            return Unreachable::Name(printable(&name.to_string()));
        }
        if let Some(tls) = cause.downcast_ref::<Tls>() {
            return Unreachable::Tls(tls_failure(tls));
        }
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            if hyper.is_parse() {
                return Unreachable::NotHttp(printable(&hyper.to_string()));
            }
            // SSH, SMTP and others speak first: hyper has no type for it, and parses it only if we were faster.
            if hyper.to_string() == "received unexpected message from connection" {
                return Unreachable::NotHttp("it spoke before it was asked".to_owned());
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
        }
        last = cause.to_string();
        next = cause.source();
    }
    if incomplete { Unreachable::Closed } else { Unreachable::Network(printable(&last)) }
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
        ) => TlsFailure::ClientCertificateRefused(format!("{alert:?}")),
        Tls::AlertReceived(
            alert @ (AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity),
        ) => TlsFailure::Incompatible(format!("{alert:?}")),
        Tls::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            TlsFailure::Incompatible("the server offers neither TLS 1.2 nor 1.3".to_owned())
        }
        Tls::PeerIncompatible(detail) => TlsFailure::Incompatible(format!("{detail:?}")),
        other => TlsFailure::Other(printable(&other.to_string())),
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
        CertificateError::NotValidForName => TlsFailure::WrongName(String::new()),
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
            TlsFailure::WrongName(printable(&format!("({}): {names}", expected.to_str())))
        }
        // A bad signature is what another CA of the same name leaves.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFailure::UnknownCa,
        CertificateError::Other(other)
            if matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
        {
            // Self-signed with CA:TRUE: good enough if it is named itself.
            TlsFailure::UnknownCa
        }
        other => TlsFailure::BadCertificate(printable(&other.to_string())),
    }
}

fn date(unix_seconds: u64) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(unix_seconds));
    time.map_or_else(String::new, |time| humantime::format_rfc3339_seconds(time).to_string())
}
