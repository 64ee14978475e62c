//! What only the daemon knows of a server that says it is sealed, as `status` and `wait` tell it.

use std::fs;

use serde_json::{Value, json};

use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::process::{Daemon, run};
use crate::support::server::{Flavour, Server};

/// A sealed server with 3 of 5 shares, and the daemon's home with these.
fn sealed(shares: impl Fn(&[String]) -> Vec<String>) -> (Server, Home, Daemon) {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let home = Home::of(&server, &lines(&shares(&init.keys_hex)));
    home.make_run();
    let daemon = Daemon::start(home.command(&["run"]).env("RUNTIME_DIRECTORY", home.path("run")));
    (server, home, daemon)
}

/// Exit code, standard output and standard error of a verb that may ask the daemon.
fn told(home: &Home, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = run(home.command(arguments).arg("--socket").arg(home.path("run/control.sock")));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn node(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_str::<Value>(&told(home, arguments).1).unwrap()["nodes"][0].clone()
}

#[test]
fn rejected_shares() {
    let (server, home, mut daemon) = sealed(|_| shares_of_nobody(5, 3));
    daemon.wait_for_line("shares-rejected (");
    let url = server.url();
    let status = Flavour::of_this_run().status_of_wrong_shares();
    let reason = &*format!("HTTP {status}: the shares do not make this server's key");
    let advice = "A share is mistyped, or they belong to another server, or ";
    let shown = told(&home, &["status"]).1;
    assert!(shown.contains(&format!("{url}  shares-rejected")), "{shown}");
    assert!(shown.contains(&format!("\n{url}: {reason}")), "{shown}");
    assert!(shown.contains(&format!("\n  {advice}")), "{shown}");
    let node_told = node(&home, &["status", "--json"]);
    assert_eq!(
        (&node_told["state"], &node_told["problem"]["kind"]),
        (&json!("shares-rejected"), &json!("shares-rejected"))
    );
    assert!(node_told["problem"]["message"].as_str().unwrap().starts_with(reason), "{node_told}");
    assert!(node_told["problem"]["advice"].as_str().unwrap().starts_with(advice), "{node_told}");

    let (code, _, said) = told(&home, &["wait", "--timeout", "1s"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("not unsealed in time: 1 node: 1 shares-rejected\n"), "{said}");
    assert!(said.contains(&format!("\n  {url}: shares-rejected ({reason}")), "{said}");
    assert!(said.contains(&format!("\n    {advice}")), "{said}");
    let node_told = node(&home, &["wait", "--timeout", "1s", "--json"]);
    assert_eq!(node_told["state"], "shares-rejected");
    assert!(node_told["reason"].as_str().unwrap().starts_with(reason), "{node_told}");

    // Without the daemon the server has the word.
    daemon.terminate();
    assert!(daemon.exit_status(crate::support::PATIENCE).success());
    assert_eq!(node(&home, &["status", "--json"])["state"], "sealed");
}

#[test]
fn a_source_that_cannot_be_read() {
    let (mut server, home, mut daemon) = sealed(<[String]>::to_vec);
    daemon.wait_for_line(": unsealed (active)");
    fs::remove_file(home.path("shares")).unwrap();
    server.kill();
    server.start();
    daemon.wait_for_line("shares-unavailable (cannot read shares from");
    let node_told = node(&home, &["status", "--json"]);
    assert_eq!(node_told["state"], "shares-unavailable");
    let problem = &node_told["problem"];
    assert!(problem["message"].as_str().unwrap().starts_with("cannot read shares from "), "{problem}");
    assert!(!problem["advice"].as_str().unwrap().is_empty(), "{problem}");
    let (_, _, said) = told(&home, &["wait", "--timeout", "1s"]);
    assert!(said.contains(": shares-unavailable (cannot read shares from "), "{said}");
}

#[test]
fn shares_that_are_too_few() {
    let (server, home, mut daemon) = sealed(|keys| keys[..2].to_vec());
    daemon.wait_for_line("waiting-for-peers (2/3)");
    assert_eq!(node(&home, &["status", "--json"])["state"], "waiting-for-peers");
    let shown = told(&home, &["status"]).1;
    assert!(shown.contains("waiting-for-peers (2/3)"), "{shown}");
    let peers = "The missing shares come from the daemons on the other machines.";
    assert!(shown.contains(peers), "{shown}");
    let (_, _, said) = told(&home, &["wait", "--timeout", "1s"]);
    assert!(said.contains(&format!("  {}: waiting-for-peers (2/3)\n    {peers}", server.url())), "{said}");
}
