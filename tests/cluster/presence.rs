//! Servers on other machines that go away and come back, and networks that do.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::certs::Authority;
use crate::support::home::{Home, cluster, lines, shares_of_nobody, trusting};
use crate::support::hostile::{Behaviour, Gate, HEALTH, Hostile, SEAL_STATUS};
use crate::support::network::{Network, address};
use crate::support::process::Daemon;
use crate::support::recorded;
use crate::support::server::{Builder, is_active};

/// A server without keys is looked at once a poll and no more, and polls are an hour apart: whatever is noticed sooner,
/// its connection tells.
#[test]
fn a_restart_elsewhere_and_a_dead_network_are_noticed_without_polls() {
    let Some(network) = Network::of(2) else { return };
    let mut server = Builder::new().on(&network, 1).tls(&Authority::new("Private CA")).start();
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    let text = cluster(&[&server.url()], &format!("poll_interval = \"1h\"\n{}", trusting(&server.ca_file())));
    home.put("config.toml", &text);
    let mut daemon = network.node(0).inside(|| Daemon::start(&mut home.command(&["run"])));
    daemon.wait_for_line(": uninitialized");

    // It restarts.
    server.kill();
    daemon.wait_for_line("unreachable (connection refused)");
    server.start();
    daemon.wait_for_line(": uninitialized");

    // The network is dead for a while: nothing is known of the server, and nothing else is said.
    network.unplug(1);
    daemon.wait_for_line("unreachable");
    network.plug(1);
    daemon.wait_for_line(": uninitialized");

    // The same, and meanwhile it restarts with keys, which nobody sees.
    let init = server.init(3, 2);
    home.shares(&init.json);
    network.unplug(1);
    daemon.wait_for_line("unreachable");
    server.kill();
    server.start();
    network.plug(1);
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");
    // And once more, unsealed as it is.
    network.unplug(1);
    daemon.wait_for_line("unreachable");
    network.plug(1);
    daemon.wait_for_line(": unsealed (active)");
    assert!(!daemon.output().contains(": held"), "{}", daemon.output());
}

/// A real server does not tell when it accepted a connection for the first time, so here a port answers that it has no
/// keys, as was recorded, and goes away like a server that restarts. The 10 ms are what is promised; half of the tries
/// may be later, for what else this machine does.
#[test]
fn a_port_elsewhere_that_opens_again_is_asked_within_ten_milliseconds() {
    let Some(network) = Network::of(2) else { return };
    let at = SocketAddr::new(address(1), 8200);
    let recorded = recorded::openbao();
    let answer = |line: &str, path: &str, said: &dyn Fn(&recorded::Recorded) -> bool| {
        let row = recorded.iter().find(|row| row.path.starts_with(path) && said(row));
        let row = row.unwrap_or_else(|| panic!("no answer to {line} was recorded"));
        (line.to_owned(), Behaviour::text(row.status, "application/json", row.response))
    };
    let answers = [
        answer(HEALTH, "/v1/sys/health", &|row| row.status == 501),
        answer(SEAL_STATUS, "/v1/sys/seal-status", &|row| row.response.contains("\"initialized\":false")),
    ];
    let open = || {
        let gate = Gate::default();
        let server = network.node(1).inside(|| Hostile::http_again(at, &gate));
        for (line, answer) in &answers {
            server.on(line, [answer.clone()]);
        }
        gate.open();
        server
    };

    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    let url = format!("http://{at}");
    home.put("config.toml", &cluster(&[&url], "allow_plaintext = true\npoll_interval = \"1h\""));
    let mut server = open();
    let mut daemon = network.node(0).inside(|| Daemon::start(&mut home.command(&["run"])));
    daemon.wait_for_line(": uninitialized");
    let mut waited = Vec::new();
    for _ in 0..8 {
        drop(server);
        daemon.wait_for_line("unreachable (connection refused)");
        // As long as a server takes to start, more or less.
        sleep(Duration::from_millis(300 + fastrand::u64(0..700)));
        server = open();
        let opened = Instant::now();
        daemon.wait_for_line(": uninitialized");
        let asked = server.requests().first().map(|request| request.at);
        waited.push(asked.expect("it was asked").saturating_duration_since(opened));
    }
    waited.sort_unstable();
    println!("asked after {waited:?}");
    assert!(waited[waited.len() / 2] <= Duration::from_millis(10), "{waited:?}");
}
