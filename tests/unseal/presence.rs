//! The connection that is kept between polls: its end is the end of the server. Polls are an hour apart here, so that
//! whatever is seen is seen by it.

use std::time::Duration;

use serde_json::json;

use crate::support::certs::{Authority, Validity};
use crate::support::home::{Home, cluster, lines, shares_of_nobody, trusting};
use crate::support::hostile::{Behaviour, HEALTH, Hostile, OnAccept, SEAL_STATUS};
use crate::support::server::{Builder, Server, is_active};
use crate::support::{PATIENCE, poll};

/// A server without keys is looked at once a poll and no more.
fn is_noticed(mut server: Server, tls: &str) {
    let home = Home::new();
    home.configure(&[&server.url()], &format!("poll_interval = \"1h\"\n{tls}"));
    home.shares(&lines(&shares_of_nobody(1, 1)));
    let mut daemon = home.run();
    daemon.wait_for_line(": uninitialized");
    server.kill();
    daemon.wait_for_line("unreachable");
    server.start();
    daemon.wait_for_line(": uninitialized");
    assert!(server.stop().success());
    daemon.wait_for_line("unreachable");
    server.start();
    daemon.wait_for_line(": uninitialized");

    let init = server.init(3, 2);
    home.shares(&init.json);
    server.kill();
    server.start();
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn a_restart_is_noticed_by_it_over_plain_http() {
    is_noticed(Server::start_plain(), "");
}

#[test]
fn a_restart_is_noticed_by_it_over_tls() {
    let server = Builder::new().tls(&Authority::new("Private CA")).start();
    let trust = trusting(&server.ca_file());
    is_noticed(server, &trust);
}

/// A server without keys that cuts each connection after the answer and does not say so.
fn cuts() -> Hostile {
    let server = Hostile::http();
    for line in [HEALTH, SEAL_STATUS] {
        let body = json!({"initialized": false, "sealed": true, "standby": true, "t": 0, "n": 0}).to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        server.on(line, [Behaviour::Raw(answer.into_bytes())]);
    }
    server
}

#[test]
fn connections_that_are_cut_whenever_idle_are_no_storm_and_may_be_ignored() {
    let (watched, polled, frequent) = (cuts(), cuts(), cuts());
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    home.config(
        &(cluster(&[&watched.url()], "name = \"watched\"\npoll_interval = \"1h\"")
            + &cluster(&[&polled.url()], "name = \"polled\"\npoll_interval = \"1h\"\npresence = false")
            + &cluster(&[&frequent.url()], "name = \"frequent\"")),
    );
    let _daemon = home.run();
    let asked = frequent.wait_for(HEALTH, 30);
    // Polls are 100 ms apart. Slowness of this machine only adds.
    assert!(asked[29].at - asked[9].at >= Duration::from_millis(20 * 90), "more often than polls");
    // At once, then after 20 ms, 40 ms, ...: far from an hour.
    watched.wait_for(HEALTH, 4);
    // Once more where the first connection was gone before its owner could be found.
    let polls = polled.requests().iter().filter(|request| request.line() == HEALTH).count();
    assert!(polls <= 2, "asked before its time");
}

/// The states of this machine's connections to a port (proc(5), `/proc/net/tcp`).
fn connections_to(port: u16) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let to = rows.filter(|row| row[2].ends_with(&format!(":{port:04X}")));
    to.map(|row| row[3].to_owned()).collect()
}

#[test]
fn without_it_a_connection_that_the_server_ended_is_closed_here_too() {
    let mut server = Server::start_plain();
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    home.configure(&[&server.url()], "poll_interval = \"1h\"\npresence = false");
    let mut daemon = home.run();
    daemon.wait_for_line(": uninitialized");
    let port = server.address().port();
    let has = |states: &[&str]| connections_to(port).iter().any(|state| states.contains(&state.as_str()));
    assert!(has(&["01"]), "it is kept");
    assert!(server.stop().success());
    // Neither established nor half closed.
    poll(PATIENCE, || (!has(&["01", "08"])).then_some(()))
        .unwrap_or_else(|| panic!("{:?}", connections_to(port)));
}

#[test]
fn without_it_a_closed_port_is_left_to_the_intervals() {
    let (mut met, mut left) = (Server::start_plain(), Server::start_plain());
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    let rare = "retry_min = \"1m\"\nretry_max = \"1m\"\npoll_interval = \"100ms\"";
    home.config(
        &(cluster(&[&met.url()], &format!("name = \"met\"\n{rare}"))
            + &cluster(&[&left.url()], &format!("name = \"left\"\n{rare}\npresence = false"))),
    );
    // Down from the beginning: a server that is killed under a question may be missed in other words first.
    left.kill();
    met.kill();
    let mut daemon = home.run();
    daemon.wait_for_line("unreachable (connection refused)");
    daemon.wait_for_line("unreachable (connection refused)");
    left.start();
    met.start();
    daemon.wait_for_line(&format!("{}: uninitialized", met.url()));
    // It was back after the other: whoever probed both would have met that one first.
    assert!(!daemon.output().contains(&format!("{}: uninitialized", left.url())), "{}", daemon.output());
}

#[test]
fn a_server_that_dies_while_it_is_being_asked_is_found_again() {
    let authority = Authority::new("Private CA");
    let server = Hostile::tls(&authority.issue(&["127.0.0.1"], Validity::Now));
    let health = json!({"initialized": true, "sealed": false, "standby": false});
    server.on(HEALTH, [Behaviour::json(200, &health)]);
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    home.put("ca.crt", &authority.pem());
    home.configure(
        &[&server.url()],
        "poll_interval = \"1h\"\nrequest_timeout = \"300ms\"\ntls = { ca_file = \"ca.crt\" }",
    );
    // In the middle of the handshake the connection is reset, or nothing comes.
    server.on_accept(OnAccept::Close);
    let mut daemon = home.run();
    daemon.wait_for_line("unreachable (the connection was closed");
    server.on_accept(OnAccept::Stall);
    daemon.wait_for_line("unreachable (no answer within 300ms)");
    server.on_accept(OnAccept::Serve);
    daemon.wait_for_line(": unsealed (active)");
}
