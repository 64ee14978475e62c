//! Real files with real modes and owners. Owners other than ours need root; as another user, the same rules
//! are asked on behalf of a stranger.

use super::*;
use crate::explain::Explain;
use crate::shares::{ShareError, Source};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;

const SHARE: &str = "2c4bff69347f1f9f4fa7c30b26a6196c5de52bb242815db98df815b1b87a68a5d5\n";

/// A directory that goes away, with a share file in it that is right.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
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
    ShareError::File { path: path.to_owned(), cause }
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
        assert!(text.contains("it belongs to uid 1") && text.ends_with("not to root"), "{error}");
        mended_by_its_advice(&path);

        chown(place.directory.path(), Some(1), None).unwrap();
        assert_eq!(refusal(&path).kind(), "directory-owner");
        mended_by_its_advice(&path);

        // For that user itself both are fine.
        chown(&path, Some(1), None).unwrap();
        chown(place.directory.path(), Some(1), None).unwrap();
        assert!(read_as(&path, Trust::of(1)).is_ok());
    } else {
        assert!(matches!(read_as(&path, Trust::of(us + 1)), Err(FileRefusal::Owner { .. })));
        let directory = fs::File::open(place.directory.path()).unwrap().into();
        let judged = Trust::of(us + 1).ancestors(&directory, place.directory.path());
        assert!(matches!(judged, Err(FileRefusal::DirectoryOwner { .. })));
    }
}

#[test]
fn a_link_of_somebody_else_on_the_way_is_refused() {
    let place = Place::new();
    place.write("own/shares.json");
    let link = place.path("link");
    symlink(place.path("own"), &link).unwrap();
    let (path, trust) = (link.join("shares.json"), Trust::of_this_process());
    if root() {
        lchown(&link, Some(1), None).unwrap();
        assert_eq!(refusal(&path).kind(), "link-owner");
    } else {
        let stranger = Trust::of(trust.user() + 1);
        assert!(matches!(stranger.way(&link), Err(FileRefusal::LinkOwner { .. })));
    }
}

#[test]
fn a_group_may_read_what_root_owns() {
    let place = Place::new();
    let mut open = rustix::fs::stat(place.path("shares.json")).unwrap();
    (open.st_uid, open.st_mode) = (0, 0o100_660);
    // For a daemon that is not root, 0600 would take the file away.
    assert!(matches!(Trust::of(1000).file(&open), Err(FileRefusal::Mode { mend: 0o640, .. })));
    assert!(matches!(Trust::of(0).file(&open), Err(FileRefusal::Mode { mend: 0o600, .. })));
}

#[test]
fn permission_denied_names_the_user() {
    for errno in [Errno::ACCESS, Errno::PERM] {
        let cause = open_failed(errno, Trust::of(0));
        let error = ShareError::File { path: "/etc/vault-unseal/shares".into(), cause };
        assert_eq!(
            error.to_string(),
            "cannot read shares from /etc/vault-unseal/shares: permission denied to uid 0 (root)"
        );
        assert!(error.advice().unwrap().contains("chown root: /etc/vault-unseal/shares"));
    }
}

#[test]
fn the_size_is_bounded_by_what_is_read_not_by_what_was_said() {
    let place = Place::new();
    let path = place.path("shares.json");
    fs::write(&path, vec![b'#'; bounded::LIMIT]).unwrap();
    assert_eq!(read(&path).unwrap().len(), bounded::LIMIT);
    fs::write(&path, vec![b'#'; bounded::LIMIT + 1]).unwrap();
    assert_eq!(refusal(&path).kind(), "oversized");
    // Says it has no byte, and never ends.
    assert!(bounded::read(&fs::File::open("/dev/zero").unwrap()).unwrap().is_none());
}

#[test]
fn a_source_loads_from_its_file() {
    let place = Place::new();
    assert_eq!(Source::File(place.path("shares.json")).load().unwrap().shares.count(), 1);
    fs::write(place.path("shares.json"), "").unwrap();
    assert_eq!(Source::File(place.path("shares.json")).load().err().unwrap().kind(), "empty");
}
