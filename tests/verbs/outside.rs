//! Text from outside: whatever it is, it stays in its line and does nothing to a terminal, a shell or a reader.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::files::{Files, OLD, OLD_SCRIPT, shut};
use crate::support::hostile::{Behaviour, HEALTH, Hostile};
use crate::support::process::{run, vault_unseal};
use crate::{health, says, seal};

/// Clears the screen, turns the direction of writing, hides and forges.
const HOSTILE: &str = "\u{1b}[2J\u{9b}31mred\u{202e}evil\u{2028}x\u{200b}\u{e0041}\u{7f}\rback\nFORGED https://good:8200 unsealed";

/// Whether nothing in it is obeyed by a terminal or invisible, no line begins with what was forged, and none is long.
fn assert_harmless(said: &str) {
    for line in said.lines() {
        let visible = |c: char| !c.is_control() && !"\u{202e}\u{2028}\u{200b}\u{e0041}".contains(c);
        assert!(line.chars().all(visible), "{line:?}");
        assert!(!line.starts_with("FORGED"), "{line:?}");
        let most = if line.starts_with('{') { 200_000 } else { 20_000 };
        assert!(line.chars().count() < most, "{} characters", line.chars().count());
    }
}

/// A socket that gives this answer to whoever asks, as often as asked.
struct FakeDaemon {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

impl FakeDaemon {
    fn says(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let directory = crate::support::directory::directory();
        let path = directory.path().join("control.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let body = body.into();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let head = format!(
                    "HTTP/1.1 {status} FORGED\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        Self { _directory: directory, path }
    }
}

/// What each verb that asks the daemon says to this answer.
fn verbs(daemon: &FakeDaemon, url: &str) -> Vec<String> {
    let socket = daemon.path.to_str().unwrap();
    let mut said = Vec::new();
    for arguments in [
        &["status", "--nodes", url][..],
        &["status", "--json", "--nodes", url],
        &["wait", "--timeout", "300ms", "--nodes", url],
        &["wait", "--json", "--timeout", "300ms", "--nodes", url],
        &["hold", "--all"],
        &["hold", "--all", "--json"],
        &["resume", url],
        &["resume", url, "--json"],
    ] {
        let output = run(vault_unseal(arguments).args(["--socket", socket]));
        for stream in [&output.stdout, &output.stderr] {
            said.push(String::from_utf8(stream.clone()).unwrap());
        }
    }
    said
}

fn node(url: &str, text: &str, more: &Value) -> Value {
    let mut node = json!({"cluster": "default", "address": url, "found_by": text, "tls_name": text, "reason": text,
                          "advice": text, "outsider": {"message": text, "advice": text}});
    node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    node
}

#[test]
fn hostile_text_of_the_socket_is_shown_harmlessly() {
    let server = shut();
    let url = server.url();
    let long = "L".repeat(100_000) + HOSTILE;
    for text in [HOSTILE, &long] {
        for state in ["shares-unavailable", "shares-rejected", "sealed", text] {
            let nodes = [
                node(&url, text, &json!({"state": state})),
                node(&url, text, &json!({"state": state, "outsider": null})),
                node(text, text, &json!({"state": state, "cluster": text})),
            ];
            let names =
                [json!({"cluster": text, "name": text, "nodes": 1, "resolved": true, "refused": [text],
                                "problem": {"kind": text, "message": text, "advice": text}})];
            let daemon = FakeDaemon::says(200, json!({"nodes": nodes, "names": names}).to_string());
            let said = verbs(&daemon, &url);
            for said in &said {
                assert_harmless(said);
            }
            if state != text && state != "sealed" && text == HOSTILE {
                assert!(
                    said[0].contains("[2J") && said[0].contains("red"),
                    "the reason is shown: {}",
                    said[0]
                );
            }
        }
        let daemon = FakeDaemon::says(409, json!({"error": text}).to_string());
        for said in verbs(&daemon, &url) {
            assert_harmless(&said);
        }
    }
}

#[test]
fn hostile_text_of_a_server_is_shown_harmlessly() {
    let hostile = json!({"version": HOSTILE, "cluster_name": HOSTILE, "cluster_id": HOSTILE});
    let servers = [
        says(&health(true, false, &hostile), &json!({})),
        says(
            &health(true, true, &hostile),
            &seal(&json!({"type": HOSTILE, "version": HOSTILE, "nonce": HOSTILE})),
        ),
        says(&health(true, true, &hostile), &json!({"errors": [HOSTILE]})),
        Hostile::http(),
    ];
    servers[3].on(HEALTH, [Behaviour::json(500, &json!({"errors": [HOSTILE, HOSTILE]}))]);
    for server in &servers {
        let url = server.url();
        for arguments in [
            &["status", "--nodes", &url][..],
            &["status", "--json", "--nodes", &url],
            &["check", "--nodes", &url],
            &["check", "--json", "--nodes", &url],
            &["wait", "--timeout", "300ms", "--nodes", &url],
            &["wait", "--json", "--timeout", "300ms", "--nodes", &url],
        ] {
            let output = run(&mut vault_unseal(arguments));
            for stream in [output.stdout, output.stderr] {
                assert_harmless(&String::from_utf8(stream).unwrap());
            }
        }
    }
}

#[test]
fn nothing_is_repeated_of_an_answer_that_is_none() {
    let server = shut();
    let url = server.url();
    for body in [
        json!({"nodes": "canary-3Nn0dYrJzVn0vvfvtC2m"}).to_string(),
        json!({"nodes": [{"cluster": "default", "address": url, "hold": "canary-3Nn0dYrJzVn0vvfvtC2m"}]})
            .to_string(),
        "canary-3Nn0dYrJzVn0vvfvtC2m".to_owned(),
        "{\"canary-3Nn0dYrJzVn0vvfvtC2m\": ".to_owned(),
    ] {
        for status in [200, 500] {
            for said in verbs(&FakeDaemon::says(status, body.clone()), &url) {
                assert!(!said.contains("canary"), "{said}");
                assert_harmless(&said);
            }
        }
    }
}

/// What a shell whose `systemctl` only tells is told, with `home` in $HOME.
fn pasted(command: &str, home: &Path) -> String {
    let script = format!("systemctl() {{ printf '<%s>' \"$@\"; }}\n{command}");
    let output = Command::new("bash").args(["-c", &script]).env("HOME", home).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn unit_name_with_shell_syntax_is_pasted_as_one_word() {
    for name in [
        "x;touch ${HOME}pwned;.service",
        "a\\x2db $(touch ${HOME}pwned).service",
        "q'`id`\n\u{1b}[2J.service",
    ] {
        let files = Files::new();
        files.put("/usr/local/bin/unseal", OLD_SCRIPT, 0o755);
        files.put(
            &format!("/etc/systemd/system/{name}"),
            "[Service]\nExecStart=/usr/local/bin/unseal\n",
            0o644,
        );
        let wants = files.at("/etc/systemd/system/multi-user.target.wants");
        fs::create_dir(&wants).unwrap();
        symlink(Path::new("..").join(name), wants.join(name)).unwrap();
        let said = files.said(true);
        assert_harmless(&said);
        let (_, command) = said.split_once("Once vault-unseal runs: ").expect(&said);
        let command = command.lines().next().unwrap();
        let home = crate::support::directory::directory();
        assert_eq!(pasted(command, &home.path().join("")), format!("<disable><--now><{name}>"), "{command}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "{command}");
    }
}

#[test]
fn unit_and_script_text_is_shown_harmlessly() {
    let files = Files::new();
    for unit in [
        "[Service]\nExecStart=/opt/\u{1b}[2J\u{202e}evil\u{9b}31m run\n",
        "[Service]\nEnvironment=VAULT_CACERT=/opt/\u{202e}ca\u{1b}c.pem\nExecStart=/bin/sh -c 'vault operator unseal \
         -address=https://a.example/\u{1b} < /srv/\u{200b}keys\u{9b}.json'\n",
        "[Service]\nExecStart=/bin/sh -c 'vault operator unseal $(cat /srv/unseal\\')\n",
    ] {
        files.put(OLD, unit, 0o644);
        files.put(
            "/etc/systemd/system/vault-unseal.service.d/\u{1b}[2J\u{202e}.conf",
            "[Service]\nType=simple\n",
            0o644,
        );
        for as_root in [true, false] {
            assert_harmless(&files.said(as_root));
            assert_harmless(&files.check(as_root).json().unwrap());
        }
    }
}
