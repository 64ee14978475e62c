//! Servers on other machines that go away and come back, and networks that do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::certs::Authority;
use crate::support::home::{Home, cluster, lines, shares_of_nobody, trusting};
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
    let open = || network.node(1).inside(|| TcpListener::bind(at)).unwrap();
    let recorded = recorded::openbao();
    let health = |row: &&recorded::Recorded| row.path.starts_with("/v1/sys/health") && row.status == 501;
    let seal = |row: &&recorded::Recorded| {
        row.path == "/v1/sys/seal-status" && row.response.contains("\"initialized\":false")
    };
    let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let health = answer(recorded.iter().find(health).expect("a server without keys was recorded").response);
    let seal = answer(recorded.iter().find(seal).expect("its seal status, too").response);

    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    let url = format!("http://{at}");
    home.put("config.toml", &cluster(&[&url], "allow_plaintext = true\npoll_interval = \"1h\""));
    let mut port = open();
    let mut daemon = network.node(0).inside(|| Daemon::start(&mut home.command(&["run"])));
    let mut waited = Vec::new();
    for restart in 0..9 {
        let since = Instant::now();
        // A try that a look overtakes ends without a question.
        let mut connection = loop {
            let (mut connection, _) = port.accept().unwrap();
            if connection.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {
                break connection;
            }
        };
        if restart > 0 {
            waited.push(since.elapsed());
        }
        connection.write_all(seal.as_bytes()).unwrap();
        // That it has no keys is believed only after its health, and its seal status once more.
        for answer in [&health, &seal] {
            assert!(connection.read(&mut [0; 1024]).is_ok_and(|length| length > 0));
            connection.write_all(answer.as_bytes()).unwrap();
        }
        daemon.wait_for_line(": uninitialized");
        drop((port, connection));
        daemon.wait_for_line("unreachable (connection refused)");
        // As long as a server takes to start, more or less.
        sleep(Duration::from_millis(300 + fastrand::u64(0..700)));
        port = open();
    }
    waited.sort_unstable();
    println!("asked after {waited:?}");
    assert!(waited[waited.len() / 2] <= Duration::from_millis(10), "{waited:?}");
}
