//! Nodes that are members of other clusters than they are configured in.

use serde_json::Value;

use crate::support::home::{Home, cluster};
use crate::support::hostile::{HEALTH, Hostile};
use crate::support::process::{Daemon, run};
use crate::support::server::{Ability, Builder, Init, Server, cannot, is_active, is_sealed};

const REPORT: &str = "it is a member of ";

fn start(home: &Home) -> Daemon {
    home.make_run();
    Daemon::start(home.command(&["run"]).env("RUNTIME_DIRECTORY", home.path("run")))
}

/// A server of its own with its shares, and a proxy before it that keeps what is submitted.
fn separate(shares: usize, threshold: usize) -> (Server, Init, Hostile) {
    let server = Server::start_plain();
    let init = server.init(shares, threshold);
    let proxy = Hostile::http();
    proxy.forward(server.address());
    (server, init, proxy)
}

fn json(home: &Home, arguments: &[&str]) -> Value {
    let output = run(&mut home.command(arguments));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// `status --json` of this node, with what the daemon knows.
fn status(home: &Home, url: &str) -> Value {
    let socket = home.path("run/control.sock");
    let status = json(home, &["status", "--json", "--socket", socket.to_str().unwrap()]);
    status["nodes"].as_array().unwrap().iter().find(|node| node["address"] == url).unwrap().clone()
}

/// `status` as a person reads it.
fn shown(home: &Home) -> String {
    let socket = home.path("run/control.sock");
    let output = run(&mut home.command(&["status", "--socket", socket.to_str().unwrap()]));
    String::from_utf8(output.stdout).unwrap()
}

fn findings(home: &Home, kind: &str) -> Vec<Value> {
    let found = json(home, &["check", "--json"]);
    found["findings"].as_array().unwrap().iter().filter(|finding| finding["kind"] == kind).cloned().collect()
}

#[test]
fn a_server_that_was_initialised_by_itself_gets_no_shares_of_the_cluster_it_is_listed_in() {
    let (first, init, _) = separate(3, 2);
    let (mut second, other, proxy) = separate(3, 2);
    let home = Home::new();
    home.shares(&init.json);
    home.configure(&[&first.url(), &proxy.url()], "");
    // Unsealed before the daemon comes: it cannot have been offered anything.
    second.unseal(&other);
    let mut daemon = start(&home);
    first.wait_until(is_active);
    let line = daemon.wait_for_line(REPORT).text;
    for id in [&first, &second].map(|server| server.health()["cluster_id"].as_str().unwrap().to_owned()) {
        assert!(line.contains(&id), "{line}");
    }
    assert!(line.contains("Take it out of `nodes`") && line.contains(&proxy.url()), "{line}");
    let node = status(&home, &proxy.url());
    assert!(node["state"] == "unsealed" && node["outsider"]["advice"].is_string(), "{node}");
    assert!(status(&home, &first.url())["outsider"].is_null());
    let problems = findings(&home, "another-clusters-member");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!((&problems[0]["subject"], &problems[0]["severity"]), (&proxy.url().into(), &"problem".into()));

    second.seal(&other.root_token);
    daemon.wait_for_line(": sealed (it is a member of another cluster");
    proxy.wait_for_more(HEALTH, 3);
    // A restart takes nothing back.
    second.kill();
    second.start();
    second.wait_until(is_sealed);
    proxy.wait_for_more(HEALTH, 3);
    assert_eq!(second.seal_status()["progress"], 0);
    assert_eq!(proxy.submissions(), [] as [String; 0]);
    let node = status(&home, &proxy.url());
    assert!(node["state"] == "sealed" && node["outsider"]["message"].is_string(), "{node}");
    assert_eq!(shown(&home).matches("it is a member of another cluster").count(), 1, "{}", shown(&home));
    // The cluster's own is unsealed as ever.
    first.seal(&init.root_token);
    first.wait_until(is_active);
    assert_eq!(daemon.output().matches("Take it out").count(), 1, "said once:\n{}", daemon.output());
}

#[test]
fn a_node_that_is_set_up_anew_is_believed_again() {
    let (first, init, _) = separate(3, 2);
    let (second, other, proxy) = separate(3, 2);
    let home = Home::new();
    home.shares(&init.json);
    home.configure(&[&first.url(), &proxy.url()], "");
    second.unseal(&other);
    let mut daemon = start(&home);
    daemon.wait_for_line(REPORT);
    second.seal(&other.root_token);
    daemon.wait_for_line(": sealed (it is a member of another cluster");

    // Another server takes its place, without data.
    let empty = Server::start_plain();
    proxy.forward(empty.address());
    daemon.wait_for_line(": damaged (it says that it is not initialised, and was unsealed before");
    let node = status(&home, &proxy.url());
    assert!(node["outsider"].is_null(), "{node}");
    let before = proxy.submissions().len();
    // Whoever initialises it alone has a cluster of its own; its shares are for it, ours are only offered.
    empty.init(3, 2);
    daemon.wait_for_line("shares-rejected");
    assert!(proxy.submissions().len() > before, "it could have been ours");
}

#[test]
fn a_cluster_that_is_set_up_anew_one_node_after_the_other_heals_by_itself() {
    if cannot(Ability::Cluster) {
        return;
    }
    let raft = |leader: &Server| Builder::new().join(leader, "n2").start();
    let (leader, init, one) = separate(3, 2);
    let (follower, two) = (raft(&leader), Hostile::http());
    two.forward(follower.address());
    let home = Home::new();
    home.shares(&init.json);
    home.configure(&[&one.url(), &two.url()], "");
    let mut daemon = start(&home);
    daemon.wait_for_line(&format!("{}: unsealed (standby", two.url()));

    // The first comes back empty, is initialised, and has other shares.
    let new_leader = Server::start_plain();
    one.forward(new_leader.address());
    daemon.wait_for_line(&format!("{}: damaged", one.url()));
    let init = new_leader.init(3, 2);
    home.shares(&init.json);
    new_leader.wait_until(is_active);
    daemon.wait_for_line(&format!("{}: unsealed (active", one.url()));
    // The second still shows the old one, until it comes back empty, too, and joins.
    let new_follower = raft(&new_leader);
    two.forward(new_follower.address());
    new_follower.wait_until(|health| health["sealed"] == false);
    daemon.wait_for_line(&format!("{}: unsealed (standby", two.url()));
}

#[test]
fn somebody_who_knows_better_resumes_it() {
    let (first, init, _) = separate(3, 2);
    let (second, other, proxy) = separate(3, 2);
    let home = Home::new();
    home.shares(&init.json);
    home.configure(&[&first.url(), &proxy.url()], "");
    second.unseal(&other);
    let mut daemon = start(&home);
    daemon.wait_for_line(REPORT);
    second.seal(&other.root_token);
    daemon.wait_for_line(": sealed (it is a member of another cluster");
    assert_eq!(proxy.submissions(), [] as [String; 0]);
    let socket = home.path("run/control.sock");
    let resume = ["resume", &proxy.url(), "--socket", socket.to_str().unwrap()];
    let output = run(&mut crate::support::process::vault_unseal(&resume));
    assert!(output.status.success(), "{output:?}");
    daemon.wait_for_line("shares-rejected");
    assert!(!proxy.submissions().is_empty());
}

#[test]
fn a_node_of_one_cluster_is_listed_in_another_under_another_address() {
    let (a, a_init, _) = separate(3, 2);
    let (b, b_init, proxy) = separate(3, 2);
    let home = Home::new();
    home.shares(&a_init.json);
    home.put("b.shares", &b_init.json);
    let elsewhere = format!("http://localhost:{}", b.address().port());
    let shared = cluster(&[&a.url(), &elsewhere], "name = \"a\"")
        + &cluster(&[&proxy.url()], "name = \"b\"\nshares = { file = \"b.shares\" }");
    b.unseal(&b_init);
    home.config(&shared);
    let mut daemon = start(&home);
    a.wait_until(is_active);
    let line = daemon.wait_for_line(REPORT).text;
    assert!(line.contains(&elsewhere) && line.contains("of the cluster \"b\""), "{line}");
    let problems = findings(&home, "another-clusters-member");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0]["subject"], elsewhere);

    // Its own shares, and no others, open it whenever it is sealed.
    for _ in 0..3 {
        b.seal(&b_init.root_token);
        b.wait_until(is_active);
    }
    let ours: Vec<String> = proxy.submissions();
    assert!(ours.len() >= 6, "{ours:?}");
    assert!(!daemon.output().contains("shares-rejected"), "{}", daemon.output());
    assert!(!daemon.output().contains("refused a round"), "{}", daemon.output());
}

#[test]
fn one_server_under_two_addresses_is_found() {
    let (server, init, _) = separate(1, 1);
    server.unseal(&init);
    let home = Home::new();
    home.shares(&init.json);
    let twice = format!("http://localhost:{}", server.address().port());
    home.configure(&[&server.url(), &twice], "");
    let warnings = findings(&home, "same-server");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!((&warnings[0]["subject"], &warnings[0]["severity"]), (&twice.into(), &"warning".into()));
    assert!(warnings[0]["message"].as_str().unwrap().contains(&server.url()), "{warnings:?}");

    // In two clusters it is one of them too many.
    home.put("more", &init.json);
    home.config(
        &(cluster(&[&server.url()], "name = \"a\"")
            + &cluster(
                &[&format!("http://localhost:{}", server.address().port())],
                "name = \"b\"\nshares = { file = \"more\" }",
            )),
    );
    assert_eq!(findings(&home, "one-cluster-twice").len(), 1);
}
