//! A snapshot that another cluster left, restored under the daemon: the servers seal themselves, and open with the shares
//! that were in force when it was taken.

use std::thread;

use crate::cluster::{Cluster, Custody, is_unsealed};
use crate::support::home::lines;
use crate::support::server::{Init, LASTING_UNSEAL, Server, is_active};
use crate::support::{PATIENCE, poll};

/// One daemon with every share looks after all.
const ALL: Custody = Custody { threshold: 2, shares: &[&[0, 1, 2, 3, 4], &[], &[]] };
const SNAPSHOT: &str = "/v1/sys/storage/raft/snapshot";

/// A snapshot of a server, and what opens it.
fn former() -> (Vec<u8>, Init) {
    let server = Server::start_plain();
    let init = server.init(5, 2);
    server.unseal(&init);
    server.wait_until(is_active);
    let headers = [("X-Vault-Token", init.root_token.as_str())];
    let answer = server.client().request("GET", SNAPSHOT, &headers, b"").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer.body, init)
}

/// Restores it, whatever opens it.
fn restore(server: &Server, token: &str, snapshot: &[u8]) {
    let path = format!("{SNAPSHOT}-force");
    let answer = server.client().request("POST", &path, &[("X-Vault-Token", token)], snapshot).unwrap();
    assert_eq!(answer.status, 204, "{}", answer.text());
}

/// Once all three may vote: raft looks at newcomers for ten seconds.
fn voters(leader: &Server, token: &str) -> Option<()> {
    let path = "/v1/sys/storage/raft/configuration";
    let answer = leader.client().request("GET", path, &[("X-Vault-Token", token)], b"").ok()?.json();
    let servers = answer["data"]["config"]["servers"].as_array()?.clone();
    (servers.len() == 3 && servers.iter().all(|server| server["voter"] == true)).then_some(())
}

#[test]
fn restored_snapshot_of_another_cluster_is_opened_by_its_own_shares_on_every_node() {
    let Some(mut cluster) = Cluster::of(&ALL) else { return };
    let (snapshot, former) = former();
    for node in &mut cluster.nodes {
        node.server.kill();
        node.server.launch();
    }
    cluster.nodes[0].start_daemon();
    for node in &cluster.nodes {
        node.server.wait_until(is_unsealed);
    }
    cluster.nodes[0].wait_for_status("3 nodes: 3 unsealed");
    let leader = poll(PATIENCE, || cluster.nodes.iter().position(|node| is_active(&node.server.health())));
    let leader = &cluster.nodes[leader.expect("a leader")];
    // Without a vote a follower of Vault 1.12.2 was seen to answer with HTTP 500 from then on.
    poll(PATIENCE, || voters(&leader.server, &cluster.init.root_token)).expect("both followers get a vote");
    let before = leader.server.health()["cluster_id"].clone();
    // What the servers do now comes long after the unseal.
    thread::sleep(LASTING_UNSEAL);

    restore(&leader.server, &cluster.init.root_token, &snapshot);
    cluster.nodes[0].wait_for_status("3 nodes: 3 shares-rejected");
    let said = cluster.nodes[0].daemon.as_ref().unwrap().output();
    assert!(
        said.contains(
            "by a snapshot that was restored: it needs the shares that were in force when it was taken"
        ),
        "{said}"
    );
    assert!(!said.contains(": held"), "{said}");

    cluster.nodes[0].home().shares(&lines(&former.keys_hex));
    for node in &cluster.nodes {
        node.server.wait_until(|health| is_unsealed(health) && health["cluster_id"] != before);
    }
    cluster.nodes[0].wait_for_status("3 nodes: 3 unsealed");

    // From now on these are the cluster's shares.
    for node in &mut cluster.nodes {
        node.server.kill();
        node.server.launch();
    }
    for node in &cluster.nodes {
        node.server.wait_until(is_unsealed);
    }
    let said = cluster.nodes[0].daemon.as_ref().unwrap().output();
    assert!(!said.contains("member of another cluster"), "{said}");
}
