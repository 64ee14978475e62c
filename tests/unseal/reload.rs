//! SIGHUP.

use std::fs;

use serde_json::json;

use crate::support::home::{Home, cluster, lines, shares_of_nobody};
use crate::support::hostile::{Behaviour, HEALTH, Hostile};
use crate::support::openbao::{Server, is_active};
use crate::support::process::{Daemon, Notify};

/// A server that is unsealed and stays so.
fn content() -> Hostile {
    let server = Hostile::http();
    let health = json!({"initialized": true, "sealed": false, "standby": false, "version": "2.7.2"});
    server.on(HEALTH, [Behaviour::json(200, &health)]);
    server
}

#[test]
fn a_bad_file_changes_nothing_and_is_named_with_its_line() {
    let mut server = Server::start_plain();
    let init = server.init(1, 1);
    let home = Home::of(&server, &init.json);
    let mut notify = Notify::new();
    let mut daemon = Daemon::start(home.command(&["run"]).env("NOTIFY_SOCKET", notify.path()));
    daemon.wait_for_line(": unsealed (active)");
    notify.wait_for("READY=1");

    home.put("config.toml", &format!("[[cluster]]\nnodes = [\"{}\"]\nshare = 1\n", server.url()));
    daemon.hangup();
    notify.wait_for("RELOADING=1");
    notify.wait_for("READY=1");
    let refused = daemon.wait_for_line("the new configuration is not used, the old one stays").text;
    assert!(refused.contains("config.toml:3") && refused.contains("shares"), "{refused}");

    home.configure(&["https://127.0.0.1:1"], "tls = { ca_file = \"nowhere.crt\" }");
    daemon.hangup();
    daemon
        .wait_for_line("the new configuration is not used, the old one stays: cannot read certificate file");

    home.configure(&[&server.url()], "");
    home.shares("not a share\n");
    daemon.hangup();
    daemon.wait_for_line("the new configuration is not used, the old one stays: cannot use the shares in");
    home.shares(&init.json);

    server.kill();
    daemon.wait_for_line("unreachable");
    server.start();
    server.wait_until(is_active);
}

#[test]
fn nodes_come_and_go_and_the_others_keep_their_connection() {
    let (stays, comes, goes) = (content(), content(), content());
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    home.configure(&[&stays.url(), &goes.url()], "name = \"home\"");
    let mut notify = Notify::new();
    let mut daemon = Daemon::start(home.command(&["run"]).env("NOTIFY_SOCKET", notify.path()));
    notify.wait_for("STATUS=2 nodes: 2 unsealed");
    let connections = stays.connections();

    home.configure(&[&stays.url(), &goes.url(), &comes.url()], "name = \"home\"");
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded: 3 nodes");
    notify.wait_for("STATUS=3 nodes: 3 unsealed");

    home.configure(&[&stays.url(), &comes.url()], "name = \"home\"");
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded: 2 nodes");
    notify.wait_for("STATUS=2 nodes: 2 unsealed");
    let asked = goes.requests().len();

    home.configure(&[&stays.url(), &comes.url()], "name = \"home\"\npoll_interval = \"150ms\"");
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded: 2 nodes");

    // Another cluster beside it is no reason either.
    let other = content();
    home.config(
        &(cluster(&[&stays.url(), &comes.url()], "name = \"home\"\npoll_interval = \"150ms\"")
            + &cluster(&[&other.url()], "name = \"other\"")),
    );
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded: 3 nodes of 2 clusters");
    notify.wait_for("STATUS=3 nodes: 3 unsealed");

    stays.wait_for_more(HEALTH, 3);
    assert_eq!(stays.connections(), connections, "the watch on a node that stays was dropped");
    let said = daemon.output();
    assert_eq!(said.matches(&format!("{}: unsealed", stays.url())).count(), 1, "and begun anew:\n{said}");
    assert_eq!(goes.requests().len(), asked, "a node that is gone was asked");
}

#[test]
fn the_log_level_is_reloaded_too() {
    let server = content();
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(1, 1)));
    let settings = fs::read_to_string(home.path("config.toml")).unwrap();
    let level = |level: &str| home.put("config.toml", &format!("log_level = \"{level}\"\n{settings}"));
    level("error");
    let mut notify = Notify::new();
    let mut daemon = Daemon::start(home.command(&["run"]).env("NOTIFY_SOCKET", notify.path()));
    notify.wait_for("READY=1");
    notify.wait_for("STATUS=1 node: 1 unsealed");
    assert_eq!(daemon.output(), "", "nothing is an error");
    level("info");
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded");
    notify.wait_for("READY=1");
    level("error");
    daemon.hangup();
    notify.wait_for("READY=1");
    level("info");
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded");
    assert_eq!(daemon.output().matches("configuration reloaded").count(), 2, "{}", daemon.output());
}
