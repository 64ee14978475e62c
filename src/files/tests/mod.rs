//! Real files with real modes and owners. Owners other than ours need root; as another user, the same rules
//! are asked on behalf of a stranger.

mod elsewhere;
mod lists;

use super::{
    Content, FileRefusal, Judge, SourceVerdict, Trusted, Zeroizing, entries, judge_source, open_failed,
    read_bounded,
};
use crate::cluster::ShareSource;
use crate::explain::Explain;
use crate::shares::ShareError;
use rustix::io::Errno;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileRefusal> {
    super::read(path, Content::Shares, &Trusted::default(), LIMIT)
}

/// As a process of another user would.
fn read_as(path: &Path, user: u32) -> Result<Zeroizing<Vec<u8>>, FileRefusal> {
    super::read(path, Content::Shares, &Trusted::default().seen_by(user), LIMIT)
}

const LIMIT: usize = 64 * 1024;
const SHARE: &str = "2c4bff69347f1f9f4fa7c30b26a6196c5de52bb242815db98df815b1b87a68a5d5\n";

/// A directory that goes away, with a share file in it that is right.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { directory: crate::testing::directory() };
        place.write("shares.json");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, SHARE).unwrap();
        mode(&path, 0o600);
        path
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn refusal(path: &Path) -> ShareError {
    let cause = read(path).err().unwrap_or_else(|| panic!("{} was accepted", path.display()));
    ShareError::File(path.to_owned(), cause)
}

fn root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs the advice as a person would, and asks again.
fn mended_by_its_advice(path: &Path) {
    let advice = refusal(path).advice().unwrap();
    let command = advice.rsplit(": ch").next().unwrap();
    let command = if command == advice { advice.clone() } else { format!("ch{command}") };
    assert!(Command::new("bash").args(["-c", &command]).status().unwrap().success(), "{command}");
    assert_eq!(read(path).unwrap().as_slice(), SHARE.as_bytes(), "after {command}");
}

#[test]
fn the_modes_that_are_safe_are_read() {
    let place = Place::new();
    let path = place.path("shares.json");
    for safe in [0o400, 0o440, 0o600, 0o640, 0o700] {
        mode(&path, safe);
        assert_eq!(read(&path).unwrap().as_slice(), SHARE.as_bytes(), "{safe:o}");
    }
    mode(&path, 0o000);
    match read(&path) {
        Ok(bytes) if root() => assert_eq!(bytes.as_slice(), SHARE.as_bytes()),
        Err(FileRefusal::Denied { .. }) if !root() => {}
        other => panic!("mode 0: {:?}", other.map(|_| "read")),
    }
}

#[test]
fn every_bit_too_many_is_refused_and_mended() {
    let place = Place::new();
    for name in ["shares.json", "it's a \"share\" file; $HOME", "line\nbreak"] {
        let path = place.write(name);
        for open in [0o001, 0o002, 0o004, 0o010, 0o020] {
            mode(&path, 0o600 | open);
            let error = refusal(&path);
            assert_eq!(error.kind(), "file-mode", "{open:o}");
            assert!(error.to_string().contains(&format!("{:04o}", 0o600 | open)), "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
            mended_by_its_advice(&path);
        }
    }
}

#[test]
fn a_directory_that_others_can_write_to_is_refused_and_mended() {
    let place = Place::new();
    let path = place.write("above/own/shares.json");
    for (directory, open) in
        [("above/own", 0o777), ("above/own", 0o775), ("above/own", 0o702), ("above", 0o777), ("above", 0o770)]
    {
        mode(&place.path(directory), open);
        let error = refusal(&path);
        assert_eq!(error.kind(), "directory-mode", "{directory} {open:o}");
        assert!(
            error.to_string().contains(&format!("{} has mode {open:04o}", place.path(directory).display())),
            "{error}"
        );
        mended_by_its_advice(&path);
    }
}

#[test]
fn a_sticky_directory_will_do_above_but_not_around_the_file() {
    let place = Place::new();
    let path = place.write("tmp/own/shares.json");
    mode(&place.path("tmp"), 0o1777);
    assert!(read(&path).is_ok());
    let direct = place.write("tmp/shares.json");
    assert!(matches!(read(&direct), Err(FileRefusal::DirectoryMode { sticky: true, .. })));
    // chmod go-w would break what it is for.
    assert!(refusal(&direct).advice().unwrap().contains("Move the file"));
}

#[test]
fn an_open_directory_behind_a_link_is_found() {
    let place = Place::new();
    place.write("open/own/shares.json");
    mode(&place.path("open"), 0o777);
    symlink(place.path("open/own"), place.path("link")).unwrap();
    let error = refusal(&place.path("link/shares.json"));
    assert_eq!(error.kind(), "directory-mode");
    assert!(error.to_string().contains(&place.path("open").display().to_string()), "{error}");
    mode(&place.path("open"), 0o755);
    assert!(read(&place.path("link/shares.json")).is_ok(), "a link on the way is fine as such");
}

#[test]
fn what_is_no_file_of_its_own_is_refused_at_once() {
    let place = Place::new();
    symlink(place.path("shares.json"), place.path("link")).unwrap();
    symlink(place.path("nowhere"), place.path("dangling")).unwrap();
    symlink(place.path("loop"), place.path("loop")).unwrap();
    fs::create_dir(place.path("directory")).unwrap();
    let _listener = UnixListener::bind(place.path("socket")).unwrap();
    // Without a writer, opening it would wait for ever.
    assert!(Command::new("mkfifo").arg(place.path("fifo")).status().unwrap().success());
    for (name, kind) in [
        ("link", "file-symlink"),
        ("dangling", "file-symlink"),
        ("loop/shares.json", "file-symlink"),
        ("directory", "file-is-directory"),
        ("shares.json/shares.json", "path-not-directory"),
        ("socket", "file-not-regular"),
        ("fifo", "file-not-regular"),
        ("missing", "file-missing"),
        ("missing/shares.json", "file-missing"),
        ("..", "file-is-directory"),
        ("/", "file-is-directory"),
        ("/dev/null", "file-not-regular"),
    ] {
        assert_eq!(refusal(&place.path(name)).kind(), kind, "{name}");
    }
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    let place = Place::new();
    let path = place.path("shares.json");
    let us = rustix::process::geteuid().as_raw();
    if root() {
        chown(&path, Some(1), None).unwrap();
        let error = refusal(&path);
        assert_eq!(error.kind(), "file-owner");
        let text = error.to_string();
        assert!(
            text.contains("it belongs to uid 1") && text.ends_with("not to root, vault or openbao"),
            "{error}"
        );
        mended_by_its_advice(&path);

        chown(place.directory.path(), Some(1), None).unwrap();
        let error = refusal(&path);
        assert_eq!(error.kind(), "directory-owner");
        let advice = error.advice().unwrap();
        assert!(advice.contains("install -m 0600") && !advice.contains("chown"), "somebody's home: {advice}");

        // For that user itself both are fine.
        chown(&path, Some(1), None).unwrap();
        chown(place.directory.path(), Some(1), None).unwrap();
        assert!(read_as(&path, 1).is_ok());
    } else {
        assert!(matches!(read_as(&path, us + 1), Err(FileRefusal::DirectoryOwner { .. })));
    }
}

#[test]
fn a_link_of_somebody_else_on_the_way_is_refused() {
    let place = Place::new();
    place.write("own/shares.json");
    let link = place.path("link");
    symlink(place.path("own"), &link).unwrap();
    if root() {
        lchown(&link, Some(1), None).unwrap();
        assert_eq!(refusal(&link.join("shares.json")).kind(), "link-owner");
    } else {
        let stranger = Trusted::default().seen_by(rustix::process::geteuid().as_raw() + 1);
        let stat = rustix::fs::lstat(&link).unwrap();
        let judged = Judge::new(Content::Shares, &stranger).link(&stat, &link);
        assert!(matches!(judged, Err(FileRefusal::LinkOwner(..))));
    }
}

#[test]
fn a_group_may_read_what_root_owns() {
    let place = Place::new();
    let mut open = rustix::fs::stat(place.path("shares.json")).unwrap();
    (open.st_uid, open.st_mode) = (0, 0o100_660);
    let judged = |user| Judge::new(Content::Shares, &Trusted::default().seen_by(user)).mode(&open);
    // For a daemon that is not root, 0600 would take the file away.
    assert!(matches!(judged(1000), Err(FileRefusal::Mode { mend: 0o640, .. })));
    assert!(matches!(judged(0), Err(FileRefusal::Mode { mend: 0o600, .. })));
}

#[test]
fn permission_denied_names_the_user() {
    for errno in [Errno::ACCESS, Errno::PERM] {
        let cause = open_failed(errno, &Trusted::default().seen_by(0));
        let error = ShareError::File("/etc/vault-unseal/shares".into(), cause);
        assert_eq!(
            error.to_string(),
            "cannot read shares from /etc/vault-unseal/shares: permission denied to uid 0 (root)"
        );
        assert!(error.advice().unwrap().contains("chown root: /etc/vault-unseal/shares"));
        // Whoever calls is perhaps not the one who is to have the shares.
        let cause = open_failed(errno, &Trusted::default().seen_by(4242));
        let advice = ShareError::File("/etc/vault-unseal/shares".into(), cause).advice().unwrap();
        assert!(advice.starts_with("If the service runs as another user, call this as root"), "{advice}");
        assert!(advice.contains("chown 4242 /etc/vault-unseal/shares"), "{advice}");
    }
}

#[test]
fn the_size_is_bounded_by_what_is_read_not_by_what_was_said() {
    let place = Place::new();
    let path = place.path("shares.json");
    fs::write(&path, vec![b'#'; LIMIT]).unwrap();
    assert_eq!(read(&path).unwrap().len(), LIMIT);
    fs::write(&path, vec![b'#'; LIMIT + 1]).unwrap();
    assert_eq!(refusal(&path).kind(), "oversized");
    // Says it has no byte, and never ends.
    assert!(read_bounded(&fs::File::open("/dev/zero").unwrap(), LIMIT).unwrap().is_none());
}

#[test]
fn a_source_loads_from_its_file() {
    let place = Place::new();
    assert_eq!(
        ShareSource::File(place.path("shares.json")).load(&Trusted::default()).unwrap().shares.count(),
        1
    );
    fs::write(place.path("shares.json"), "").unwrap();
    assert_eq!(
        ShareSource::File(place.path("shares.json")).load(&Trusted::default()).err().unwrap().kind(),
        "empty"
    );
}

/// What only root can set up.
fn root_and_lists() -> bool {
    let lists = Command::new("setfacl").arg("--version").output().is_ok_and(|output| output.status.success());
    if !root() || !lists {
        eprintln!("NOT TESTED: this needs root, and setfacl of the package acl");
    }
    root() && lists
}

fn set_list(entry: &str, path: &Path) {
    assert!(Command::new("setfacl").args(["-m", entry]).arg(path).status().unwrap().success(), "{entry}");
}

fn judged(path: &Path, content: Content) -> Result<(), &'static str> {
    let trusted = match content {
        Content::Configuration => Trusted::without_servers(),
        _ => Trusted::default(),
    };
    super::read(path, content, &trusted, LIMIT).map(drop).map_err(|refusal| refusal.explained(path).0)
}

#[test]
fn access_list_that_opens_a_file_is_refused_and_mended() {
    if !root_and_lists() {
        return;
    }
    let list = Some("access-list");
    for (content, entry, at, refused) in [
        (Content::Shares, "u:4321:r", "own/file", list),
        (Content::PrivateKey, "u:4321:r", "own/file", list),
        (Content::PrivateKey, "g:4321:r", "own/file", list),
        (Content::Authority, "u:4321:r", "own/file", None),
        (Content::Authority, "u:4321:rw", "own/file", list),
        (Content::Configuration, "u:4321:rw", "own/file", list),
        (Content::Configuration, "g:4321:rw", "own/file", list),
        (Content::Authority, "u:4321:rwx", "own", list),
        (Content::Authority, "u:4321:rwx", "", list),
        (Content::Configuration, "g:4321:rwx", "own", list),
        (Content::Authority, "u:4321:rx", "own", None),
        // What a list grants shows as rights of the group: where no group may write, that is told.
        (Content::Shares, "u:4321:rwx", "own", Some("directory-mode")),
        (Content::Shares, "u:4321:rw", "own/file", Some("file-mode")),
        // Root, in so many words.
        (Content::Authority, "u:0:rwx", "own", None),
    ] {
        let place = Place::new();
        let path = place.write("own/file");
        let listed = place.directory.path().join(at).components().collect::<PathBuf>();
        set_list(entry, &listed);
        assert_eq!(judged(&path, content).err(), refused, "{content:?} {entry} {at}");
        if let Some(kind) = refused {
            let refusal = super::read(&path, content, &Trusted::default(), LIMIT).unwrap_err();
            let advice = refusal.explained(&path).1;
            if kind == "access-list" {
                assert_eq!(advice, format!("setfacl -b {}", listed.display()));
            }
            assert!(Command::new("sh").args(["-c", &advice]).status().unwrap().success());
            assert_eq!(judged(&path, content), Ok(()), "after {advice}");
        }
    }
}

#[test]
fn what_says_whom_to_trust_may_be_read_by_all_and_written_by_nobody_else() {
    let place = Place::new();
    let path = place.write("above/own/file");
    let own_group = rustix::process::getegid().as_raw();
    for content in [Content::Authority, Content::Configuration] {
        for (mode_of_file, kind) in
            [(0o644, None), (0o444, None), (0o664, None), (0o646, Some("file-world-writable"))]
        {
            mode(&path, mode_of_file);
            assert_eq!(judged(&path, content).err(), kind, "{content:?} {mode_of_file:o}");
        }
        mode(&path, 0o644);
        // A user's own group, as on Debian 13; another group; everybody; everybody, but only their own.
        for (directory, open, kind) in [
            ("above/own", 0o775, None),
            ("above", 0o775, None),
            ("above/own", 0o777, Some("directory-mode")),
            ("above", 0o777, Some("directory-mode")),
            ("above/own", 0o1777, None),
        ] {
            mode(&place.path(directory), open);
            assert_eq!(judged(&path, content).err(), kind, "{content:?} {directory} {open:o}");
            mode(&place.path(directory), 0o755);
        }
        mode(&path, 0o664);
        let stat = rustix::fs::stat(&path).unwrap();
        let trusted = Trusted::default();
        let as_of = |group| Judge::new(content, &trusted).in_group(group).mode(&stat);
        assert!(as_of(own_group).is_ok());
        // That of root is nobody else's, whatever group asks.
        let mut of_root = stat;
        of_root.st_gid = 0;
        assert!(Judge::new(content, &trusted).in_group(own_group + 50).mode(&of_root).is_ok());
        if own_group != 0 {
            assert!(matches!(as_of(own_group + 1), Err(FileRefusal::GroupWritable { .. })));
        }
        if root() {
            chown(&path, None, Some(4321)).unwrap();
            assert_eq!(judged(&path, content), Err("file-group-writable"), "{content:?}");
            mode(&path, 0o644);
            assert_eq!(judged(&path, content), Ok(()), "{content:?}: a group may read it");
            mode(&path, 0o664);
            chown(&path, None, Some(0)).unwrap();
            mode(&place.path("above"), 0o2775);
            chown(place.path("above"), None, Some(50)).unwrap();
            let refusal = super::read(&path, content, &Trusted::default(), LIMIT).unwrap_err();
            assert_eq!(refusal.explained(&path).1, format!("chmod g-w {}", place.path("above").display()));
            chown(place.path("above"), None, Some(0)).unwrap();
        }
        mode(&place.path("above"), 0o755);
    }
    // Shares are stricter: the directory is their owner's alone.
    mode(&path, 0o600);
    mode(&place.path("above/own"), 0o775);
    assert_eq!(judged(&path, Content::Shares), Err("directory-mode"));
}

#[test]
fn private_key_may_be_read_by_its_group_and_not_by_others() {
    let place = Place::new();
    let path = place.write("key.pem");
    if root() {
        chown(&path, Some(0), Some(4321)).unwrap();
    }
    mode(&path, 0o640);
    assert_eq!(judged(&path, Content::PrivateKey), Ok(()));
    symlink("key.pem", place.path("link.pem")).unwrap();
    assert_eq!(judged(&place.path("link.pem"), Content::PrivateKey), Ok(()), "as those of certbot are");
    mode(&path, 0o644);
    assert_eq!(judged(&path, Content::PrivateKey), Err("file-mode"));
}

#[test]
fn directory_whose_entries_are_read_must_be_nobody_elses() {
    let place = Place::new();
    let list = || entries(place.directory.path(), Content::Authority, &Trusted::default());
    for name in [".hidden", "b.pem", "a.pem"] {
        place.write(name);
    }
    let expected = ["a.pem", "b.pem", "shares.json"].map(|name| place.path(name));
    assert_eq!(list().unwrap(), expected);
    mode(place.directory.path(), 0o1777);
    assert!(matches!(list(), Err(FileRefusal::DirectoryMode { .. })), "sticky will not do");
}

#[test]
fn link_that_somebody_else_can_exchange_far_from_the_path_is_found() {
    let place = Place::new();
    place.write("own/ca.pem");
    fs::create_dir(place.path("open")).unwrap();
    symlink("../own", place.path("open/second")).unwrap();
    symlink("open/second/ca.pem", place.path("ca.pem")).unwrap();
    assert_eq!(judged(&place.path("ca.pem"), Content::Authority), Ok(()));
    mode(&place.path("open"), 0o777);
    assert_eq!(judged(&place.path("ca.pem"), Content::Authority), Err("directory-mode"));
}

#[test]
fn files_of_server_users_are_theirs_to_own() {
    if !root() {
        eprintln!("NOT TESTED: this needs root");
        return;
    }
    let place = Place::new();
    let path = place.write("vault/unseal.json");
    chown(place.path("vault"), Some(998), Some(998)).unwrap();
    mode(&place.path("vault"), 0o750);
    chown(&path, Some(998), Some(998)).unwrap();
    let read = |users| super::read(&path, Content::Shares, &Trusted::with(users), LIMIT);
    assert!(read(vec![crate::accounts::ServerUser::Number(998)]).is_ok());
    assert_eq!(read(Vec::new()).unwrap_err().explained(&path).0, "directory-owner");
    chown(place.path("vault"), Some(0), Some(0)).unwrap();
    assert_eq!(read(Vec::new()).unwrap_err().explained(&path).0, "file-owner");
}

#[test]
fn source_of_a_credential_is_judged_by_its_path() {
    let place = Place::new();
    let path = place.write("own/file");
    let verdict = |content| judge_source(&path, content, &Trusted::default());
    for (open, secret, authority) in [(0o600, true, true), (0o644, false, true), (0o666, false, false)] {
        mode(&path, open);
        assert_eq!(matches!(verdict(Content::Shares), SourceVerdict::Good), secret, "{open:o}");
        assert_eq!(matches!(verdict(Content::Authority), SourceVerdict::Good), authority, "{open:o}");
    }
    mode(&path, 0o600);
    symlink("file", place.path("own/link")).unwrap();
    let link = place.path("own/link");
    assert!(matches!(judge_source(&link, Content::Shares, &Trusted::default()), SourceVerdict::Good));
    assert!(matches!(
        judge_source(&place.path("own/none"), Content::Shares, &Trusted::default()),
        SourceVerdict::Missing
    ));
    if root() {
        // systemd reads it for the service's user: no group has to.
        mode(&path, 0o644);
        let judged = judge_source(&path, Content::Shares, &Trusted::default().seen_by(61234));
        assert!(
            matches!(judged, SourceVerdict::Refused(FileRefusal::Mode { mend: 0o600, .. })),
            "{judged:?}"
        );
        mode(&path, 0o600);
        lchown(&link, Some(4321), None).unwrap();
        let judged = judge_source(&link, Content::Shares, &Trusted::default());
        assert!(matches!(judged, SourceVerdict::Refused(FileRefusal::LinkOwner(..))), "{judged:?}");
    }
}

#[test]
fn directory_behind_a_credential_is_judged_with_all_that_is_in_it() {
    let place = Place::new();
    let path = place.write("own/below/file");
    mode(&path, 0o644);
    let own = place.path("own");
    let verdict = || judge_source(&own, Content::Authority, &Trusted::default());
    assert!(matches!(verdict(), SourceVerdict::Good), "{:?}", verdict());
    mode(&path, 0o666);
    match verdict() {
        SourceVerdict::RefusedEntry(entry, FileRefusal::WorldWritable(_)) => assert_eq!(entry, path),
        other => panic!("{other:?}"),
    }
    mode(&path, 0o644);
    // Sticky is not enough: whoever can put a file there has his authority loaded.
    mode(&own, 0o1777);
    assert!(
        matches!(verdict(), SourceVerdict::Refused(FileRefusal::DirectoryMode { .. })),
        "{:?}",
        verdict()
    );
}
