//! Servers on other machines that go away and come back, and networks that do.

use crate::support::certs::Authority;
use crate::support::home::{Home, cluster, lines, shares_of_nobody, trusting};
use crate::support::network::Network;
use crate::support::openbao::{Builder, is_active};
use crate::support::process::Daemon;

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
    assert!(!daemon.output().contains("held"), "{}", daemon.output());
}
