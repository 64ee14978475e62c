//! Unix sockets of servers: where they may be, and who listens there.

use super::PeerRule;
use crate::accounts::Trusted;
use crate::api::{PeerRefusal, SocketDirectoryFlaw, Unreachable};
use crate::external::{error, quote};
use crate::files::{self, Content, FileRefusal};
use std::io::ErrorKind;
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
    judged.map_err(|cause| PeerRefusal::NoLookup(error::task(&cause).to_owned()))??;
    let stream = match accepted {
        Some(stream) => stream,
        None => UnixStream::connect(path).await.map_err(|cause| match cause.kind() {
            // As with a port on which nothing listens.
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Unreachable::Refused,
            ErrorKind::PermissionDenied => PeerRefusal::SocketPermission.into(),
            _ => Unreachable::Network(error::io(&cause)),
        })?,
    };
    // SO_PEERCRED, unix(7): the credentials of whoever called listen(2).
    match stream.peer_cred() {
        Ok(listener) => rule.owner(listener.uid()).map_err(PeerRefusal::on_socket)?,
        Err(cause) => return Err(PeerRefusal::NoLookup(error::io(&cause)).into()),
    }
    Ok(stream)
}

/// Every directory and link on the way to the socket: somebody trusted's, and its directory writable by nobody else.
fn judge_directories(socket: &Path, trusted: &Trusted) -> Result<(), PeerRefusal> {
    let Some(directory) = socket.parent() else { return Ok(()) };
    match files::directory(directory, Content::Socket, trusted) {
        // What is not there is not wrong: the server makes it when it starts.
        Ok(_) | Err(FileRefusal::Missing) => Ok(()),
        Err(cause) => Err(directory_refusal(&cause, directory)),
    }
}

/// A directory of sockets that cannot be used.
fn directory_refusal(cause: &FileRefusal, directory: &Path) -> PeerRefusal {
    let advice = match cause {
        FileRefusal::DirectoryMode { sticky: true, .. } | FileRefusal::DirectoryOwner { .. } => {
            "Put the socket into a directory of root or of the server's account, as `RuntimeDirectory=` in the server's \
             unit makes it. An account other than vault and openbao must be in `server_users`."
                .to_owned()
        }
        FileRefusal::Denied { .. } => format!(
            "Every directory above the socket must be open to this process: namei -l {} shows them. Give it \
             `SupplementaryGroups=` with the directory's group, or `chmod o+x` the directory.",
            quote::shell(directory)
        ),
        cause => format!("Others could put a socket of their own there. {}", cause.advice(directory)),
    };
    PeerRefusal::Directory(Box::new(SocketDirectoryFlaw { why: cause.to_string(), advice }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn verdict(socket: &Path) -> String {
        match judge_directories(socket, &Trusted::without_servers()) {
            Ok(()) => "good".to_owned(),
            Err(refusal) => refusal.to_string(),
        }
    }

    fn is(socket: &Path, expected: &str) {
        let verdict = verdict(socket);
        assert!(verdict.contains(expected), "{verdict} instead of {expected}");
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
            (0o755, 0o770, "can write"),
            (0o755, 0o757, "can write"),
            (0o755, 0o1777, "can write"),
            (0o775, 0o755, "can write"),
            (0o777, 0o755, "can write"),
            (0o1777, 0o755, "good"),
        ] {
            chmod(&outer, outer_mode);
            chmod(&inner, inner_mode);
            let verdict = verdict(&socket);
            assert!(verdict.contains(expected), "{outer_mode:o} {inner_mode:o}: {verdict}");
        }
        is(&outer.join("not-there/api.sock"), "good");
    }

    #[test]
    fn directories_are_judged_where_a_link_leads_to() {
        let home = crate::testing::directory();
        let (real, link) = (home.path().join("real"), home.path().join("link"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        is(&link.join("api.sock"), "good");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o777)).unwrap();
        is(&link.join("api.sock"), "can write");
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
        is(&link.join("api.sock"), "belongs to uid 4000000");
        is(&real.join("api.sock"), "good");
        std::os::unix::fs::chown(&real, Some(4_000_000), None).unwrap();
        is(&real.join("api.sock"), "belongs to uid 4000000");
    }

    /// `api.sock` could be made another server's by whoever owns what lies between.
    #[test]
    fn directory_of_another_between_two_links_is_refused() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("NOT TESTED: this needs root");
            return;
        }
        let home = crate::testing::directory();
        let (real, between, link) =
            (home.path().join("real"), home.path().join("between"), home.path().join("link"));
        fs::create_dir(&real).unwrap();
        fs::create_dir(&between).unwrap();
        symlink(&real, between.join("hop")).unwrap();
        symlink(between.join("hop"), &link).unwrap();
        is(&link.join("api.sock"), "good");
        std::os::unix::fs::chown(&between, Some(4_000_000), None).unwrap();
        is(&link.join("api.sock"), "belongs to uid 4000000");
    }

    #[test]
    fn advice_for_a_place_for_everybody_leaves_its_mode_alone() {
        let refusal = judge_directories(Path::new("/tmp/api.sock"), &Trusted::without_servers()).unwrap_err();
        let advice = refusal.advice().unwrap();
        assert!(advice.contains("RuntimeDirectory=") && !advice.contains("chmod"), "{advice}");
    }
}
