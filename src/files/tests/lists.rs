//! What access control lists grant beside the mode. Only root can name others in them.

use super::{Content, FileRefusal, Judge, LIMIT, Place, Trusted, judged, mode, root_and_lists, set_list};
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};

#[test]
fn directory_keeps_others_out_by_its_mode_and_its_list() {
    let place = Place::new();
    let trusted = Trusted::default();
    let judge = Judge::new(Content::Shares, &trusted);
    let path = place.directory.path();
    let opened = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let with_mode = |mode: u32| {
        let mut stat = fstat(&opened).unwrap();
        stat.st_mode = 0o040_000 | mode;
        judge.keeps_others_out(&stat, &opened, path)
    };
    for (mode, closed) in [
        (0o700, true),
        (0o750, true),
        (0o010, true),
        (0o1700, true),
        (0o755, false),
        (0o701, false),
        (0o704, false),
        // A sandbox hides it.
        (0o000, false),
        (0o1000, false),
    ] {
        assert_eq!(with_mode(mode), closed, "{mode:o}");
    }
    if !root_and_lists() {
        return;
    }
    for (entry, closed) in
        [("u:0:rwx", true), ("u:4321:r", true), ("u:4321:rx", false), ("u:4321:x,u:0:r", false)]
    {
        let place = Place::new();
        set_list(entry, place.directory.path());
        let opened =
            openat(CWD, place.directory.path(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let stat = fstat(&opened).unwrap();
        assert_eq!(judge.keeps_others_out(&stat, &opened, place.directory.path()), closed, "{entry}");
    }
    let place = Place::new();
    set_list("g:0:x", place.directory.path());
    let opened = openat(CWD, place.directory.path(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let stat = fstat(&opened).unwrap();
    assert!(!judge.keeps_others_out(&stat, &opened, place.directory.path()), "whoever is in a group");
}

#[test]
fn refusal_says_what_the_list_grants() {
    if !root_and_lists() {
        return;
    }
    for (entry, written) in [("u:4321:r", false), ("u:4321:rw", true)] {
        let place = Place::new();
        let path = place.write("file");
        mode(&path, 0o660);
        set_list(entry, &path);
        // The mode of a private key bounds the list; that of what others may read does not.
        mode(&path, 0o640);
        let refusal = super::super::read(&path, Content::PrivateKey, &Trusted::default(), LIMIT).unwrap_err();
        assert!(
            matches!(refusal, FileRefusal::AccessList { writes: false, .. }),
            "{entry}: its mask leaves reading: {refusal:?}"
        );
        mode(&path, 0o664);
        let judged = super::super::read(&path, Content::Authority, &Trusted::default(), LIMIT).map(drop);
        assert_eq!(
            matches!(judged, Err(FileRefusal::AccessList { writes: true, .. })),
            written,
            "{entry}: {judged:?}"
        );
    }
    // A directory that its group may write is told by its mode, and whether a list says so.
    for listed in [false, true] {
        let place = Place::new();
        let path = place.write("own/file");
        if listed {
            set_list("u:4321:rwx", &place.path("own"));
        } else {
            mode(&place.path("own"), 0o770);
        }
        match super::super::read(&path, Content::Shares, &Trusted::default(), LIMIT) {
            Err(FileRefusal::DirectoryMode { listed: told, .. }) => assert_eq!(told, listed),
            other => panic!("{:?}", other.map(drop)),
        }
    }
}

#[test]
fn root_and_its_group_in_a_list_change_nothing() {
    if !root_and_lists() {
        return;
    }
    for (content, entry, kind) in [
        (Content::Authority, "g:0:rwx", None),
        (Content::Shares, "g:0:r", Some("access-list")),
        (Content::PrivateKey, "u:0:r", None),
    ] {
        let place = Place::new();
        let path = place.write("file");
        set_list(entry, &path);
        mode(&path, if content == Content::Authority { 0o664 } else { 0o640 });
        assert_eq!(judged(&path, content).err(), kind, "{content:?} {entry}");
    }
}

#[test]
fn list_longer_than_anybody_writes_is_read_to_its_end() {
    if !root_and_lists() {
        return;
    }
    let place = Place::new();
    let path = place.write("file");
    let many: Vec<String> = (5000..5400).map(|uid| format!("u:{uid}:r")).collect();
    set_list(&many.join(","), &path);
    mode(&path, 0o644);
    assert_eq!(judged(&path, Content::Authority), Ok(()), "reading is no harm");
    set_list("u:5400:rw", &path);
    assert_eq!(judged(&path, Content::Authority), Err("access-list"));
}
