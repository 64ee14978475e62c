//! Another daemon that uses the same directory.

use super::socket;
use crate::explain::Explain;
use crate::external::quote::sentence;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::path::{Path, PathBuf};

/// Somebody listens at the control socket already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("another daemon listens at {}: `hold` and `resume` reach that one and not this one", sentence(path))]
pub struct Taken {
    /// The socket.
    path: PathBuf,
}

impl Taken {
    /// Whoever listens in `directory`; `None` for a socket that an earlier run left behind.
    pub fn of(directory: &Path) -> Option<Self> {
        let path = socket(directory);
        // Not waiting: a daemon that hangs, with its queue full, listens too.
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let visitor = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
        let answer = connect(&visitor, &SocketAddrUnix::new(&path).ok()?);
        matches!(answer, Ok(()) | Err(Errno::AGAIN)).then_some(Self { path })
    }
}

impl Explain for Taken {
    fn kind(&self) -> &'static str {
        "control-taken"
    }

    fn advice(&self) -> Option<String> {
        Some(
            "This one leaves alone what is held now, and hears of no later order. Stop one of the two, or give this \
             one a directory of its own: RuntimeDirectory= in its unit, RUNTIME_DIRECTORY elsewhere."
                .to_owned(),
        )
    }
}
