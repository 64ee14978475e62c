//! What this process is given by systemd, and what another user sees. Such tests run once more, in a process of their own.

use super::{Content, FileRefusal, LIMIT, Place, SHARE, SourceVerdict, Trusted, judge_source, mode, root};
use crate::files::{below, credentials_directory, read_in, read_unjudged};
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::env;
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A test of this file in a process of its own, which finds its files by `PLACE`.
fn again(test: &str, place: &Place) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", "--include-ignored", &format!("files::tests::elsewhere::{test}")]);
    command.env("PLACE", place.directory.path()).current_dir("/");
    command
}

fn holds(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn place() -> PathBuf {
    PathBuf::from(env::var_os("PLACE").unwrap())
}

#[test]
fn what_is_read_unjudged_is_read_whole_and_is_a_file() {
    let place = Place::new();
    let path = place.path("shares.json");
    mode(&path, 0o666);
    symlink("shares.json", place.path("link")).unwrap();
    for name in ["shares.json", "link"] {
        assert_eq!(read_unjudged(&place.path(name), LIMIT).unwrap().as_slice(), SHARE.as_bytes(), "{name}");
    }
    assert!(matches!(read_unjudged(place.directory.path(), LIMIT), Err(FileRefusal::Directory)));
    assert!(matches!(read_unjudged(&path, 5), Err(FileRefusal::Oversized(5))));
    let directory = openat(CWD, place.directory.path(), OFlags::PATH, Mode::empty()).unwrap();
    assert_eq!(read_in(&directory, "shares.json", LIMIT).unwrap().as_slice(), SHARE.as_bytes());
    assert!(read_in(&directory, "link", LIMIT).is_err(), "a link is not followed");
    assert!(matches!(read_in(&directory, ".", LIMIT), Err(FileRefusal::Directory)));
}

#[test]
fn file_of_another_root_is_below_it() {
    for (path, expected) in [("/etc/x", "/srv/root/etc/x"), ("x", "/srv/root/x"), ("/", "/srv/root/")] {
        assert_eq!(below(Path::new("/srv/root"), Path::new(path)), Path::new(expected));
    }
}

#[test]
fn credentials_are_read_as_systemd_put_them() {
    let place = Place::new();
    mode(&place.path("shares.json"), 0o644);
    holds(again("a_credential_is_not_judged", &place).env("CREDENTIALS_DIRECTORY", place.directory.path()));
    for directory in ["", "/nowhere"] {
        holds(again("what_is_no_credential_is_judged", &place).env("CREDENTIALS_DIRECTORY", directory));
    }
    holds(again("what_is_no_credential_is_judged", &place).env_remove("CREDENTIALS_DIRECTORY"));
}

#[test]
#[ignore = "started by another test, with a directory of credentials"]
fn a_credential_is_not_judged() {
    let path = place().join("shares.json");
    assert_eq!(credentials_directory(), Some(place()));
    assert_eq!(super::read(&path).unwrap().as_slice(), SHARE.as_bytes());
    // Nobody knows where that leads.
    let around = place().join("..").join(place().file_name().unwrap()).join("shares.json");
    assert!(matches!(super::read(&around), Err(FileRefusal::Mode { .. })));
}

#[test]
#[ignore = "started by another test, without a directory of credentials"]
fn what_is_no_credential_is_judged() {
    let named = env::var_os("CREDENTIALS_DIRECTORY").filter(|path| !path.is_empty());
    assert_eq!(credentials_directory(), named.map(PathBuf::from));
    assert!(matches!(super::read(&place().join("shares.json")), Err(FileRefusal::Mode { .. })));
}

#[test]
fn another_user_sees_of_a_credential_what_its_directories_show() {
    if !root() {
        eprintln!("NOT TESTED: this needs root");
        return;
    }
    let place = Place::new();
    mode(place.directory.path(), 0o755);
    for (name, closed) in [("closed", 0o700), ("passable", 0o701), ("listed", 0o704)] {
        place.write(&format!("{name}/file"));
        mode(&place.path(name), closed);
    }
    holds(again("as_another_user", &place).uid(61_234).gid(61_234));
}

#[test]
#[ignore = "started by another test, as another user"]
fn as_another_user() {
    let verdict = |name: &str| judge_source(&place().join(name), Content::Authority, &Trusted::default());
    for (name, seen) in [
        // Closed to us, it is closed to everybody else.
        ("closed", true),
        ("closed/file", true),
        ("closed/none", true),
        ("passable", false),
        ("listed/file", false),
    ] {
        match verdict(name) {
            SourceVerdict::Good if seen => {}
            SourceVerdict::Unseen(at) if !seen => {
                assert_eq!(at, place().join(name.split('/').next().unwrap()), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(matches!(verdict("passable/file"), SourceVerdict::Good), "{:?}", verdict("passable/file"));
}

#[test]
fn link_in_a_directory_behind_a_credential_is_left_out_as_systemd_does() {
    let place = Place::new();
    place.write("own/file");
    let open = place.write("elsewhere");
    mode(&open, 0o666);
    symlink("../elsewhere", place.path("own/link")).unwrap();
    let verdict = judge_source(&place.path("own"), Content::Authority, &Trusted::default());
    assert!(matches!(verdict, SourceVerdict::Good), "{verdict:?}");
}

#[test]
fn directory_of_a_user_whom_this_process_cannot_see_is_unseen() {
    if !root() {
        eprintln!("NOT TESTED: this needs root");
        return;
    }
    let place = Place::new();
    let path = place.write("own/file");
    for (owner, unseen) in [(65_534, true), (4321, false)] {
        chown(place.path("own"), Some(owner), None).unwrap();
        match judge_source(&path, Content::Authority, &Trusted::default()) {
            SourceVerdict::Unseen(at) if unseen => assert_eq!(at, place.path("own")),
            SourceVerdict::Refused(FileRefusal::DirectoryOwner { .. }) if !unseen => {}
            other => panic!("{owner}: {other:?}"),
        }
    }
    fs::remove_file(&path).unwrap();
}
