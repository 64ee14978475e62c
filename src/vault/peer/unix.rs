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
    // What is not there is not wrong: the server makes it when it starts.
    let real = match fs::canonicalize(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        real => real.map_err(|error| unreadable(directory, &error))?,
    };
    let judge = |path: &Path| judge(path, path == directory || path == real, trusted);
    directory.ancestors().chain(real.ancestors()).try_for_each(judge)
}

/// `last`: the directory that the socket is in. Above it, others may have entries beside the one that leads there, as in
/// /tmp, if they cannot take its place.
fn judge(path: &Path, last: bool, trusted: &Trusted) -> Result<(), DirectoryFlaw> {
    let metadata = fs::symlink_metadata(path).map_err(|error| unreadable(path, &error))?;
    if metadata.uid() == OVERFLOW || !trusted.includes(metadata.uid()) {
        return Err(DirectoryFlaw::Owner { path: path.to_owned(), owner: User::of(metadata.uid()) });
    }
    let mode = metadata.mode() & 0o7777;
    let sticky = mode & 0o1000 != 0 && !last;
    if mode & 0o022 != 0 && !sticky && !metadata.is_symlink() {
        return Err(DirectoryFlaw::Writable { path: path.to_owned(), mode });
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> DirectoryFlaw {
    DirectoryFlaw::Unreadable { path: path.to_owned(), reason: error.kind().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn verdict(socket: &Path) -> &'static str {
        match judge_directories(socket, &Trusted::without_servers()) {
            Ok(()) => "good",
            Err(DirectoryFlaw::Owner { .. }) => "owner",
            Err(DirectoryFlaw::Writable { .. }) => "writable",
            Err(DirectoryFlaw::Unreadable { .. }) => "unreadable",
        }
    }

    #[test]
    fn directories_that_others_can_write_to_are_refused() {
        let home = crate::testing::directory();
        let (outer, inner) = (home.path().join("outer"), home.path().join("outer/inner"));
        fs::create_dir_all(&inner).unwrap();
        let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let socket = inner.join("api.sock");
        for (outer_mode, inner_mode, expected) in [
            (0o755, 0o755, "good"),
            (0o755, 0o750, "good"),
            (0o755, 0o770, "writable"),
            (0o755, 0o757, "writable"),
            (0o755, 0o1777, "writable"),
            (0o775, 0o755, "writable"),
            (0o777, 0o755, "writable"),
            (0o1777, 0o755, "good"),
        ] {
            chmod(&outer, outer_mode);
            chmod(&inner, inner_mode);
            assert_eq!(verdict(&socket), expected, "{outer_mode:o} {inner_mode:o}");
        }
        assert_eq!(verdict(&outer.join("not-there/api.sock")), "good");
    }

    #[test]
    fn directories_are_judged_where_a_link_leads_to() {
        let home = crate::testing::directory();
        let (real, link) = (home.path().join("real"), home.path().join("link"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        assert_eq!(verdict(&link.join("api.sock")), "good");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(verdict(&link.join("api.sock")), "writable");
    }

    #[test]
    fn directories_and_links_of_others_are_refused() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("NOT TESTED: this needs root");
            return;
        }
        let home = crate::testing::directory();
        let (real, link) = (home.path().join("real"), home.path().join("link"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(4_000_000), None).unwrap();
        assert_eq!(verdict(&link.join("api.sock")), "owner");
        assert_eq!(verdict(&real.join("api.sock")), "good");
        std::os::unix::fs::chown(&real, Some(4_000_000), None).unwrap();
        assert_eq!(verdict(&real.join("api.sock")), "owner");
    }
}
