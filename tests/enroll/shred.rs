//! What becomes of the file that shares came from.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::process::{Command, Stdio};

use crate::needles::Needles;
use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::process::run;
use crate::{bytes, document, enroll, files, stored, text};

#[test]
fn it_is_overwritten_and_deleted_when_that_is_wanted_and_only_then() {
    let home = Home::new();
    let shares = shares_of_nobody(3, 2);
    let needles = Needles::of_hex(&shares);
    home.put("source", &lines(&shares));
    // The disk is looked at through a descriptor that outlives the name.
    let mut disk = File::open(home.path("source")).unwrap();
    let mut left = || {
        let mut bytes = Vec::new();
        disk.rewind().unwrap();
        disk.read_to_end(&mut bytes).unwrap();
        !needles.find(&bytes).is_empty()
    };
    let arguments = ["source", "--plain", "--output", "shares", "--force"];
    for more in [&[][..], &["--keep"]] {
        let document = document(enroll(&home, &arguments).args(more));
        assert_eq!(document["source"]["fate"], "kept", "without a terminal nobody is asked");
        assert!(left());
    }
    let document = document(enroll(&home, &arguments).arg("--shred"));
    assert_eq!(document["source"]["fate"], "shredded");
    assert!(!left());
    assert_eq!(files(home.directory()), ["shares"]);
    assert_eq!(stored(&home.path("shares")), bytes(&shares));
}

#[test]
fn a_file_that_is_enrolled_in_its_own_place_stays_there() {
    let home = Home::new();
    let shares = shares_of_nobody(3, 2);
    home.put("shares", &lines(&shares));
    let mut disk = File::open(home.path("shares")).unwrap();
    let document =
        document(&mut enroll(&home, &["shares", "--plain", "--output", "shares", "--force", "--shred"]));
    assert_eq!(document["source"]["fate"], "overwritten");
    assert_eq!(stored(&home.path("shares")), bytes(&shares), "the new one is not touched");
    let mut old = Vec::new();
    disk.read_to_end(&mut old).unwrap();
    assert!(Needles::of_hex(&shares).find(&old).is_empty(), "the old one is overwritten");
}

#[test]
fn nothing_is_shredded_when_nothing_was_stored() {
    let home = Home::new();
    home.put("source", &lines(&shares_of_nobody(3, 2)));
    home.put("shares", "the only copy of others");
    let before = fs::read(home.path("source")).unwrap();
    let output = run(&mut enroll(&home, &["source", "--plain", "--output", "shares", "--shred"]));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(fs::read(home.path("source")).unwrap(), before);
    assert_eq!(fs::read_to_string(home.path("shares")).unwrap(), "the only copy of others");
}

/// The command is there to be pasted: nobody may lose by it what is in the file and nowhere else.
#[test]
fn command_that_shreds_comes_after_what_would_be_lost_by_it() {
    let home = Home::new();
    home.put(
        "source",
        &format!("Initial Root Token: s.abcdefghijklmnop\n{}", lines(&shares_of_nobody(3, 2))),
    );
    let part = run(&mut enroll(&home, &["source", "--plain", "--only", "1", "--output", "new"]));
    let said = text(&part);
    let expected = "source was kept. It also holds shares 2 and 3 and the root token, which would be lost.\n\
                    To overwrite and delete it: shred -u source\n";
    assert!(said.contains(expected), "{said}");
    let all = run(&mut enroll(&home, &["new", "--plain", "--output", "again"]));
    assert!(
        text(&all).contains("\nnew was kept. To overwrite and delete it: shred -u new\n"),
        "{}",
        text(&all)
    );
}

#[test]
fn on_a_terminal_it_is_asked_and_what_would_be_lost_is_said() {
    for (answer, kept) in [("y\n", false), ("n\n", true), ("\n", true)] {
        let home = Home::new();
        home.put(
            "source",
            &format!("Initial Root Token: s.abcdefghijklmnop\n{}", lines(&shares_of_nobody(3, 2))),
        );
        let command =
            format!("{} enroll source --plain --only 1 --output new", env!("CARGO_BIN_EXE_vault-unseal"));
        let mut terminal = Command::new("script");
        terminal.args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"]);
        terminal
            .current_dir(home.directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut terminal = terminal.spawn().expect("script(1)");
        terminal.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let shown = text(&terminal.wait_with_output().unwrap());
        assert!(
            shown.contains("It also holds shares 2 and 3 and the root token, which would be lost."),
            "{shown}"
        );
        assert!(shown.contains("vault operator rekey"), "{shown}");
        assert_eq!(home.path("source").exists(), kept, "{answer:?}: {shown}");
        assert!(home.path("new").exists());
    }
}
