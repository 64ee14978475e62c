//! Unix sockets of servers: where they may be, and who listens there.

use super::refusal::DirectoryFlaw;
use super::{OVERFLOW, PeerRefusal, PeerRule};
use crate::accounts::{Trusted, User};
use crate::vault::Unreachable;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::task::spawn_blocking;

/// A connection to a socket whose directory and listener are trusted, before anything is sent over it.
///
/// `accepted` is a connection that was made before.
pub(in crate::vault) async fn connect(
    path: &Path,
    accepted: Option<UnixStream>,
    rule: &PeerRule,
) -> Result<UnixStream, Unreachable> {
    let trusted = Arc::clone(rule.trusted());
    let owned = path.to_owned();
    // Looking at directories can take its time, as with a network's file system.
    let judged = spawn_blocking(move || judge_directories(&owned, &trusted)).await;
    judged
        .map_err(|error| PeerRefusal::NoLookup(error.to_string()))?
        .map_err(|flaw| PeerRefusal::Directory(Box::new(flaw)))?;
    let stream = match accepted {
        Some(stream) => stream,
        None => UnixStream::connect(path).await.map_err(|error| match error.kind() {
            // As with a port on which nothing listens.
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Unreachable::Refused,
            ErrorKind::PermissionDenied => PeerRefusal::SocketPermission.into(),
            _ => Unreachable::Network(error.to_string()),
        })?,
    };
    // SO_PEERCRED, unix(7): the credentials of whoever called listen(2).
    match stream.peer_cred() {
        Ok(listener) => rule.owner(listener.uid())?,
        Err(error) => return Err(PeerRefusal::NoLookup(error.to_string()).into()),
    }
    Ok(stream)
}

/// Every directory above the socket, as written and as it is behind symbolic links: somebody trusted's, and writable by
/// nobody else. An ACL that lets others write shows in the group's bits (`acl(5)`).
fn judge_directories(socket: &Path, trusted: &Trusted) -> Result<(), DirectoryFlaw> {
    let Some(directory) = socket.parent() else { return Ok(()) };
    let mut written: Vec<&Path> = directory.ancestors().collect();
    written.reverse();
    for path in written {
        let Some(metadata) = look_at(path)? else { return Ok(()) };
        // Whoever could put it there can write to the directory that it is in.
        if !metadata.is_symlink() {
            judge(path, &metadata, trusted)?;
        }
    }
    let real = fs::canonicalize(directory).map(Some).or_else(|error| unreadable(directory, &error))?;
    for path in real.iter().flat_map(|real| real.ancestors()) {
        look_at(path)?.iter().try_for_each(|metadata| judge(path, metadata, trusted))?;
    }
    Ok(())
}

fn look_at(path: &Path) -> Result<Option<fs::Metadata>, DirectoryFlaw> {
    fs::symlink_metadata(path).map(Some).or_else(|error| unreadable(path, &error))
}

/// What is not there is not wrong: the server makes it when it starts.
fn unreadable<T>(path: &Path, error: &std::io::Error) -> Result<Option<T>, DirectoryFlaw> {
    if error.kind() == ErrorKind::NotFound {
        return Ok(None);
    }
    Err(DirectoryFlaw::Unreadable { path: path.to_owned(), reason: error.kind().to_string() })
}

fn judge(path: &Path, metadata: &fs::Metadata, trusted: &Trusted) -> Result<(), DirectoryFlaw> {
    if metadata.uid() == OVERFLOW || !trusted.includes(metadata.uid()) {
        return Err(DirectoryFlaw::Owner { path: path.to_owned(), owner: User::of(metadata.uid()) });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(DirectoryFlaw::Writable { path: path.to_owned(), mode });
    }
    Ok(())
}
