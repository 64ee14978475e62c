//! Unix sockets of this machine, from the side of whoever connects: in time, and to whom. Blocks.

use rustix::fs::{AtFlags, CWD, FileType, statat};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A connection to whoever listens at `path`; `EAGAIN` where the queue there stays full for as long as `limit`.
pub(crate) fn connected(path: &Path, limit: Duration) -> Result<UnixStream, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(limit))?;
    // With a limit, no signal's handler restarts it (signal(7)).
    retry_on_intr(|| connect(&socket, &address))?;
    Ok(socket.into())
}

/// The user who listens at the other end, by the kernel's word (`SO_PEERCRED`, unix(7)), and the connection. The file has
/// another owner where systemd maps its directory to a user that it makes up (`DynamicUser=`, systemd 257).
///
/// Errors: outside of tokio's runtime, and those of the operating system.
pub(crate) fn user(stream: UnixStream) -> io::Result<(u32, UnixStream)> {
    stream.set_nonblocking(true)?;
    let stream = tokio::net::UnixStream::from_std(stream)?;
    let user = stream.peer_cred()?.uid();
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok((user, stream))
}

/// Whether this is a socket. Links are followed, as by connect(2).
pub(crate) fn is_socket(path: &Path) -> bool {
    let stat = statat(CWD, path, AtFlags::empty());
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket)
}
