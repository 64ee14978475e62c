//! Where shares are read from.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::home::{Home, lines, shares_of_nobody};
use crate::{bytes, document, enroll, stored};

#[test]
fn standard_input_and_a_pipe() {
    let home = Home::new();
    let shares = shares_of_nobody(3, 2);
    home.put("source", &lines(&shares));
    for (arguments, output) in [
        ("\"$1\" enroll - --plain --output one --json < source", "one"),
        ("cat source | \"$1\" enroll - --plain --output two --json", "two"),
        ("\"$1\" enroll <(cat source) --plain --output three --json", "three"),
    ] {
        let mut shell = Command::new("bash");
        shell.args(["-euc", arguments, "bash", env!("CARGO_BIN_EXE_vault-unseal")]);
        shell.current_dir(home.directory()).stdin(Stdio::null());
        let printed = shell.output().unwrap();
        assert!(printed.status.success(), "{}", crate::text(&printed));
        let document: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
        assert_eq!(stored(&home.path(output)), bytes(&shares), "{arguments}");
        let file = document["source"].get("fate");
        assert_eq!(file, None, "nothing to shred: {document}");
    }
}

/// On a terminal: script(1) gives it one and shows what the terminal shows.
#[test]
fn a_person_types_and_nothing_is_shown() {
    let home = Home::new();
    let shares = shares_of_nobody(3, 2);
    let command = format!("{} enroll - --plain --output typed", env!("CARGO_BIN_EXE_vault-unseal"));
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"]);
    terminal
        .current_dir(home.directory())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // It ends when its keyboard is gone.
    let mut terminal = terminal.spawn().expect("script(1)");
    let (mut keyboard, mut screen) = (terminal.stdin.take().unwrap(), terminal.stdout.take().unwrap());
    // Typed too early, the terminal itself would still show it.
    let mut shown = String::new();
    read_until(&mut screen, &mut shown, "An empty line ends.");
    // The second with a slip of the finger, and a line begun anew.
    let typed = format!("{}\nrubbish\x15x\x7f{}\n{}\n\n", shares[0], shares[1], shares[2]);
    keyboard.write_all(typed.as_bytes()).unwrap();
    read_until(&mut screen, &mut shown, "systemctl restart");
    assert!(terminal.wait().unwrap().success(), "{shown}");
    assert_eq!(stored(&home.path("typed")), bytes(&shares));
    for share in &shares {
        assert!(!shown.contains(&share[..16]), "{shown}");
    }
    assert!(shown.contains("66 characters") && !shown.contains("rubbish"), "{shown}");
}

fn read_until(from: &mut impl std::io::Read, shown: &mut String, end: &str) {
    let mut byte = [0];
    while !shown.contains(end) && from.read(&mut byte).unwrap_or(0) == 1 {
        shown.push(char::from(byte[0]));
    }
    assert!(shown.contains(end), "{shown}");
}

#[test]
fn duplicates_count_once() {
    let home = Home::new();
    let shares = shares_of_nobody(2, 2);
    home.put("source", &lines(&[&shares[0], &shares[1], &shares[0]]));
    let document = document(&mut enroll(&home, &["source", "--plain", "--output", "shares"]));
    assert_eq!(stored(&home.path("shares")), bytes(&shares));
    assert_eq!(document["warnings"][0]["kind"], "duplicate-share");
}
