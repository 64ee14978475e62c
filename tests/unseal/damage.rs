//! Real servers whose storage is damaged or not mounted: what the daemon, `status`, `check` and `init` say then. None may
//! lead anybody to initialise them, and the shares are not at fault.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::home::{Home, lines};
use crate::support::process::{Daemon, run};
use crate::support::server::{Builder, Init, Server, is_active};

/// A server of its own that was initialised, unsealed and sealed again, with the daemon's home.
fn sealed() -> (Server, Init, Home) {
    let server = Builder::new().file_storage().start();
    let init = server.init(3, 2);
    server.unseal(&init);
    server.seal(&init.root_token);
    let home = Home::of(&server, &lines(&init.keys_hex));
    home.make_run();
    (server, init, home)
}

fn daemon(home: &Home) -> Daemon {
    Daemon::start(home.command(&["run"]).env("RUNTIME_DIRECTORY", home.path("run")))
}

/// Exit code and text of a verb.
fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = run(command);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

fn state(home: &Home) -> Value {
    let mut status = home.command(&["status", "--json"]);
    // With a word on standard error where no daemon answers.
    let output = run(status.arg("--socket").arg(home.path("run/control.sock")));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["nodes"][0]["state"].clone()
}

fn init(home: &Home, more: &[&str]) -> (Option<i32>, String) {
    let output = home.path("new-shares.json");
    let mut command = home.command(&["init", "--plain", "--json"]);
    said(command.arg("--output").arg(output).args(more))
}

/// Nothing that was said invites to initialise the server, or calls the shares wrong.
fn is_safe(text: &str) {
    assert!(text.contains("Do not initialise it"), "{text}");
    for invitation in ["operator init", "`vault-unseal init`", "initialise one", "shares-rejected"] {
        assert!(!text.contains(invitation), "{invitation}: {text}");
    }
}

/// `check` finds a problem, and `init` refuses and changes nothing.
fn stays_safe(server: &Server, home: &Home, refusal: &str) {
    let (code, text) = said(&mut home.command(&["check"]));
    assert_eq!(code, Some(4), "{text}");
    is_safe(&text);
    let before = fingerprint(&server.storage());
    let (code, text) = init(home, &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(refusal) && text.contains("--over-existing"), "{text}");
    assert_eq!(fingerprint(&server.storage()), before, "{text}");
    assert!(!home.path("new-shares.json").exists());
}

/// Every file of a storage and its content.
fn fingerprint(storage: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(storage).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(fingerprint(&entry.path()));
        } else {
            found.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}

/// Changes one byte of an entry's value, in whose middle no base64 letter stands for a length.
fn flip(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    fs::write(file, bytes).unwrap();
}

#[test]
fn lost_keyring_is_damage_and_no_new_server() {
    let (mut server, _, home) = sealed();
    server.stop();
    let keyring = server.storage().join("core/_keyring");
    let kept = fs::read(&keyring).unwrap();
    fs::remove_file(&keyring).unwrap();
    server.start();
    assert_eq!(server.health()["initialized"], false);
    stays_safe(&server, &home, "is damaged, and not new");
    assert_eq!(state(&home), "damaged");

    let mut watching = daemon(&home);
    let line = watching.wait_for_line(": damaged (").text;
    assert!(line.contains("still has a seal of 3 shares, threshold 2"), "{line}");
    is_safe(&watching.output());
    assert!(!watching.output().contains("uninitialized"), "{}", watching.output());

    // The backup comes back.
    server.stop();
    fs::write(&keyring, kept).unwrap();
    server.start();
    server.wait_until(is_active);
    watching.wait_for_line(": unsealed (active)");
}

#[test]
fn lost_seal_configuration_is_damage_and_told_from_an_unreachable_server() {
    let (mut server, _, home) = sealed();
    server.stop();
    let configuration = server.storage().join("core/_seal-config");
    let kept = fs::read(&configuration).unwrap();
    fs::remove_file(&configuration).unwrap();
    server.start();
    stays_safe(&server, &home, "is damaged, and not new");
    assert_eq!(state(&home), "damaged");

    let mut watching = daemon(&home);
    let line = watching.wait_for_line(": damaged (").text;
    assert!(line.contains("it has a keyring, and no seal configuration"), "{line}");
    is_safe(&watching.output());

    // The backup comes back.
    server.stop();
    fs::write(&configuration, kept).unwrap();
    server.start();
    watching.wait_for_line(": unsealed (active)");
}

#[test]
fn keyring_lost_while_the_server_runs_is_damage() {
    let (server, _, home) = sealed();
    fs::remove_file(server.storage().join("core/_keyring")).unwrap();
    let mut watching = daemon(&home);
    let line = watching.wait_for_line(": damaged (").text;
    assert!(line.contains("contradict each other"), "{line}");
    is_safe(&watching.output());
    // The server itself only says that it is sealed; the daemon knows more.
    assert_eq!(state(&home), "damaged");
}

#[test]
fn flipped_byte_of_the_keyring_is_damage_and_no_fault_of_the_shares() {
    let (mut server, _, home) = sealed();
    server.stop();
    flip(&server.storage().join("core/_keyring"));
    server.start();
    let mut watching = daemon(&home);
    let line = watching.wait_for_line(": damaged (").text;
    assert!(line.contains("do not decrypt its keyring"), "{line}");
    is_safe(&watching.output());
    assert_eq!(state(&home), "damaged");
}

#[test]
fn emptied_stored_keys_are_damage_once_that_lasts() {
    let (mut server, _, home) = sealed();
    server.stop();
    fs::write(server.storage().join("core/hsm/_barrier-unseal-keys"), "").unwrap();
    server.start();
    let mut watching = daemon(&home);
    watching.wait_for_line(": sealed (HTTP 500: the server has no keyring");
    let line = watching.wait_for_line(": damaged (").text;
    assert!(line.contains("its stored keys or its keyring are missing"), "{line}");
    is_safe(&watching.output());
}

#[test]
fn flipped_byte_of_the_stored_keys_looks_like_wrong_shares_and_both_are_said() {
    let (mut server, _, home) = sealed();
    server.stop();
    flip(&server.storage().join("core/hsm/_barrier-unseal-keys"));
    server.start();
    let mut watching = daemon(&home);
    let line = watching.wait_for_line(": shares-rejected (").text;
    assert!(
        line.contains("the keys in its storage are damaged: restore a backup, and do not initialise it"),
        "{line}"
    );
}

#[test]
fn storage_that_is_not_mounted_is_no_new_server() {
    let (mut server, _, home) = sealed();
    let (storage, aside) = (server.storage(), server.directory().join("aside"));
    let unmount = |server: &mut Server| {
        server.stop();
        fs::rename(&storage, &aside).unwrap();
        fs::create_dir(&storage).unwrap();
        server.start();
    };
    // Only the shares that are held speak against it.
    unmount(&mut server);
    let status = server.seal_status();
    assert_eq!((&status["initialized"], &status["t"]), (&false.into(), &0.into()), "{status}");
    stays_safe(&server, &home, "shares for its cluster are there already");
    assert_eq!(state(&home), "uninitialized");
    let mut watching = daemon(&home);
    let line = watching.wait_for_line(": uninitialized").text;
    assert!(line.contains("a new member that has not joined, or its storage is not mounted"), "{line}");
    is_safe(&watching.output());

    // It is mounted, and lost again: now the daemon knows better.
    server.stop();
    fs::remove_dir_all(&storage).unwrap();
    fs::rename(&aside, &storage).unwrap();
    server.start();
    watching.wait_for_line(": unsealed (active)");
    unmount(&mut server);
    let line = watching.wait_for_line(": damaged (").text;
    assert!(line.contains("was unsealed before"), "{line}");
    assert_eq!(state(&home), "damaged");
    is_safe(&line);
}

#[test]
fn new_server_is_initialised_and_a_lost_one_only_by_an_explicit_flag() {
    let (mut server, _, home) = sealed();
    server.stop();
    fs::remove_file(server.storage().join("core/_keyring")).unwrap();
    server.start();
    // What is left of the old data would be written over, and the server refuse all the same.
    let (code, text) = init(&home, &["--shares", "1", "--over-existing"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("is damaged, and not new") && text.contains("empty its storage"), "{text}");
    assert_eq!(server.health()["initialized"], false, "it was asked for nothing");
    server.stop();
    fs::remove_dir_all(server.storage()).unwrap();
    fs::create_dir(server.storage()).unwrap();
    server.start();
    let (code, text) = init(&home, &["--shares", "1", "--over-existing"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(server.health()["initialized"], true);

    // Nothing speaks against a new one, though its shares have a place already.
    let new = Builder::new().file_storage().start();
    let home = Home::new();
    let path = home.path("shares.json");
    home.configure(&[&new.url()], &format!("shares = {{ file = {path:?} }}"));
    let mut command = home.command(&["init", "--plain", "--json", "--shares", "1"]);
    let (code, text) = said(command.arg("--output").arg(&path));
    assert_eq!(code, Some(0), "{text}");
}
