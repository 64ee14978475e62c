//! Shares that a service of this machine gives over a Unix socket, or does not give now: systemd starts it for each
//! connection (`Accept=yes`, systemd.socket(5)), and it gets them from where they open only at home, such as a tang server.
//!
//! Nothing is sent; everything up to the end of the connection is what a share file would hold. That is how systemd itself
//! reads credentials from sockets (`LoadCredential=`, systemd.exec(5)), but once, when a unit starts, which then fails.

use super::share::LIMIT;
use crate::accounts::{Trusted, User};
use crate::external::{error, quote};
use crate::listener;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::process::geteuid;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long it may take until all is given: decryption over a network. As long as a request to a server may take by default:
/// orders and reloads wait for either.
pub(super) const GIVEN_WITHIN: Duration = Duration::from_secs(10);

/// Why no shares came over a socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketRefusal {
    /// Nothing of that name.
    #[error("there is no such socket")]
    Missing,
    /// Something else is there.
    #[error("it is not a socket")]
    NotASocket,
    /// A socket that was left behind.
    #[error("no process listens there")]
    NoListener,
    /// The running user may not connect, or may not pass one of its directories.
    #[error("permission denied to {0}")]
    Denied(User),
    /// Whoever listens is neither root nor the running user.
    #[error("it is {0} who listens there, not root")]
    Listener(User),
    /// It ended before a byte came.
    #[error("it gave nothing")]
    Nothing,
    /// It ended in the middle: a process that is killed closes its connection as one that is done does.
    #[error("it ended in the middle: what it gave is neither JSON nor does it end with a line break")]
    Cut,
    /// No end in time.
    #[error("it did not give them within {}", humantime::format_duration(GIVEN_WITHIN))]
    Slow,
    /// Larger than any file of shares: than so many bytes.
    #[error("it gave more than {LIMIT} bytes")]
    Oversized,
    /// The operating system failed.
    #[error("{}", error::io(.0))]
    Io(io::Error),
}

impl From<io::Error> for SocketRefusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl SocketRefusal {
    /// How the service, a user that systemd makes up, and nobody else may connect.
    pub(crate) const MAY_CONNECT: &str = "Let a group connect that a drop-in gives to the service: \
                                          SocketGroup=vault-unseal-shares and SocketMode=0660 in the .socket unit; systemctl \
                                          edit vault-unseal, [Service], SupplementaryGroups=vault-unseal-shares";

    /// A stable word for each refusal, and what to do about it; `path` is the socket.
    pub(super) fn explained(&self, path: &Path) -> (&'static str, String) {
        let shown = quote::shell(path);
        let unit = format!("systemctl list-sockets | grep -F {shown}");
        match self {
            Self::Missing | Self::NoListener => (
                "socket-missing",
                format!(
                    "Is that its path? A .socket unit with ListenStream={shown} makes it: systemctl enable --now, and its name."
                ),
            ),
            Self::NotASocket => ("not-a-socket", format!("See what it is: file {shown}")),
            Self::Denied(_) => (
                "socket-denied",
                format!("{}\nTo see each directory on the way: namei -l {shown}", SocketRefusal::MAY_CONNECT),
            ),
            Self::Listener(_) => (
                "socket-listener",
                format!(
                    "Have systemd listen there, which is root: a .socket unit with ListenStream={shown}."
                ),
            ),
            Self::Cut => (
                "socket-cut",
                format!(
                    "The service behind it was ended, or is to print JSON, or a line for each share. Its unit: {unit}"
                ),
            ),
            Self::Nothing => {
                ("socket-empty", format!("The service behind it says why in the journal; its unit: {unit}"))
            }
            Self::Slow => {
                ("socket-slow", format!("What is the service behind it waiting for? Its unit: {unit}"))
            }
            Self::Oversized => ("oversized", format!("It is to give the shares alone. Its unit: {unit}")),
            Self::Io(_) => ("socket-io", format!("See who listens there: {unit}")),
        }
    }
}

/// Reads what the service at `path` gives. Blocks for up to [`GIVEN_WITHIN`], within a runtime.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, SocketRefusal> {
    read_within(path, GIVEN_WITHIN)
}

fn read_within(path: &Path, limit: Duration) -> Result<Zeroizing<Vec<u8>>, SocketRefusal> {
    let deadline = Instant::now() + limit;
    let stream = listener::connected(path, limit).map_err(|errno| refused(path, errno))?;
    // Not `server_users`: a server's account has no business with the shares, even where it may own a file of them.
    let (listens, mut stream) = listener::user(stream)?;
    if !Trusted::without_servers().includes(listens) {
        return Err(SocketRefusal::Listener(User::of(listens)));
    }
    // Of its final size from the start: growing would leave shares behind.
    let mut buffer = Zeroizing::new(vec![0; LIMIT + 1]);
    let mut filled = 0;
    loop {
        let rest = buffer.get_mut(filled..).unwrap_or_default();
        if rest.is_empty() {
            return Err(SocketRefusal::Oversized);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(SocketRefusal::Slow);
        }
        set_socket_timeout(&stream, Timeout::Recv, Some(left)).map_err(io::Error::from)?;
        match stream.read(rest) {
            Ok(0) if filled == 0 => return Err(SocketRefusal::Nothing),
            Ok(0) => {
                buffer.truncate(filled);
                return if is_whole(&buffer) { Ok(buffer) } else { Err(SocketRefusal::Cut) };
            }
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // The limit's word (socket(7)).
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(SocketRefusal::Slow),
            // A listener that went away before it took the connection.
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether what was given can be all: JSON ends with a bracket, and of shares line by line each has its line break.
fn is_whole(given: &[u8]) -> bool {
    given.ends_with(b"\n") || given.ends_with(b"}") || given.ends_with(b"]")
}

fn refused(path: &Path, errno: Errno) -> SocketRefusal {
    match errno {
        Errno::NOENT | Errno::NOTDIR => SocketRefusal::Missing,
        Errno::ACCESS | Errno::PERM => SocketRefusal::Denied(User::of(geteuid().as_raw())),
        Errno::AGAIN => SocketRefusal::Slow,
        Errno::CONNREFUSED if !listener::is_socket(path) => SocketRefusal::NotASocket,
        Errno::CONNREFUSED => SocketRefusal::NoListener,
        errno => SocketRefusal::Io(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::thread;

    /// What is read of a service that does this with its first connection.
    fn read_of(
        serve: impl FnOnce(UnixStream) + Send + 'static,
        limit: Duration,
    ) -> Result<Vec<u8>, SocketRefusal> {
        let directory = crate::testing::directory();
        let path = directory.path().join("shares.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let service = thread::spawn(move || serve(listener.accept().unwrap().0));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _inside = runtime.enter();
        let read = read_within(&path, limit).map(|bytes| bytes.to_vec());
        service.join().unwrap();
        read
    }

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn everything_up_to_the_end_is_given() {
        let parts = |mut stream: UnixStream| {
            for part in ["one\n", "two\n"] {
                stream.write_all(part.as_bytes()).unwrap();
            }
        };
        assert_eq!(read_of(parts, LONG).unwrap(), b"one\ntwo\n");
        let most = |mut stream: UnixStream| stream.write_all(&vec![b'\n'; LIMIT]).unwrap();
        assert_eq!(read_of(most, LONG).unwrap().len(), LIMIT);
    }

    #[test]
    fn what_is_nothing_too_much_or_endless_is_refused() {
        assert!(matches!(read_of(drop, LONG), Err(SocketRefusal::Nothing)));
        let more = |mut stream: UnixStream| drop(stream.write_all(&vec![b'x'; LIMIT + 1]));
        assert!(matches!(read_of(more, LONG), Err(SocketRefusal::Oversized)));
        // Neither silence nor a byte now and then holds on to the reader.
        let silent = |mut stream: UnixStream| drop(stream.read(&mut [0]));
        assert!(matches!(read_of(silent, Duration::from_millis(50)), Err(SocketRefusal::Slow)));
        let dripping = |mut stream: UnixStream| {
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        };
        assert!(matches!(read_of(dripping, Duration::from_millis(50)), Err(SocketRefusal::Slow)));
    }

    /// A killed process closes its connection as one that is done does.
    #[test]
    fn what_ended_in_the_middle_is_not_taken_for_the_whole() {
        for part in ["one\ntw", "{\"keys\": [\"one\", \"tw"] {
            let cut = move |mut stream: UnixStream| stream.write_all(part.as_bytes()).unwrap();
            assert!(matches!(read_of(cut, LONG), Err(SocketRefusal::Cut)), "{part}");
        }
        for whole in ["one\ntwo\n", "{\"keys\": [\"one\"]}", "[\"one\"]"] {
            let all = move |mut stream: UnixStream| stream.write_all(whole.as_bytes()).unwrap();
            assert_eq!(read_of(all, LONG).unwrap(), whole.as_bytes());
        }
    }

    #[test]
    fn who_may_not_connect_is_told_how_the_service_may() {
        let directory = crate::testing::directory();
        let path = directory.path().join("shares.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
        if geteuid().is_root() {
            eprintln!(
                "who_may_not_connect_is_told_how_the_service_may: skipped, as root may connect to everything"
            );
            return;
        }
        let refusal = read_within(&path, LONG).unwrap_err();
        assert!(matches!(refusal, SocketRefusal::Denied(_)));
        assert!(refusal.explained(&path).1.contains("SupplementaryGroups=vault-unseal-shares"));
    }

    #[test]
    fn what_is_no_socket_that_somebody_listens_at_is_named() {
        let directory = crate::testing::directory();
        let at = |name: &str| read_within(&directory.path().join(name), LONG);
        assert!(matches!(at("nothing"), Err(SocketRefusal::Missing)));
        std::fs::write(directory.path().join("file"), "").unwrap();
        assert!(matches!(at("file"), Err(SocketRefusal::NotASocket)));
        drop(UnixListener::bind(directory.path().join("left")).unwrap());
        assert!(matches!(at("left"), Err(SocketRefusal::NoListener)));
    }
}
