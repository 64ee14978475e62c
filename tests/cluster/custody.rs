//! Shares on three machines, two of three on each: any two daemons bring any server up, and one alone never does.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::cluster::{Cluster, SPLIT, is_unsealed};
use crate::support::server::is_sealed;

#[test]
fn any_two_daemons_bring_every_server_up_and_one_alone_brings_up_none() {
    let Some(mut cluster) = Cluster::of(&SPLIT) else { return };
    for (alone, peer) in [(0, 1), (1, 2), (2, 0)] {
        for node in &mut cluster.nodes {
            node.server.kill();
            node.server.start();
        }
        let first = &mut cluster.nodes[alone];
        first.start_daemon();
        first.wait_for_status("3 nodes: 3 waiting-for-peers (2/3)");
        for seen in first.status() {
            assert_eq!((&seen["progress"], &seen["threshold"]), (&json!(2), &json!(3)), "{seen}");
        }
        // Longer than any of its pauses.
        sleep(Duration::from_secs(3));
        for node in &cluster.nodes {
            assert!(is_sealed(&node.server.health()), "{}", node.server.log_tail());
            assert_eq!(node.server.seal_status()["progress"], 2);
        }
        cluster.nodes[peer].start_daemon();
        for node in &cluster.nodes {
            node.server.wait_until(is_unsealed);
        }
        cluster.nodes[alone].bury_daemon();
        cluster.nodes[peer].bury_daemon();
    }
}
