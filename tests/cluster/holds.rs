//! Nodes of a cluster that an operator seals, or that are left alone on request, beside others that go on.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Custody, urls};
use crate::support::home::{cluster as table, trusting};
use crate::support::network::Swallow;
use crate::support::process::{run, vault_unseal};
use crate::support::server::{API_PORT, Ability, LASTING_UNSEAL, cannot, is_active, is_sealed};
use crate::support::{PATIENCE, poll};

/// One daemon, on the first machine.
const ONE: Custody = Custody { threshold: 3, shares: &[&[0, 1, 2, 3, 4], &[], &[]] };
const HELD: &str = "held (an operator sealed it)";

/// A cluster that is unsealed, and its daemon, whose configuration has these lines.
fn watched(more: &str) -> Option<Cluster> {
    let mut cluster = Cluster::of(&ONE)?;
    wait_for_voters(&cluster);
    configure(&cluster, more);
    cluster.nodes[0].start_daemon();
    cluster.nodes[0].wait_for_status("3 nodes: 3 unsealed");
    Some(cluster)
}

fn configure(cluster: &Cluster, more: &str) {
    let urls = urls(3);
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let trust = trusting(&cluster.nodes[0].server.ca_file());
    cluster.nodes[0].home().put("config.toml", &table(&urls, &format!("{more}\n{trust}")));
}

/// A node that has just joined has no vote yet: where one leads and two cannot vote, nobody takes over.
fn wait_for_voters(cluster: &Cluster) {
    let token = [("X-Vault-Token", cluster.init.root_token.as_str())];
    let vote = || {
        let client = cluster.nodes[0].server.client();
        let answer = client.request("GET", "/v1/sys/storage/raft/configuration", &token, b"").ok()?.json();
        let servers = answer["data"]["config"]["servers"].as_array()?;
        (servers.len() == 3 && servers.iter().all(|server| server["voter"] == true)).then_some(())
    };
    poll(PATIENCE, vote).expect("all three get a vote");
}

/// The node that leads, once one does.
fn leader(cluster: &Cluster) -> usize {
    let leads = || {
        let leads =
            |node: &crate::cluster::Node| node.server.try_health().is_ok_and(|health| is_active(&health));
        cluster.nodes.iter().position(leads)
    };
    poll(PATIENCE, leads).expect("somebody leads")
}

/// An operator seals the leader.
fn seal_leader(cluster: &Cluster) -> usize {
    let node = leader(cluster);
    cluster.nodes[node].server.seal_later(&cluster.init.root_token);
    node
}

fn waits_for(cluster: &mut Cluster, node: usize, words: &str) -> Instant {
    let line = format!("{}: {words}", cluster.nodes[node].server.url());
    cluster.nodes[0].daemon.as_mut().unwrap().wait_for_line(&line).at
}

fn told(cluster: &Cluster, arguments: &[&str]) {
    let mut command = vault_unseal(arguments);
    let output = run(command.arg("--socket").arg(cluster.nodes[0].runtime_directory().join("control.sock")));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What `status` shows to root on the daemon's machine.
fn shown(cluster: &Cluster) -> Vec<String> {
    let node = &cluster.nodes[0];
    let mut command = node.home().command(&["status", "--json"]);
    command.arg("--socket").arg(node.runtime_directory().join("control.sock"));
    let output = cluster.network.node(0).inside(|| run(&mut command));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = document["nodes"].as_array().unwrap().iter();
    nodes.map(|node| node["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn standby_that_an_operator_seals_stays_sealed_and_is_unsealed_on_request() {
    if cannot(Ability::SealOfStandby) {
        return;
    }
    let Some(mut cluster) = watched("on_operator_seal = \"hold\"") else { return };
    let leads = leader(&cluster);
    let standby = (leads + 1) % 3;
    cluster.nodes[standby].server.seal_later(&cluster.init.root_token);
    waits_for(&mut cluster, standby, HELD);
    cluster.nodes[0].wait_for_status("3 nodes: 1 held, 2 unsealed");
    assert_eq!(leader(&cluster), leads);
    told(&cluster, &["resume", &cluster.nodes[standby].server.url()]);
    waits_for(&mut cluster, standby, "unsealed");
}

#[test]
fn a_leader_that_an_operator_seals_stays_sealed_while_another_leads() {
    let Some(mut cluster) = watched("on_operator_seal = \"hold\"") else { return };
    let first = seal_leader(&cluster);
    waits_for(&mut cluster, first, HELD);
    cluster.nodes[0].wait_for_status("3 nodes: 1 held, 2 unsealed");
    let second = leader(&cluster);
    assert_ne!(first, second);
    let states = shown(&cluster);
    assert_eq!((states[first].as_str(), states[second].as_str()), ("held", "unsealed"), "{states:?}");

    // A second one.
    seal_leader(&cluster);
    waits_for(&mut cluster, second, HELD);
    cluster.nodes[0].wait_for_status("3 nodes: 2 held, 1 unsealed");
    // And the last, if it still answers for the others, whom it has just lost.
    let last = 3 - first - second;
    let token = [("X-Vault-Token", cluster.init.root_token.as_str())];
    let client = cluster.nodes[last].server.client().clone().timeout(Duration::from_secs(5));
    let all = client.request("PUT", "/v1/sys/seal", &token, b"").is_ok_and(|answer| answer.status == 204);
    if all {
        waits_for(&mut cluster, last, HELD);
        cluster.nodes[0].wait_for_status("3 nodes: 3 held");
    }
    // Longer than a few polls: nothing of all this disturbs the first.
    sleep(Duration::from_secs(3));
    for node in [first, second] {
        assert!(is_sealed(&cluster.nodes[node].server.health()));
        let url = cluster.nodes[node].server.url();
        let lines = cluster.nodes[0].daemon_lines();
        let said = lines.iter().filter(|line| line.text.contains(&format!("{url}: held"))).count();
        assert_eq!(said, 1, "said once: {lines:#?}");
    }

    // A restart ends the hold of the one, a person that of the other.
    cluster.nodes[first].server.kill();
    cluster.nodes[first].server.start();
    waits_for(&mut cluster, first, "unsealed");
    assert!(is_sealed(&cluster.nodes[second].server.health()));
    told(&cluster, &["resume", &cluster.nodes[second].server.url()]);
    waits_for(&mut cluster, second, "unsealed");
    if all {
        assert!(is_sealed(&cluster.nodes[last].server.health()));
        told(&cluster, &["resume", "--all"]);
    }
    cluster.nodes[0].wait_for_status("3 nodes: 3 unsealed");
}

#[test]
fn a_hold_lasts_as_long_as_configured_and_one_on_request_through_everything() {
    let Some(mut cluster) = watched("on_operator_seal = \"hold\"\nhold_for = \"2s\"") else { return };
    let node = seal_leader(&cluster);
    waits_for(&mut cluster, node, HELD);
    waits_for(&mut cluster, node, "unsealed");

    told(&cluster, &["hold", "--all"]);
    cluster.nodes[0].wait_for_status("3 nodes: 3 held");
    for node in &mut cluster.nodes {
        node.server.kill();
        node.server.start();
    }
    cluster.nodes[0].bury_daemon();
    cluster.nodes[0].start_daemon();
    cluster.nodes[0].wait_for_status("3 nodes: 3 held");
    // Longer than `hold_for`, which is for what operators seal.
    sleep(Duration::from_secs(3));
    assert!(cluster.nodes.iter().all(|node| is_sealed(&node.server.health())));
    told(&cluster, &["resume", "--all"]);
    cluster.nodes[0].wait_for_status("3 nodes: 3 unsealed");
    leader(&cluster);
}

#[test]
fn without_a_hold_a_sealed_leader_is_back_within_a_poll() {
    let interval = Duration::from_secs(2);
    let Some(mut cluster) = watched("poll_interval = \"2s\"") else { return };
    for _ in 0..3 {
        let node = leader(&cluster);
        sleep(LASTING_UNSEAL);
        let sealed = Instant::now();
        cluster.nodes[node].server.seal(&cluster.init.root_token);
        let seen = waits_for(&mut cluster, node, "sealed") - sealed;
        waits_for(&mut cluster, node, "unsealed");
        println!("seen {seen:?} after the seal was asked for");
        // The seal itself takes its time: the leader hands over first.
        assert!(seen <= interval + Duration::from_secs(1), "{seen:?}");
        assert!(cluster.nodes[node].is_unsealed());
    }
}

#[test]
fn a_partition_neither_ends_a_hold_nor_makes_one() {
    if cannot(Ability::SealOfStandby) {
        return;
    }
    let Some(mut cluster) = watched("on_operator_seal = \"hold\"") else { return };
    // Not on the daemon's own machine, which cannot be cut off from it.
    let held = 1;
    cluster.nodes[held].server.seal_later(&cluster.init.root_token);
    waits_for(&mut cluster, held, HELD);
    cluster.network.unplug(held);
    waits_for(&mut cluster, held, "unreachable");
    cluster.network.plug(held);
    waits_for(&mut cluster, held, HELD);
    // Longer than a few polls.
    sleep(Duration::from_secs(3));
    assert!(is_sealed(&cluster.nodes[held].server.health()));
    told(&cluster, &["resume", &cluster.nodes[held].server.url()]);
    waits_for(&mut cluster, held, "unsealed");

    // Only the daemon is cut off from this one, not its cluster.
    let cut = 2;
    let swallow = Swallow::between(0, cut).only_to_port(API_PORT);
    cluster.network.swallow(swallow);
    // Until the connection is given up: who sealed it over one that lasted is known.
    let url = cluster.nodes[cut].server.url();
    let lost =
        |line: &str| line.contains(&format!("{url}: unreachable (")) && !line.contains("(no answer within");
    cluster.nodes[0].daemon.as_mut().unwrap().wait_for(PATIENCE, "a lost connection", lost);
    cluster.nodes[cut].server.seal(&cluster.init.root_token);
    cluster.network.deliver(swallow);
    waits_for(&mut cluster, cut, "unsealed");
    assert!(cluster.nodes[cut].is_unsealed());
}
