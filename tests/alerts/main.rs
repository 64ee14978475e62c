//! The alert rules where they are used: Debian's Prometheus reads the metrics of a daemon over a real server through
//! `node_exporter`, and its Alertmanager shows what fires.
//!
//! Takes these three on the machine, and curl. It is ignored in plain `cargo test` for that reason; `.ci/run` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod dashboard;
mod page;
mod servers;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::time::Duration;

use support::certs::Authority;
use support::home::Home;
use support::process::{Daemon, run, vault_unseal};
use support::server::{Builder, Server, is_sealed};

use servers::{Monitoring, PATIENCE};

/// `group_interval` of Alertmanager.
const INTERVAL: Duration = Duration::from_secs(300);

/// Makes what tmpfiles.d makes beside the runtime directory.
fn make_observe(home: &Home) {
    home.make_run();
    fs::create_dir(home.path("run-observe")).unwrap();
}

fn start(home: &Home) -> Daemon {
    Daemon::start(home.command(&["run"]).env("RUNTIME_DIRECTORY", home.path("run")))
}

fn order(verb: &str, home: &Home) {
    let socket = home.path("run/control.sock");
    assert!(run(vault_unseal(&[verb, "--all", "--socket"]).arg(socket)).status.success());
}

/// A server that is watched and was unsealed; then somebody held it, and sealed it.
fn held_and_sealed() -> (Server, Home, Daemon, Monitoring) {
    let server = Builder::new().tls(&Authority::new("Private CA")).start();
    let init = server.init(5, 3);
    let home = Home::of(&server, &init.json);
    make_observe(&home);
    let mut daemon = start(&home);
    daemon.wait_for_line(": unsealed (active)");
    let monitoring = Monitoring::start(&home);
    monitoring.until_quiet();
    order("hold", &home);
    server.seal(&init.root_token);
    server.wait_until(is_sealed);
    (server, home, daemon, monitoring)
}

#[test]
#[ignore = "takes Debian's Prometheus, Alertmanager and node_exporter: .ci/run runs it"]
fn alerts_fire_of_real_servers_and_are_resolved() {
    let (server, home, mut daemon, monitoring) = held_and_sealed();
    let url = server.url();
    let held = monitoring.until_fires("VaultUnsealNodeHeld");
    let told = [&held["labels"]["node"], &held["labels"]["severity"]];
    assert_eq!(told, [url.as_str(), "warning"]);
    let summary = held["annotations"]["summary"].as_str().unwrap();
    assert_eq!(summary, format!("{url} of cluster default has been held for an hour"));
    let told = monitoring.until_told("VaultUnsealNodeHeld", "firing", PATIENCE);
    assert_eq!((&told["labels"], &told["annotations"]), (&held["labels"], &held["annotations"]));
    // While a server is held and sealed.
    for expression in dashboard::expressions() {
        monitoring.until_returns(&expression);
    }
    order("resume", &home);
    monitoring.until_resolved("VaultUnsealNodeHeld");
    assert!(!is_sealed(&server.health()), "it was unsealed");

    let good = fs::read_to_string(home.path("config.toml")).unwrap();
    home.put("config.toml", "nodes = 1");
    daemon.hangup();
    monitoring.until_fires("VaultUnsealReloadRefused");
    home.put("config.toml", &good);
    daemon.hangup();
    monitoring.until_resolved("VaultUnsealReloadRefused");

    drop(daemon);
    let down = monitoring.until_fires("VaultUnsealDaemonDown");
    assert_eq!(down["labels"]["severity"], "critical");
    let _daemon = start(&home);
    monitoring.until_resolved("VaultUnsealDaemonDown");
    monitoring.until_quiet();
}

#[test]
#[ignore = "takes the five minutes after which Alertmanager tells what has ended: .ci/run runs it"]
fn alertmanager_tells_that_a_server_is_held_and_that_it_is_no_longer() {
    let (server, home, _daemon, monitoring) = held_and_sealed();
    let firing = monitoring.until_told("VaultUnsealNodeHeld", "firing", PATIENCE);
    assert_eq!(firing["labels"]["node"], server.url());
    assert!(is_sealed(&server.health()));
    order("resume", &home);
    monitoring.until_resolved("VaultUnsealNodeHeld");
    let resolved = monitoring.until_told("VaultUnsealNodeHeld", "resolved", INTERVAL + PATIENCE);
    assert_eq!(resolved["labels"], firing["labels"]);
    assert_eq!(resolved["startsAt"], firing["startsAt"], "it is the end of that one");
    assert!(!is_sealed(&server.health()), "it was unsealed");
}
