//! `vault-unseal wait`.

use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::hostile::{Behaviour, HEALTH, Hostile};
use crate::support::process::{Daemon, Notify, run, vault_unseal};
use crate::support::server::Server;
use crate::{Normal, health, is_as_in, says, seal};

fn shut() -> Hostile {
    says(&health(true, true, &json!({})), &seal(&json!({})))
}

fn open() -> Hostile {
    says(&health(true, false, &json!({})), &json!({}))
}

#[test]
fn it_ends_when_a_real_server_is_unsealed() {
    let server = Server::start_plain();
    let init = server.init(3, 2);
    let mut waits = Daemon::start(&mut vault_unseal(&["wait", "--nodes", &server.url()]));
    waits.wait_for_line(": sealed");
    server.unseal(&init);
    waits.wait_for_line("unsealed after ");
    assert_eq!(waits.exit_status(PATIENCE).code(), Some(0));
}

#[test]
fn all_or_any() {
    let (open, shut) = (open(), shut());
    let nodes = format!("{},{}", open.url(), shut.url());
    let code = |arguments: &[&str]| run(vault_unseal(arguments).args(["--nodes", &nodes])).status.code();
    assert_eq!(code(&["wait", "--any"]), Some(0));
    assert_eq!(code(&["wait", "--timeout", "1s"]), Some(3));
    shut.on(HEALTH, [Behaviour::json(200, &health(true, false, &json!({})))]);
    assert_eq!(code(&["wait"]), Some(0));
}

#[test]
fn the_deadline_in_words() {
    let (open, shut) = (open(), shut());
    let urls = [open.url(), shut.url()];
    let normal = Normal::default().servers(urls.iter().map(String::as_str));
    let output = run(&mut vault_unseal(&["wait", "--timeout", "1s", "--nodes", &urls.join(",")]));
    // Which server answers first is theirs to decide.
    let said = normal.output(&output);
    let (mut states, mut rest): (Vec<&str>, Vec<&str>) =
        said.lines().partition(|line| line.starts_with("http"));
    states.sort_unstable();
    rest.splice(2..2, states);
    is_as_in("wait-deadline.txt", &(rest.join("\n") + "\n"));
}

#[test]
fn the_result_in_json() {
    let (open, shut) = (open(), shut());
    let result = |flag: &[&str]| -> (Option<i32>, Value) {
        let nodes = format!("{},{}", open.url(), shut.url());
        let output = run(vault_unseal(&["wait", "--json", "--timeout", "1s", "--nodes", &nodes]).args(flag));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    };
    let (code, late) = result(&[]);
    assert_eq!((code, &late["unsealed"]), (Some(3), &json!(false)));
    assert!(late["waited_ms"].as_u64().is_some_and(|waited| waited >= 1000), "{late}");
    let nodes = json!([
        {"cluster": "default", "address": open.url(), "state": "unsealed"},
        {"cluster": "default", "address": shut.url(), "state": "sealed"},
    ]);
    assert_eq!(late["nodes"], nodes);
    let (code, any) = result(&["--any"]);
    assert_eq!((code, &any["unsealed"], &any["nodes"][0]), (Some(0), &json!(true), &nodes[0]));
}

#[test]
fn the_service_manager_is_told_to_be_patient() {
    let server = shut();
    let mut notify = Notify::new();
    let mut command = vault_unseal(&["wait", "--nodes", &server.url()]);
    let mut waits = Daemon::start(command.env("NOTIFY_SOCKET", notify.path()));
    notify.wait_for("STATUS=1 node: 1 sealed");
    let patience = notify.wait_for("EXTEND_TIMEOUT_USEC=").text;
    let usec: u64 = patience.split_once('=').unwrap().1.parse().unwrap();
    assert!(usec >= 20_000_000, "longer than until the next time: {usec}");
    server.on(HEALTH, [Behaviour::json(200, &health(true, false, &json!({})))]);
    notify.wait_for("READY=1");
    assert_eq!(waits.exit_status(PATIENCE).code(), Some(0));
}

#[test]
fn a_configuration_is_needed() {
    let output = run(&mut vault_unseal(&["wait", "--config", "/nowhere/config.toml"]));
    assert_eq!(output.status.code(), Some(78));
}
