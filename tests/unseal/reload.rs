//! SIGHUP, and `vault-unseal reload`.

use std::fs;
use std::process::Output;

use serde_json::json;

use crate::support::certs::Authority;
use crate::support::home::{Home, cluster, lines, shares_of_nobody};
use crate::support::hostile::{Behaviour, HEALTH, Hostile};
use crate::support::process::{Daemon, Notify, run, vault_unseal};
use crate::support::server::{Builder, Server, is_active};

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

/// `vault-unseal reload` as the unit calls it, and as a person does.
fn reload(home: &Home) -> Output {
    run(vault_unseal(&["reload"]).env("RUNTIME_DIRECTORY", home.path("run")))
}

#[test]
fn refused_reload_fails_with_its_reason_and_the_status_line_keeps_it() {
    let server = content();
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(1, 1)));
    home.make_run();
    let mut notify = Notify::new();
    let mut command = home.command(&["run"]);
    command.env("NOTIFY_SOCKET", notify.path()).env("RUNTIME_DIRECTORY", home.path("run"));
    let mut daemon = Daemon::start(&mut command);
    notify.wait_for("STATUS=1 node: 1 unsealed");
    let done = reload(&home);
    assert_eq!(done.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&done.stdout), "reloaded: it watches 1 node\n");
    daemon.wait_for_line("configuration reloaded");
    // Whoever names another configuration would believe that it is in force.
    let mut other = vault_unseal(&["reload", "--config", "other.toml"]);
    let refused = run(other.env("RUNTIME_DIRECTORY", home.path("run")));
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the daemon reads its own again"));
    let mut set_for_all = vault_unseal(&["reload"]);
    set_for_all.env("VAULT_UNSEAL_CONFIG", "other.toml").env("RUNTIME_DIRECTORY", home.path("run"));
    assert_eq!(run(&mut set_for_all).status.code(), Some(0));

    let good = fs::read_to_string(home.path("config.toml")).unwrap();
    home.shares("not a share\n");
    let output = reload(&home);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{message}");
    let first = "error: the new configuration is not used, the old one stays: cannot use the shares in";
    assert!(message.starts_with(first) && message.contains("shares"), "{message}");
    assert!(message.lines().count() > 1, "without advice: {message}");
    let line =
        notify.wait_for("STATUS=1 node: 1 unsealed; reload refused, the old configuration stays: ").text;
    assert!(line.contains("cannot use the shares in"), "{line}");
    // A state that changes does not make it go away, and neither does SIGHUP.
    server.on(HEALTH, [Behaviour::proxy_503()]);
    notify.wait_for("STATUS=1 node: 1 unreachable; reload refused, the old configuration stays: ");
    daemon.hangup();
    notify.wait_for("STATUS=1 node: 1 unreachable; reload refused, the old configuration stays: ");
    let status = run(home.command(&["status"]).arg("--socket").arg(home.path("run/control.sock"))).stdout;
    let status = String::from_utf8(status).unwrap();
    // No service's: its systemd is not asked about this daemon.
    let socket = home.path("run/control.sock");
    let said = format!(
        "\nthe daemon at {}: the new configuration is not used, the old one stays: ",
        socket.display()
    );
    assert!(status.contains(&said), "{status}");

    home.put("config.toml", &good);
    home.shares(&lines(&shares_of_nobody(1, 1)));
    assert_eq!(reload(&home).status.code(), Some(0));
    notify.wait_for("READY=1");
    let line = notify.assignments().into_iter().rfind(|line| line.text.starts_with("STATUS="));
    assert!(!line.unwrap().text.contains("reload refused"));
}

/// Nothing in the configuration has changed, but a start would be refused: a reload says so now.
#[test]
fn reload_is_refused_for_an_authority_that_a_start_would_refuse() {
    let server = Builder::new().tls(&Authority::new("Private CA")).start();
    let init = server.init(1, 1);
    let home = Home::new();
    home.shares(&init.json);
    home.make_run();
    home.put("ca.pem", &fs::read_to_string(server.ca_file()).unwrap());
    home.chmod("ca.pem", 0o644);
    let ca_file = home.path("ca.pem").display().to_string();
    home.configure(&[&server.url()], &format!("tls = {{ ca_file = \"{ca_file}\" }}"));
    let mut command = home.command(&["run"]);
    command.env("RUNTIME_DIRECTORY", home.path("run"));
    let mut daemon = Daemon::start(&mut command);
    daemon.wait_for_line("unsealed (active)");
    home.put("ca.pem", "garbage\n");
    home.chmod("ca.pem", 0o644);
    let refused = reload(&home);
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(78), "{message}");
    assert!(message.contains("ca.pem"), "{message}");
    home.put("ca.pem", &fs::read_to_string(server.ca_file()).unwrap());
    home.chmod("ca.pem", 0o644);
    assert_eq!(reload(&home).status.code(), Some(0));
}

#[test]
fn several_reloads_at_once_are_all_answered() {
    let server = content();
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(1, 1)));
    home.make_run();
    let mut daemon = Daemon::start(home.command(&["run"]).env("RUNTIME_DIRECTORY", home.path("run")));
    daemon.wait_for_line(": unsealed (active)");
    crate::support::poll(crate::support::PATIENCE, || home.path("run/control.sock").exists().then_some(()))
        .unwrap();
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(|| reload(&home).status.code())).collect();
        for asked in asked {
            assert_eq!(asked.join().unwrap(), Some(0));
        }
    });
}

#[test]
fn daemon_without_socket_is_reloaded_by_signal_where_systemd_names_it() {
    let server = content();
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(1, 1)));
    home.make_run();
    let mut daemon = home.run();
    daemon.wait_for_line("no control socket: hold, resume and reload cannot reach this daemon");
    daemon.wait_for_line(": unsealed (active)");
    let output = reload(&home);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no daemon listens at"));
    let mut command = vault_unseal(&["reload"]);
    command.env("RUNTIME_DIRECTORY", home.path("run")).env("MAINPID", daemon.pid().to_string());
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("was sent SIGHUP instead: its log"));
    daemon.wait_for_line("configuration reloaded");
}
