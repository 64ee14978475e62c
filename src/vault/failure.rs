//! Finds the cause of a failed exchange: the libraries' errors wrap it several times.

use super::dial::NameError;
use super::refusal::printable;
use super::tls::handshake;
use super::unreachable::Unreachable;
use rustls::Error as Tls;
use std::error::Error;
use std::io::{self, ErrorKind};

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
            return Unreachable::Tls(handshake(tls));
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
                return Unreachable::Tls(handshake(tls));
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
