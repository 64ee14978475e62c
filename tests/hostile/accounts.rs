//! Other accounts of this machine, who listen where a server should: they get no share and are believed nothing.

use std::net::{Ipv6Addr, SocketAddr};
use std::process::Command;

use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::hostile::{Behaviour, Gate, HEALTH, Hostile, Request, SEAL_STATUS, Squat, UNSEAL};
use crate::support::network::{Network, address};
use crate::support::private::{are_root, mounted};
use crate::support::process::{Daemon, run};
use crate::support::server::{API_PORT, Builder, Server, is_active, is_sealed};
use crate::support::{PATIENCE, poll};
use crate::{health, problem, sealed, status, unsealed};

/// An account without a name.
const SOMEBODY: u32 = 4242;
const TOLD: &str = "runs as uid 4242, who is not trusted";

fn somebody() -> Squat {
    Squat { uid: Some(SOMEBODY), ..Squat::default() }
}

/// Says what a sealed server says, and takes every share.
fn greedy(server: Hostile) -> Hostile {
    server.on(HEALTH, [Behaviour::json(503, &health(true))]);
    server.on(SEAL_STATUS, [Behaviour::json(200, &sealed(3, 0, ""))]);
    server.on(UNSEAL, [Behaviour::json(200, &sealed(3, 1, "n"))]);
    server
}

/// A home for this address, with three shares.
fn home(url: &str, more: &str) -> Home {
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(3, 3)));
    home.configure(&[url], more);
    home
}

/// The daemon says who is there, comes again, and he has got nothing but questions; not even these where the server before
/// him closed a connection with its answer, since the next is looked at before anything is asked.
fn gets_nothing(daemon: &mut Daemon, server: &Hostile) {
    daemon.wait_for_line(TOLD);
    let before = server.connections();
    poll(PATIENCE, || (server.connections() >= before + 2).then_some(())).expect("the daemon comes again");
    let asked: Vec<String> = server.requests().iter().map(Request::line).collect();
    assert!(asked.iter().all(|line| line == HEALTH || line == SEAL_STATUS), "{asked:?}");
}

#[test]
fn foreign_account_on_the_port_gets_no_share_whatever_is_allowed() {
    if !are_root() {
        return;
    }
    for more in ["", "allow_plaintext = true"] {
        let server = greedy(Hostile::squatting(([127, 0, 0, 1], 0).into(), somebody()));
        let home = home(&server.url(), more);
        let mut daemon = home.run();
        gets_nothing(&mut daemon, &server);
    }
    let server = greedy(Hostile::squatting(([127, 0, 0, 1], 0).into(), somebody()));
    assert_eq!(problem(&mut status(&server.url(), &[])), "foreign-server");
    assert_eq!(problem(&mut status(&server.url(), &["--allow-plaintext"])), "foreign-server");
    // An address that means this machine without looking like it.
    let any = server.url().replace("127.0.0.1", "0.0.0.0");
    assert_eq!(problem(&mut status(&any, &["--allow-plaintext"])), "foreign-server");
}

#[test]
fn account_in_server_users_is_trusted() {
    if !are_root() {
        return;
    }
    let server = greedy(Hostile::squatting(([127, 0, 0, 1], 0).into(), somebody()));
    let home = home(&server.url(), "");
    let mut daemon = home.run();
    gets_nothing(&mut daemon, &server);
    home.config(&format!("server_users = [4242]\n{}", crate::support::home::cluster(&[&server.url()], "")));
    daemon.hangup();
    server.wait_for(UNSEAL, 1);
}

#[test]
fn connection_that_is_accepted_late_is_judged_when_it_is() {
    if !are_root() {
        return;
    }
    let gate = Gate::default();
    let squat = Squat { accept: Some(gate.clone()), ..somebody() };
    let server = greedy(Hostile::squatting(([127, 0, 0, 1], 0).into(), squat));
    let home = home(&server.url(), "request_timeout = \"1s\"");
    let mut daemon = home.run();
    gate.wait_until_reached();
    // Asked, and nobody has accepted: the kernel says that the connection is root's.
    daemon.wait_for_line("unreachable (no answer within 1s)");
    gate.open();
    gets_nothing(&mut daemon, &server);
}

#[test]
fn listener_that_is_gone_hides_nobody() {
    if !are_root() {
        return;
    }
    let squat = Squat { closes_listener: true, ..somebody() };
    let server = greedy(Hostile::squatting(([127, 0, 0, 1], 0).into(), squat));
    let home = home(&server.url(), "");
    let mut daemon = home.run();
    daemon.wait_for_line(TOLD);
    daemon.wait_for_line("connection refused");
    assert_eq!(server.submissions(), Vec::<String>::new());
}

#[test]
fn account_that_ends_each_connection_is_found_out() {
    if !are_root() {
        return;
    }
    let server = Hostile::squatting(([127, 0, 0, 1], 0).into(), somebody());
    server.on(HEALTH, [Behaviour::last(503, &health(true))]);
    let home = home(&server.url(), "allow_plaintext = true");
    let mut daemon = home.run();
    daemon.wait_for_line(TOLD);
    assert_eq!(server.submissions(), Vec::<String>::new());
}

#[test]
fn server_that_ends_each_connection_is_unsealed() {
    let server = Hostile::http();
    server.on(HEALTH, [Behaviour::last(503, &health(true))]);
    server.on(SEAL_STATUS, [Behaviour::last(200, &sealed(3, 0, ""))]);
    server.on(
        UNSEAL,
        [
            Behaviour::last(200, &sealed(3, 1, "n")),
            Behaviour::last(200, &sealed(3, 2, "n")),
            Behaviour::last(200, &unsealed(3)),
        ],
    );
    let home = home(&server.url(), "");
    let _daemon = home.run();
    server.wait_for(UNSEAL, 3);
}

#[test]
fn share_over_a_new_connection_waits_until_its_owner_is_known() {
    if !are_root() {
        return;
    }
    let server = greedy(Hostile::http());
    let gate = Gate::default();
    let answer = Behaviour::last(200, &sealed(3, 0, ""));
    server.on(SEAL_STATUS, [Behaviour::Held(gate.clone(), Box::new(answer))]);
    let home = home(&server.url(), "");
    let mut daemon = home.run();
    gate.wait_until_reached();
    // The real server goes away between its answer and the share that follows from it.
    server.leave();
    let thief = greedy(Hostile::squatting(server.address(), somebody()));
    gate.open();
    daemon.wait_for_line(TOLD);
    assert_eq!(thief.submissions(), Vec::<String>::new());
    assert_eq!(server.submissions(), Vec::<String>::new());
}

#[test]
fn account_that_takes_the_port_during_a_restart_gets_nothing() {
    if !are_root() {
        return;
    }
    let mut server = Server::start_plain();
    let init = server.init(1, 1);
    let home = Home::of(&server, &init.json);
    server.stop();
    let address: SocketAddr = server.url().trim_start_matches("http://").parse().unwrap();
    // Before the server, and the daemon, have started.
    let thief = greedy(Hostile::squatting(address, somebody()));
    let mut daemon = home.run();
    gets_nothing(&mut daemon, &thief);
    drop(thief);
    server.start();
    server.wait_until(is_active);
    // In the middle of its life.
    server.kill();
    let thief = greedy(Hostile::squatting(address, somebody()));
    gets_nothing(&mut daemon, &thief);
    drop(thief);
    server.start();
    server.wait_until(is_active);
}

#[test]
fn account_on_the_other_loopback_address_gets_nothing() {
    if !are_root() {
        return;
    }
    let server = Server::start_plain();
    let init = server.init(1, 1);
    server.wait_until(is_sealed);
    let port = server.url().rsplit_once(':').unwrap().1.parse().unwrap();
    let thief = greedy(Hostile::squatting((Ipv6Addr::LOCALHOST, port).into(), somebody()));
    let home = Home::new();
    home.shares(&init.json);
    home.configure(&[&format!("http://localhost:{port}")], "");
    home.put("hosts", "127.0.0.1 localhost\n::1 localhost\n");
    home.chmod("hosts", 0o644);
    let mut daemon = Daemon::start(&mut with_hosts(&home, &home.command(&["run"])));
    gets_nothing(&mut daemon, &thief);
    drop(thief);
    server.wait_until(is_active);
}

#[test]
fn localhost_that_leads_to_another_machine_gets_nothing_in_plaintext() {
    let Some(network) = Network::of(2) else { return };
    let server = Builder::new().ip(address(1)).within(network.node(1), API_PORT).start();
    let init = server.init(1, 1);
    let home = Home::new();
    home.shares(&init.json);
    home.put("hosts", &format!("{} localhost\n", address(1)));
    home.chmod("hosts", 0o644);
    home.configure(&["http://localhost:8200"], "");
    let mut command = with_hosts(&home, &home.command(&["run"]));
    let mut daemon = network.node(0).inside(|| Daemon::start(&mut command));
    let line = daemon.wait_for_line("the name leads to 10.77.0.2, which is another machine").text;
    assert!(line.contains("Nothing was sent"), "{line}");
    server.wait_until(is_sealed);
    let mut checked = with_hosts(&home, &home.command(&["status", "--json"]));
    let checked = network.node(0).inside(|| run(&mut checked));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("plaintext-elsewhere"), "{checked:?}");
    daemon.terminate();
    drop(daemon);

    home.configure(&["http://localhost:8200"], "allow_plaintext = true");
    let _daemon = network.node(0).inside(|| Daemon::start(&mut command));
    server.wait_until(is_active);
}

/// An interface can have several addresses, and the machine sends from the first of them.
#[test]
fn foreign_account_on_a_second_address_of_this_machine_is_believed_nothing() {
    let Some(network) = Network::of(1) else { return };
    let host = network.node(0);
    for address in ["10.9.0.1/24", "10.9.0.2/24"] {
        host.run(&["ip", "address", "add", address, "dev", "lo"]);
    }
    host.run(&["ip", "link", "set", "lo", "up"]);
    let squat = Squat { resets: true, ..somebody() };
    let server = host.inside(|| Hostile::squatting(([10, 9, 0, 2], 0).into(), squat));
    let body = health(false).to_string();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    server.on(HEALTH, [Behaviour::Raw(answer.into_bytes())]);
    let home = home(&server.url(), "allow_plaintext = true");
    let wait = host.inside(|| run(&mut home.command(&["wait", "--timeout", "2s"])));
    assert_eq!(wait.status.code(), Some(3), "{}", String::from_utf8_lossy(&wait.stdout));
    let mut daemon = host.inside(|| Daemon::start(&mut home.command(&["run"])));
    daemon.wait_for_line(TOLD);
    assert_eq!(server.submissions(), Vec::<String>::new());
}

/// A port of this machine that leads into a container: whose it is cannot be found out here.
#[test]
fn server_in_another_network_namespace_needs_allow_plaintext() {
    let Some(network) = Network::of(2) else { return };
    let server = Builder::new().ip(address(1)).within(network.node(1), API_PORT).start();
    let init = server.init(1, 1);
    let host = network.node(0);
    host.run(&["ip", "link", "set", "lo", "up"]);
    host.run(&["sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet"]);
    host.run(&[
        "nft",
        "table ip to {
             chain out {
                 type nat hook output priority -100
                 ip daddr 127.0.0.1 tcp dport 8200 dnat to 10.77.0.2
             }
             chain post {
                 type nat hook postrouting priority 100
                 ip daddr 10.77.0.2 masquerade
             }
         }",
    ]);
    let home = Home::new();
    home.shares(&init.json);
    home.configure(&["http://127.0.0.1:8200"], "");
    let mut command = home.command(&["run"]);
    let mut daemon = host.inside(|| Daemon::start(&mut command));
    daemon.wait_for_line("it is not in this network namespace");
    server.wait_until(is_sealed);
    home.configure(&["http://127.0.0.1:8200"], "allow_plaintext = true");
    daemon.hangup();
    server.wait_until(is_active);
}

/// The command with the home's hosts file.
fn with_hosts(home: &Home, command: &Command) -> Command {
    mounted(&format!("mount --bind {} /etc/hosts", home.path("hosts").display()), command)
}

#[test]
fn every_verb_that_believes_a_server_refuses_a_foreign_one() {
    if !are_root() {
        return;
    }
    let server = greedy(Hostile::squatting(([127, 0, 0, 1], 0).into(), somebody()));
    server.on(HEALTH, [Behaviour::json(200, &health(false))]);
    let home = home(&server.url(), "");
    let wait = run(&mut home.command(&["wait", "--timeout", "2s"]));
    assert_eq!(wait.status.code(), Some(3), "it is unsealed as far as he says");
    let check = run(&mut home.command(&["check", "--json"]));
    assert_eq!(check.status.code(), Some(4), "{}", String::from_utf8_lossy(&check.stdout));
    assert!(String::from_utf8_lossy(&check.stdout).contains("foreign-server"));
    server.on(HEALTH, [Behaviour::json(501, &serde_json::json!({"initialized": false, "sealed": true}))]);
    let new = home.path("new-shares").display().to_string();
    let init = run(&mut home.command(&["init", "--plain", "--output", &new]));
    assert_ne!(init.status.code(), Some(0));
    let asked: Vec<String> = server.requests().iter().map(Request::line).collect();
    assert!(!asked.is_empty() && asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
}
