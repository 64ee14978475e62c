//! `vault-unseal status`.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::certs::Authority;
use crate::support::home::Home;
use crate::support::hostile::{Behaviour, HEALTH, Hostile};
use crate::support::process::{Daemon, run, vault_unseal};
use crate::support::server::{Builder, is_active};
use crate::support::status::status_document;
use crate::{Normal, bare, health, is_as_in, says, seal};

/// One server of every sort, with the address of one that is down.
fn every_sort() -> (Vec<Hostile>, String) {
    let nothing = json!({});
    let open = |more: Value| says(&health(true, false, &more), &nothing);
    let shut = |more: Value| says(&health(true, true, &nothing), &seal(&more));
    let servers = vec![
        open(
            json!({"cluster_name": "vault-cluster-1", "cluster_id": "7cb2b140-eb80-9292-0772-3bb0057bea5c"}),
        ),
        open(json!({"standby": true, "replication_performance_mode": "primary"})),
        open(json!({"standby": true, "replication_performance_mode": "unknown"})),
        open(json!({"replication_dr_mode": "secondary"})),
        open(json!({"standby": true, "performance_standby": true})),
        shut(nothing.clone()),
        shut(json!({"progress": 1, "nonce": "n"})),
        says(&health(false, true, &nothing), &bare()),
        shut(json!({"type": "static", "recovery_seal": true})),
        shut(json!({"migration": true})),
        says(&health(true, true, &json!({"removed_from_cluster": true})), &nothing),
        Hostile::http(),
    ];
    servers[11].on(HEALTH, [Behaviour::proxy_503()]);
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    (servers, format!("http://{down}"))
}

#[test]
fn every_state_in_words_and_in_json() {
    let (servers, down) = every_sort();
    let mut urls: Vec<String> = servers.iter().map(Hostile::url).collect();
    urls.push(down);
    let normal = Normal::default().servers(urls.iter().map(String::as_str));
    let nodes = urls.join(",");
    is_as_in("status.txt", &normal.run(&mut vault_unseal(&["status", "--nodes", &nodes])));

    let output = run(&mut vault_unseal(&["status", "--json", "--nodes", &nodes]));
    let document = status_document(&output.stdout);
    let pretty = serde_json::to_string_pretty(&document).unwrap() + "\n";
    is_as_in("status.json", &normal.text(&pretty));
}

#[test]
fn a_real_server_that_is_verified_and_one_that_is_not() {
    let authority = Authority::new("Private CA");
    let server = Builder::new().tls(&authority).start();
    let home = Home::of(&server, "");
    let normal = Normal::default()
        .real(&server)
        .servers([server.url().as_str()])
        .directory(server.directory(), "/etc/openbao");
    let look = |flags: &[&str]| {
        let mut arguments = vec!["status"];
        arguments.extend(flags);
        normal.run(&mut home.command(&arguments))
    };
    let mut text = look(&[]);
    let init = server.init(5, 3);
    text += &look(&[]);
    server.submit(&init.keys_hex[0]);
    text += &look(&[]);
    server.reset();
    server.unseal(&init);
    server.wait_until(is_active);
    text += &look(&["--skip-verify"]);
    // OpenBao makes up the cluster's name, which the table does not show.
    is_as_in("status-real.txt", &text);
}

#[test]
fn colour_and_a_broken_pipe_are_no_matter() {
    let server = says(&health(true, false, &json!({})), &json!({}));
    let mut command = vault_unseal(&["status", "--nodes", &server.url()]);
    let output = run(command.env("TERM", "xterm-256color"));
    assert!(!output.stdout.contains(&0x1b), "colour is for terminals");
}

/// A socket that is named is meant: what no daemon adds is said to be missing.
#[test]
fn a_daemon_that_is_named_and_does_not_answer_is_told_of_once() {
    let server = says(&health(true, false, &json!({})), &json!({}));
    for arguments in [&["status"][..], &["status", "--json"]] {
        let mut command = vault_unseal(&[arguments, &["--nodes", &server.url()]].concat());
        assert!(run(&mut command).stderr.is_empty(), "the service's need not be there");
        let output = run(command.args(["--socket", "/nowhere/control.sock"]));
        assert_eq!(output.status.code(), Some(0));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "No daemon answers at /nowhere/control.sock: the servers alone are asked.\n");
    }
}

#[test]
fn a_change_is_printed_while_watching() {
    let server = says(&health(false, true, &json!({})), &bare());
    let mut command =
        vault_unseal(&["status", "--watch", "--nodes", &server.url(), "--poll-interval", "100ms"]);
    let mut watching = Daemon::start(&mut command);
    watching.wait_for_line("uninitialized");
    server.wait_for_more(HEALTH, 3);
    assert_eq!(watching.output().matches("NODE").count(), 1, "no change, no line");
    server.on(HEALTH, [Behaviour::json(299, &health(true, false, &json!({})))]);
    watching.wait_for_line("unsealed (active)");
    watching.terminate();
}

#[test]
fn a_change_is_one_line_of_json_while_watching() {
    let server = says(&health(false, true, &json!({})), &bare());
    let url = server.url();
    let mut watching = Daemon::start(&mut vault_unseal(&[
        "status",
        "--watch",
        "--json",
        "--nodes",
        &url,
        "--poll-interval",
        "100ms",
    ]));
    let state = |line: &str| serde_json::from_str::<Value>(line).unwrap()["nodes"][0]["state"].clone();
    assert_eq!(state(&watching.wait_for_line("nodes").text), "uninitialized");
    server.on(HEALTH, [Behaviour::json(299, &health(true, false, &json!({})))]);
    assert_eq!(state(&watching.wait_for_line("nodes").text), "unsealed");
}

/// A directory with a `systemctl` that answers so.
fn systemctl(answer: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("systemctl");
    std::fs::write(&path, format!("#!/bin/sh\nprintf '%s\\n' {answer}\n")).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    directory
}

/// `status` for what the machine's service looks after.
fn of_service(server: &Hostile, arguments: &[&str], systemctl: &tempfile::TempDir) -> String {
    let mut command = vault_unseal(arguments);
    command.env("VAULT_ADDR", server.url()).env("PATH", systemctl.path());
    String::from_utf8(run(&mut command).stdout).unwrap()
}

#[test]
fn service_that_failed_or_is_disabled_is_told_on_the_last_line() {
    let server = says(&health(true, false, &json!({})), &json!({}));
    let failed = systemctl(
        "LoadState=loaded ActiveState=failed SubState=failed UnitFileState=enabled Result=exit-code ExecMainStatus=78",
    );
    let text = of_service(&server, &["status"], &failed);
    assert_eq!(
        text.lines().last().unwrap(),
        "vault-unseal.service has failed (exit code 78): a sealed server stays sealed. See why: journalctl -u \
         vault-unseal. After the fix: systemctl restart vault-unseal"
    );
    let text = of_service(&server, &["status", "--json"], &failed);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["service_problem"]["kind"], "service-failed");
    let sealed = says(&health(true, true, &json!({})), &json!({}));
    let text = of_service(&sealed, &["wait", "--timeout", "1s", "--json"], &failed);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["service_problem"]["kind"], "service-failed");
    let mut command = vault_unseal(&["wait", "--timeout", "1s"]);
    command.env("VAULT_ADDR", sealed.url()).env("PATH", failed.path());
    let said = String::from_utf8(run(&mut command).stderr).unwrap();
    assert!(said.contains("\n  vault-unseal.service has failed (exit code 78): "), "{said}");

    let disabled = systemctl("LoadState=loaded ActiveState=active SubState=running UnitFileState=disabled");
    let text = of_service(&server, &["status"], &disabled);
    assert_eq!(
        text.lines().last().unwrap(),
        "vault-unseal.service runs but is disabled: it does not start with the machine. systemctl enable vault-unseal"
    );
    let good = systemctl("LoadState=loaded ActiveState=active SubState=running UnitFileState=enabled");
    assert!(!of_service(&server, &["status"], &good).contains("vault-unseal.service"));
    // Without systemd nothing is said of it.
    let nothing = tempfile::tempdir().unwrap();
    assert_eq!(of_service(&server, &["status"], &nothing).lines().count(), 2);
}

#[test]
fn exit_code_is_3_unless_every_server_is_unsealed() {
    let open = says(&health(true, false, &json!({})), &json!({}));
    let shut = says(&health(true, true, &json!({})), &seal(&json!({})));
    let exit = |nodes: &str, flags: &[&str]| {
        let mut command = vault_unseal(&["status", "--nodes", nodes]);
        run(command.args(flags)).status.code()
    };
    assert_eq!(exit(&open.url(), &["--exit-code"]), Some(0));
    assert_eq!(exit(&shut.url(), &["--exit-code"]), Some(3));
    assert_eq!(exit(&format!("{},{}", open.url(), shut.url()), &["--exit-code", "--json"]), Some(3));
    assert_eq!(exit(&shut.url(), &[]), Some(0));
    assert_eq!(exit(&open.url(), &["--exit-code", "--watch"]), Some(2));
}
