//! The side of whoever observes the daemon. Blocks: a verb that shows what the daemon says has nothing else to do.

use super::schema::{EventList, SCHEMA, Snapshot};
use super::server::places;
use super::value::ObservedValue;
use crate::explain::Explain;
use crate::external::quote::sentence;
use crate::external::{ExternalText, error};
use crate::listener;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long one read or write may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How long the whole answer may take: the daemon gives a reader no longer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection that has no place is tried again.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// Largest answer that is read: a kilobyte for each of several thousand nodes.
const LARGEST: usize = 16 * 1024 * 1024;

/// Why the daemon's view is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// There is no socket at this path, or nobody behind it.
    #[error("no daemon can be observed at {}: {}", sentence(.0), error::io(.1))]
    Absent(PathBuf, io::Error),
    /// It did not answer, or not in a way that can be understood, for this reason.
    #[error("the daemon at {} gave no proper answer: {}", sentence(.0), .1)]
    Answer(PathBuf, String),
    /// It closes every connection without an answer.
    #[error("the daemon at {} closes every connection: too many observe it", sentence(.0))]
    Busy(PathBuf),
}

impl Explain for ObserveError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::Absent(..) => (
                "no-daemon",
                "Is the service running? `systemctl status vault-unseal` tells. A daemon that is run by hand listens where \
                 RUNTIME_DIRECTORY was set for it: name that here with --observe-socket DIRECTORY/observe.sock",
            ),
            Self::Answer(..) => {
                ("observe-answer", "Look at `journalctl -u vault-unseal`; both must be of the same version.")
            }
            Self::Busy(_) => (
                "observe-busy",
                "Close the connections of this user that do nothing: as root, `ss -xp` lists those of observe.sock.",
            ),
        };
        (kind, Some(advice.into()))
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What the daemon knows of its nodes: a [`Snapshot`].
    Nodes,
    /// What happened after the event with this number: an [`EventList`].
    Events(u64),
    /// Its metrics in Prometheus' text format, 0.0.4.
    Metrics,
    /// The same under the names of `vault_exporter`.
    MetricsOfVaultExporter,
}

/// What the daemon behind the socket at `path` knows of its nodes.
pub fn snapshot(path: &Path) -> Result<Snapshot<ExternalText>, ObserveError> {
    read(path, Wanted::Nodes, |snapshot: &Snapshot<_>| snapshot.schema.into())
}

/// What happened after the event with this number.
pub fn events(path: &Path, after: u64) -> Result<EventList<ExternalText>, ObserveError> {
    read(path, Wanted::Events(after), |list: &EventList<_>| list.schema.into())
}

/// The daemon's metrics: `wanted` is one of the two kinds.
pub fn metrics(path: &Path, wanted: Wanted) -> Result<Vec<u8>, ObserveError> {
    body(&answer(path, wanted)?).map_err(|reason| ObserveError::Answer(path.to_owned(), reason.to_owned()))
}

/// What the daemon behind this control socket knows of its nodes, where it can be observed: at a socket that the same user
/// listens at, as whoever else may write to the directory above can put one there. Within tokio's runtime.
pub(crate) fn beside_control(control: &Path) -> Option<ObservedValue> {
    let (user, _) = listener::user(listener::connected(control, LIMIT).ok()?).ok()?;
    let mut directory = Path::new(".").join(control.parent()?);
    if directory.file_name().is_none() {
        // It ends with a dot or two. Not of others: the service's is a link to where no other directory is.
        directory = fs::canonicalize(directory).ok()?;
    }
    places(&directory).into_iter().flatten().find_map(|path| {
        let (listens, stream) = listener::user(listener::connected(&path, LIMIT).ok()?).ok()?;
        if listens != user {
            return None;
        }
        let mut answer = Vec::new();
        ask(stream, &request(Wanted::Nodes), &mut answer).ok()?;
        parse(&answer, schema_of_document).ok()
    })
}

/// The document, with what later versions add to it.
pub(crate) fn document(path: &Path, wanted: Wanted) -> Result<ObservedValue, ObserveError> {
    read(path, wanted, schema_of_document)
}

fn schema_of_document(document: &ObservedValue) -> u64 {
    document.number("schema")
}

fn read<T: DeserializeOwned>(path: &Path, wanted: Wanted, schema: fn(&T) -> u64) -> Result<T, ObserveError> {
    parse(&answer(path, wanted)?, schema).map_err(|reason| ObserveError::Answer(path.to_owned(), reason))
}

/// What an answer says, if it is of a version that is known here; or why not.
fn parse<T: DeserializeOwned>(answer: &[u8], schema: fn(&T) -> u64) -> Result<T, String> {
    let document = serde_json::from_slice(&body(answer)?).map_err(|cause| error::json(&cause))?;
    match schema(&document) {
        known if known == u64::from(SCHEMA) => Ok(document),
        other => Err(format!("its schema is version {other}, and this program knows {SCHEMA}")),
    }
}

fn request(wanted: Wanted) -> String {
    let target = match wanted {
        Wanted::Nodes => "/v1/nodes".to_owned(),
        Wanted::Events(after) => format!("/v1/events?after={after}"),
        Wanted::Metrics => "/metrics".to_owned(),
        Wanted::MetricsOfVaultExporter => "/metrics?names=vault_exporter".to_owned(),
    };
    format!("GET {target} HTTP/1.1\r\nHost: vault-unseal\r\n\r\n")
}

/// The daemon's answer, as soon as there is a place.
fn answer(path: &Path, wanted: Wanted) -> Result<Vec<u8>, ObserveError> {
    let request = request(wanted);
    let began = Instant::now();
    loop {
        match exchange(path, &request)? {
            Some(answer) => return Ok(answer),
            None if began.elapsed() > PATIENCE => return Err(ObserveError::Busy(path.to_owned())),
            None => sleep(PAUSE),
        }
    }
}

/// Asks once; `None` when the connection is closed without an answer.
fn exchange(path: &Path, request: &str) -> Result<Option<Vec<u8>>, ObserveError> {
    let absent = |cause| ObserveError::Absent(path.to_owned(), cause);
    let broken = |cause: io::Error| ObserveError::Answer(path.to_owned(), error::io(&cause));
    let stream = match listener::connected(path, LIMIT) {
        // A daemon that hangs: its queue is full.
        Ok(stream) => stream,
        Err(Errno::AGAIN) => return Ok(None),
        Err(cause) => return Err(absent(cause.into())),
    };
    let mut answer = Vec::new();
    match ask(stream, request, &mut answer) {
        Err(cause) if is_closed(&cause) && answer.is_empty() => Ok(None),
        Err(cause) => Err(broken(cause)),
        Ok(()) => Ok(Some(answer).filter(|answer| !answer.is_empty())),
    }
}

/// Asks over this connection, and reads all that comes within the limit, however slowly.
fn ask(mut stream: UnixStream, request: &str, answer: &mut Vec<u8>) -> io::Result<()> {
    stream.write_all(request.as_bytes())?;
    read_to_end(&mut stream, answer, Instant::now() + ANSWER_LIMIT)
}

fn read_to_end(stream: &mut UnixStream, answer: &mut Vec<u8>, deadline: Instant) -> io::Result<()> {
    let mut part = [0; 16 * 1024];
    while answer.len() < LARGEST {
        let left = deadline.saturating_duration_since(Instant::now()).min(LIMIT);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        set_socket_timeout(&*stream, Timeout::Recv, Some(left))?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(part.get(..length).unwrap_or_default()),
            // With a limit, no signal's handler restarts it (signal(7)).
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The limit's word (socket(7)), which is not for people.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_closed(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// The body of a whole answer in chunks.
pub(super) fn body(answer: &[u8]) -> Result<Vec<u8>, &'static str> {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").ok_or("it is cut short")?;
    let (head, mut rest) = (answer.get(..end).unwrap_or_default(), answer.get(end + 4..).unwrap_or_default());
    if !head.starts_with(b"HTTP/1.1 200 ") {
        return Err("it is an error");
    }
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|part| part == b"\r\n").ok_or("it is cut short")?;
        let size = rest.get(..line).and_then(|size| std::str::from_utf8(size).ok());
        // A sign, which the library takes, is no digit.
        let size = size.filter(|size| !size.starts_with('+'));
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok()).ok_or("it is no HTTP")?;
        let begin = line + 2;
        if size == 0 {
            return Ok(body);
        }
        let chunk = rest.get(begin..).and_then(|rest| rest.split_at_checked(size));
        let (chunk, after) = chunk.ok_or("it is cut short")?;
        body.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n").ok_or("it is no HTTP")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// One that goes on for ever would keep whoever asks, as one that says nothing.
    #[test]
    fn answer_that_does_not_end_is_given_up_at_the_deadline() {
        let given_up = |stream: &mut UnixStream| {
            let soon = Instant::now() + Duration::from_millis(50);
            read_to_end(stream, &mut Vec::new(), soon).unwrap_err().kind()
        };
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        assert_eq!(given_up(&mut ours), io::ErrorKind::TimedOut);
        let dripping = thread::spawn(move || while theirs.write_all(b"x").is_ok() {});
        assert_eq!(given_up(&mut ours), io::ErrorKind::TimedOut);
        drop(ours);
        dripping.join().unwrap();
    }

    #[test]
    fn chunks_are_put_together_and_a_missing_end_is_seen() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let whole = format!("{head}3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n");
        assert_eq!(body(whole.as_bytes()), Ok(b"abc0123456789".to_vec()));
        for length in head.len()..whole.len() - 4 {
            assert!(body(&whole.as_bytes()[..length]).is_err(), "{length}");
        }
        assert_eq!(body(b"HTTP/1.1 404 Not Found\r\n\r\n{}"), Err("it is an error"));
        assert_eq!(body(format!("{head}zz\r\n").as_bytes()), Err("it is no HTTP"));
        assert!(body(format!("{head}ffffffffffffffff\r\nabc").as_bytes()).is_err());
        // A chunk ends where its size says, and a size is digits alone.
        assert_eq!(body(format!("{head}3\r\nabcde0\r\n\r\n").as_bytes()), Err("it is no HTTP"));
        assert_eq!(body(format!("{head}+3\r\nabc\r\n0\r\n\r\n").as_bytes()), Err("it is no HTTP"));
    }
}
