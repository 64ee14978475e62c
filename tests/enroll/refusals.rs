//! What is refused, and what a person reads then.

use std::fmt::Write;

use crate::support::home::{Home, corrupt, lines, shares_of_nobody};
use crate::support::process::run;
use crate::{enroll, files, is_as_in, text};

#[test]
fn everything_that_is_refused() {
    let home = Home::new();
    let shares = shares_of_nobody(5, 3);
    home.put("init", &lines(&shares));
    home.put("one", &lines(&shares_of_nobody(1, 1)));
    home.put("two", &lines(&shares[..2]));
    home.put("empty", "");
    let mut bad = shares.clone();
    bad[2] = corrupt(&bad[2]);
    home.put("bad", &lines(&bad));
    home.put("doubt", &lines(&bad[..4]));
    home.put("there", "something");
    std::fs::create_dir(home.path("directory")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, home.path("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let before = files(home.directory());
    let mut shown = String::new();
    for arguments in [
        &[][..],
        &["init"],
        &["init", "--tpm2", "--plain"],
        &["init", "--credential", "auto"],
        &["init", "--plain", "--pcrs", "7"],
        &["init", "--credential", "host", "--pcrs", "7"],
        &["init", "--credential", "tpm2", "--pcrs", "sha384:7"],
        &["init", "--tpm2", "--pcrs", "24"],
        &["init", "--plain", "--only", "0"],
        &["init", "--plain", "--only", "2,6", "--output", "new"],
        &["init", "--plain", "--only", "2,2", "--output", "new"],
        &["init", "--split", "3", "--only", "1"],
        &["init", "--split", "3", "--tpm2", "--threshold", "3"],
        &["init", "--split", "3", "--node", "4", "--plain", "--threshold", "3"],
        &["init", "--node", "1", "--plain"],
        &["init", "--split", "3"],
        &["init", "--split", "1", "--threshold", "3"],
        &["one", "--split", "3", "--threshold", "1"],
        &["two", "--split", "3", "--threshold", "3"],
        &["bad", "--split", "3", "--threshold", "3"],
        &["doubt", "--split", "3", "--threshold", "3"],
        &["init", "--plain", "--threshold", "1", "--output", "new"],
        &["one", "--plain", "--threshold", "2", "--output", "new"],
        &["empty", "--plain", "--output", "new"],
        &["missing", "--plain", "--output", "new"],
        &["init", "--plain", "--output", "there"],
        &["init", "--plain", "--output", "directory"],
        &["init", "--plain", "--force", "--output", "fifo"],
        &["init", "--plain", "--output", "/tmp/new"],
        &["init", "--plain", "--output", "no/where/new"],
        &["init", "--plain", "--output", "new", "--shred", "--keep"],
        &["--rebind", "--output", "missing"],
        &["--rebind", "--plain"],
        &["init", "--rebind", "--split", "3"],
    ] {
        let output = run(&mut enroll(&home, arguments));
        assert!(!output.status.success(), "{arguments:?}");
        writeln!(shown, "$ vault-unseal enroll {}\n{}", arguments.join(" "), text(&output)).unwrap();
        assert_eq!(files(home.directory()), before, "{arguments:?}");
    }
    is_as_in("refusals.txt", &home, &shown);
}

#[test]
fn path_or_name_that_no_unit_can_hold_is_refused_before_anything_is_written() {
    let home = Home::new();
    home.put("init", &lines(&shares_of_nobody(5, 3)));
    let before = files(home.directory());
    let injected = "new\nUser=root";
    for arguments in [
        &["init", "--plain", "--output", injected][..],
        &["init", "--tpm2", "--output", injected],
        &["init", "--credential", "host", "--output", injected],
        &["init", "--plain", "--output", "new", "--name", injected],
        &["init", "--plain", "--output", "new\u{202e}"],
        &["init", "--plain", "--output", "new "],
        &["init", "--plain", "--output", "new", "--name", "a:b"],
    ] {
        let output = run(&mut enroll(&home, arguments));
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("LoadCredential= cannot name "), "{said}");
        assert!(!said.lines().any(|line| line.trim_start().starts_with("User=")), "{said}");
        assert_eq!(files(home.directory()), before, "{arguments:?}");
    }
}
