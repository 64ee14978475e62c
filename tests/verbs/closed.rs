//! Standard output or standard error that nobody reads, or that is closed: no verb panics over it, and the exit code
//! still says what the verb was asked for.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::guarded::Guarded;
use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::hostile::{Hostile, UNSEAL};
use crate::support::{PATIENCE, process};
use crate::{health, says, seal};

/// A stream whose other end is closed: every write to it fails.
fn broken() -> Stdio {
    OwnedFd::from(UnixStream::pair().unwrap().0).into()
}

fn code(command: &mut Command) -> Option<i32> {
    let mut process = Guarded::spawn(command);
    let status = process.wait(PATIENCE).expect("it ends");
    assert_eq!(status.signal(), None, "{command:?}");
    status.code()
}

/// The command with a stream closed by a shell, as `2>&-` does.
fn closed(command: &Command, redirection: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$@\" {redirection}"), "sh"]).arg(command.get_program());
    shell
        .args(command.get_args())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    shell
}

/// What a verb is run with, and its exit code: as it should be, and when standard output takes nothing.
fn cases(shut: &Hostile, open: &Hostile, home: &Home) -> Vec<(Command, i32, i32)> {
    let verb = |arguments: &[&str], server: &Hostile| {
        let mut command = process::vault_unseal(arguments);
        command.args(["--nodes", &server.url()]);
        command
    };
    let bad = |name: &str| process::vault_unseal(&[name, "--config", "/nowhere/config.toml"]);
    vec![
        (verb(&["wait"], open), 0, 0),
        (verb(&["wait", "--timeout", "200ms"], shut), 3, 3),
        (verb(&["wait", "--json"], open), 0, 1),
        (verb(&["status"], shut), 0, 1),
        (verb(&["status", "--json"], shut), 0, 1),
        (home.command(&["check"]), 0, 1),
        (home.command(&["check", "--json"]), 0, 1),
        (bad("run"), 78, 78),
        (bad("wait"), 78, 78),
        (bad("status"), 78, 78),
        (bad("check"), 78, 1),
        (process::vault_unseal(&["--help"]), 0, 0),
        (process::vault_unseal(&["nonsense"]), 2, 2),
    ]
}

#[test]
fn nobody_needs_to_listen() {
    let shut = says(&health(true, true, &json!({})), &seal(&json!({})));
    let open = says(&health(true, false, &json!({})), &json!({}));
    let home = Home::of_hostile(&shut, &lines(&shares_of_nobody(5, 3)));
    for (mut command, expected, unheard) in cases(&shut, &open, &home) {
        assert_eq!(code(command.stdout(Stdio::null()).stderr(broken())), Some(expected), "{command:?} 2>");
        assert_eq!(code(command.stdout(broken()).stderr(Stdio::null())), Some(unheard), "{command:?} >");
        for redirection in ["2>&-", ">&-", ">&- 2>&-"] {
            let code = code(&mut closed(&command, redirection));
            assert_eq!(code, Some(expected), "{command:?} {redirection}");
        }
    }
}

#[test]
fn a_daemon_goes_on_when_its_log_is_gone() {
    let shut = says(&health(true, true, &json!({})), &seal(&json!({})));
    let home = Home::of_hostile(&shut, &lines(&shares_of_nobody(5, 3)));
    let mut command = home.command(&["run"]);
    let mut daemon = Guarded::spawn(command.stdout(Stdio::null()).stderr(broken()));
    shut.wait_for(UNSEAL, 1);
    daemon.signal(rustix::process::Signal::TERM);
    assert_eq!(daemon.wait(PATIENCE).expect("it ends").code(), Some(0));
}
