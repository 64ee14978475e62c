//! What readers ask for: the head of one HTTP/1.1 request, which has no body.

use std::io;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

/// Largest head of a request.
const LARGEST: usize = 2048;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A snapshot of all nodes.
    Nodes,
    /// The events after this number.
    Events(u64),
    /// What Prometheus scrapes.
    Metrics,
    /// The same under the names of `vault_exporter`.
    VaultExporter,
    /// Nothing that there is: the status code that says so.
    Unknown(u16),
}

impl Asked {
    /// Reads a request; `None` when the reader ends it before it is whole.
    pub(super) async fn read(stream: &mut UnixStream) -> io::Result<Option<Self>> {
        let mut head = Vec::with_capacity(256);
        while !is_whole(&head) {
            if head.len() >= LARGEST {
                return Ok(Some(Self::Unknown(431)));
            }
            let mut piece = [0; 256];
            let read = stream.read(&mut piece).await?;
            if read == 0 {
                return Ok(None);
            }
            head.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
        Ok(Some(Self::of(&head)))
    }

    /// By the first line (RFC 9112, section 3).
    pub(super) fn of(head: &[u8]) -> Self {
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let Ok(line) = std::str::from_utf8(line) else { return Self::Unknown(400) };
        let mut words = line.trim_end().split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Self::Unknown(400);
        };
        if !version.starts_with("HTTP/1.") {
            return Self::Unknown(505);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let asked = match path {
            "/v1/nodes" => Self::Nodes,
            "/v1/events" => match query.split('&').find_map(|pair| pair.strip_prefix("after=")) {
                None => Self::Events(0),
                Some(after) => after.parse().map_or(Self::Unknown(400), Self::Events),
            },
            "/metrics" => match query.split('&').find_map(|pair| pair.strip_prefix("names=")) {
                None => Self::Metrics,
                Some("vault_exporter") => Self::VaultExporter,
                Some(_) => Self::Unknown(400),
            },
            _ => Self::Unknown(404),
        };
        if method == "GET" { asked } else { Self::Unknown(405) }
    }
}

fn is_whole(head: &[u8]) -> bool {
    let ends = |end: &[u8]| head.windows(end.len()).any(|part| part == end);
    ends(b"\r\n\r\n") || ends(b"\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_known_by_its_first_line() {
        for (line, asked) in [
            ("GET /v1/nodes HTTP/1.1", Asked::Nodes),
            ("GET /v1/nodes?x=1 HTTP/1.0", Asked::Nodes),
            ("GET /v1/events HTTP/1.1", Asked::Events(0)),
            ("GET /v1/events?after=17 HTTP/1.1", Asked::Events(17)),
            ("GET /v1/events?x=1&after=18446744073709551615 HTTP/1.1", Asked::Events(u64::MAX)),
            ("GET /v1/events?after=-1 HTTP/1.1", Asked::Unknown(400)),
            ("GET /metrics HTTP/1.1", Asked::Metrics),
            ("GET /metrics?x=1 HTTP/1.1", Asked::Metrics),
            ("GET /metrics?names=vault_exporter HTTP/1.1", Asked::VaultExporter),
            ("GET /metrics?names=others HTTP/1.1", Asked::Unknown(400)),
            ("GET /metrics/ HTTP/1.1", Asked::Unknown(404)),
            ("POST /metrics HTTP/1.1", Asked::Unknown(405)),
            ("POST /v1/nodes HTTP/1.1", Asked::Unknown(405)),
            ("POST /v1/hold HTTP/1.1", Asked::Unknown(405)),
            ("GET /v1/hold HTTP/1.1", Asked::Unknown(404)),
            ("GET / HTTP/1.1", Asked::Unknown(404)),
            ("GET /v1/nodes HTTP/2.0", Asked::Unknown(505)),
            ("GET /v1/nodes", Asked::Unknown(400)),
            ("", Asked::Unknown(400)),
        ] {
            assert_eq!(Asked::of(format!("{line}\r\nHost: x\r\n\r\n").as_bytes()), asked, "{line}");
        }
        assert_eq!(Asked::of(b"GET /\xff HTTP/1.1\r\n\r\n"), Asked::Unknown(400));
    }
}
