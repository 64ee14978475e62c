//! Servers on other machines that go away and come back, and networks that do.

use crate::cluster::{Cluster, Custody, urls};
use crate::support::home::{cluster as table, trusting};

/// One daemon, on the first machine.
const ONE: Custody = Custody { threshold: 2, shares: &[&[0, 1, 2], &[]] };

/// A daemon that polls once an hour: whatever it notices sooner, its connection tells.
#[test]
fn a_restart_elsewhere_and_a_dead_network_are_noticed_without_polls() {
    let Some(mut cluster) = Cluster::of(&ONE) else { return };
    let urls = urls(2);
    let trust = trusting(&cluster.nodes[0].server.ca_file());
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    // The network alone, not its own machine's server.
    let text = table(&urls[1..], &format!("poll_interval = \"1h\"\n{trust}"));
    cluster.nodes[0].home().put("config.toml", &text);
    cluster.nodes[0].start_daemon();
    let waits_for = |cluster: &mut Cluster, words: &str| {
        cluster.nodes[0].daemon.as_mut().unwrap().wait_for_line(&format!("{}: {words}", urls[1]));
    };
    waits_for(&mut cluster, "unsealed");

    // It restarts.
    cluster.nodes[1].server.kill();
    waits_for(&mut cluster, "unreachable (connection refused)");
    cluster.nodes[1].server.start();
    waits_for(&mut cluster, "unsealed");
    assert!(cluster.nodes[1].is_unsealed());

    // The network is dead for a while: its state is unknown, and nothing else is said of it.
    cluster.network.unplug(1);
    waits_for(&mut cluster, "unreachable");
    cluster.network.plug(1);
    waits_for(&mut cluster, "unsealed");

    // The same, and the server restarts meanwhile, which nobody sees.
    cluster.network.unplug(1);
    waits_for(&mut cluster, "unreachable");
    cluster.nodes[1].server.kill();
    cluster.nodes[1].server.start();
    cluster.network.plug(1);
    waits_for(&mut cluster, "unsealed");
    assert!(cluster.nodes[1].is_unsealed());
    let said = cluster.nodes[0].daemon_lines();
    assert!(
        !said.iter().any(|line| line.text.contains("held") || line.text.contains("shares-")),
        "{said:#?}"
    );
}
