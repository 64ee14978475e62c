//! What a person reads who asks for help.

use crate::support::process::{run, vault_unseal};
use crate::{Normal, is_as_in};

#[test]
fn help_of_every_verb() {
    for (arguments, name) in [
        (&["--help"][..], "help.txt"),
        (&["-h"], "help-short.txt"),
        (&["run", "--help"], "help-run.txt"),
        (&["wait", "--help"], "help-wait.txt"),
        (&["status", "--help"], "help-status.txt"),
        (&["check", "--help"], "help-check.txt"),
        (&["hold", "--help"], "help-hold.txt"),
        (&["resume", "--help"], "help-resume.txt"),
        (&["enroll", "--help"], "help-enroll.txt"),
        (&["init", "--help"], "help-init.txt"),
    ] {
        let output = run(&mut vault_unseal(arguments));
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.is_empty());
        is_as_in(name, &String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_version() {
    let output = run(&mut vault_unseal(&["--version"]));
    let version = concat!("vault-unseal ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(0), version));
}

#[test]
fn command_lines_that_are_wrong() {
    let mut text = String::new();
    for arguments in [
        &[][..],
        &["unseal"],
        &["statu"],
        &["run", "--frobnicate"],
        &["run", "--node", "http://127.0.0.1:8200"],
        &["wait", "--timeout", "soon"],
        &["status", "now"],
        &["hold"],
        &["hold", "--all", "https://vault.home:8200"],
    ] {
        text = text + "$ vault-unseal " + &arguments.join(" ") + "\n";
        let output = run(&mut vault_unseal(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        text += &(Normal::default().output(&output) + "\n");
    }
    is_as_in("usage-errors.txt", &text);
}
