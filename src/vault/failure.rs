//! Finds the cause of a failed exchange: the libraries' errors wrap it several times. The only place that looks into their
//! errors, and none of their texts leaves it: a kind is told in our own words, an error of the system in the system's.

use super::tls::{after_handshake, handshake};
use crate::api::Unreachable;
use crate::external::ExternalText;
use rustix::io::Errno;
use rustls::Error as Tls;
use std::error::Error;
use std::io::{self, ErrorKind};

/// The kind of the error when more comes: of all others none means this.
pub(super) const EXCEEDED: ErrorKind = ErrorKind::FileTooLarge;

/// All that may come for one request, in bytes: head, body, and what the server sends before them. The library passes over
/// what precedes an answer (1xx, RFC 9110, section 15.2), however much of it there is, and one server would keep the loop from
/// all others. What TLS itself takes (records without content, session tickets) is not counted; the limit of the request
/// bounds it.
pub(super) const BUDGET: usize = 256 * 1024;

/// A name has no address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NameError(pub(super) io::Error);

/// What a failed request means.
pub(super) fn classify(error: &(dyn Error + 'static)) -> Unreachable {
    let mut system = None;
    let (mut incomplete, mut connected) = (false, false);
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(name) = cause.downcast_ref::<NameError>() {
            if let Some(shortage @ Unreachable::Descriptors { .. }) = from_io(&name.0) {
                return shortage;
            }
            return Unreachable::Name(ExternalText::new(name.to_string()));
        }
        if let Some(tls) = cause.downcast_ref::<Tls>() {
            return Unreachable::Tls(handshake(tls));
        }
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            connected = true;
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
                return Unreachable::Tls(if connected { after_handshake(tls) } else { handshake(tls) });
            }
            if io.kind() == EXCEEDED {
                return Unreachable::TooLarge { limit: BUDGET };
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
    // The library has no kind for these.
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => return Some(Unreachable::Descriptors { machine: false }),
        Some(Errno::NFILE) => return Some(Unreachable::Descriptors { machine: true }),
        _ => {}
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{CertificateError, InvalidMessage, OtherError};
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
    fn too_many_open_files_are_no_fault_of_the_network() {
        for (errno, machine) in [(Errno::MFILE, false), (Errno::NFILE, true)] {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(classify(&error), Unreachable::Descriptors { machine });
            assert_eq!(
                classify(&NameError(error)),
                Unreachable::Descriptors { machine },
                "a lookup takes one too"
            );
        }
    }

    #[test]
    fn error_of_the_system_is_told_in_its_words() {
        let told = classify(&io::Error::from_raw_os_error(28)).to_string();
        assert!(told.starts_with("No space left on device"), "{told}");
    }
}
