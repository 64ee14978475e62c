//! Shares on three machines, two of three on each: any two daemons bring any server up, and one alone never does.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::cluster::{Cluster, SPLIT};
use crate::support::openbao::is_sealed;

#[test]
fn any_two_daemons_bring_any_server_up_and_one_alone_never_does() {
    let Some(mut cluster) = Cluster::of(&SPLIT) else { return };
    for absent in 0..3 {
        let pair: Vec<usize> = (0..3).filter(|&node| node != absent).collect();
        for sealed in 0..3 {
            cluster.nodes[sealed].server.kill();
            cluster.nodes[sealed].server.start();
            let first = &mut cluster.nodes[pair[0]];
            first.start_daemon();
            first.wait_for_status("3 nodes: 1 waiting-for-peers (2/3), 2 unsealed");
            let seen = &first.status()[sealed];
            assert_eq!((&seen["progress"], &seen["threshold"]), (&json!(2), &json!(3)), "{seen}");
            // Longer than any of its pauses.
            sleep(Duration::from_secs(3));
            assert!(is_sealed(&cluster.nodes[sealed].server.health()));
            assert_eq!(cluster.nodes[sealed].server.seal_status()["progress"], 2);
            cluster.nodes[pair[1]].start_daemon();
            cluster.nodes[sealed].server.wait_until(crate::cluster::is_unsealed);
            for &node in &pair {
                cluster.nodes[node].bury_daemon();
            }
        }
    }
}
