//! Trouble of a server's that does not pass by itself: a rate limit, errors of its own, no active node.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::certs::Authority;
use crate::support::home::{Home, lines, shares_of_nobody, trusting};
use crate::support::hostile::{Behaviour, HEALTH, Hostile, SEAL_STATUS, UNSEAL};
use crate::support::process::run;
use crate::support::server::{Ability, Builder, Init, Server, cannot};
use crate::support::{PATIENCE, poll};

/// A write by somebody with the root token.
fn write(server: &Server, init: &Init, path: &str, body: &Value) {
    let token = [("X-Vault-Token", init.root_token.as_str())];
    let answer = server.client().request("PUT", path, &token, body.to_string().as_bytes()).unwrap();
    assert!(answer.status < 300, "{path}: {}", answer.text());
}

#[test]
fn rate_limit_on_health_is_named_and_its_pause_obeyed() {
    if cannot(Ability::Administration) {
        return;
    }
    let server = Builder::new().start();
    let init = server.init(1, 1);
    let proxy = Hostile::http();
    proxy.forward(server.address());
    let home = Home::new();
    home.shares(&init.json);
    // A request counts every ten seconds; a poll is due every 100 ms.
    home.configure(&[&proxy.url()], "slow_interval = \"30s\"");
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    // Health is exempt unless an administrator has a list of his own.
    write(
        &server,
        &init,
        "/v1/sys/quotas/config",
        &json!({"rate_limit_exempt_paths": ["sys/host-info"], "enable_rate_limit_response_headers": true}),
    );
    write(&server, &init, "/v1/sys/quotas/rate-limit/all", &json!({"rate": 1, "interval": "10s"}));
    let limited = daemon.wait_for_line("unreachable (HTTP 429: too many requests; it asks for a pause of ");
    assert!(limited.text.contains("Exempt this machine from the rate limit"), "{}", limited.text);
    daemon.wait_for_line(": unsealed (active)");
    let asked = limited.text.split("a pause of ").nth(1).unwrap().split(')').next().unwrap();
    let asked = humantime::parse_duration(asked).unwrap();
    assert!(asked > Duration::from_secs(1), "{asked:?}");
    let over = limited.at + asked.saturating_sub(Duration::from_millis(500));
    let requests = proxy.requests();
    let early = requests.iter().filter(|request| request.at > limited.at && request.at < over).count();
    assert_eq!(early, 0, "asked for {asked:?}");
}

#[test]
fn server_that_refuses_shares_with_errors_of_its_own_is_warned_of_and_then_an_error() {
    let server = Hostile::http();
    server.on(HEALTH, [Behaviour::json(503, &json!({"initialized": true, "sealed": true}))]);
    let status = json!({"type": "shamir", "initialized": true, "sealed": true, "t": 1, "n": 1, "progress": 0,
        "nonce": "", "version": "2.7.2", "recovery_seal": false});
    server.on(SEAL_STATUS, [Behaviour::json(200, &status)]);
    server.on(UNSEAL, [Behaviour::json(500, &json!({"errors": ["internal error: disk"]}))]);
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    home.configure(&[&server.url()], "");
    let mut daemon = home.run();
    let warned = daemon.wait_for_line("shares have been answered with HTTP 500 for ").text;
    assert!(
        warned.contains("WARN ") && warned.contains("(3 times): an internal error of the server"),
        "{warned}"
    );
    assert!(warned.contains("The shares are not at fault: look at the server's log"), "{warned}");
    // Ten times `slow_interval`.
    let severe = daemon.wait_for_line("shares have been answered with HTTP 500 for 1").text;
    assert!(severe.contains("ERROR "), "{severe}");
    assert_eq!(daemon.output().matches("have been answered").count(), 2, "once each:\n{}", daemon.output());
    assert!(!daemon.output().contains("shares-rejected"), "{}", daemon.output());
}

#[test]
fn cluster_that_lost_its_active_node_is_warned_of_by_daemon_and_check() {
    if cannot(Ability::Cluster) {
        return;
    }
    let authority = Authority::new("Private CA");
    let leader = Builder::new().tls(&authority).start();
    let init = leader.init(1, 1);
    leader.unseal(&init);
    let mut follower = Builder::new().tls(&authority).join(&leader, "n2").start();
    let home = Home::new();
    home.shares(&init.json);
    home.configure(&[&leader.url()], &trusting(&leader.ca_file()));
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    follower.submit(init.keys_hex.first().unwrap());
    let voters = || {
        let token = [("X-Vault-Token", init.root_token.as_str())];
        let path = "/v1/sys/storage/raft/configuration";
        let answer = leader.client().request("GET", path, &token, b"").ok()?.json();
        let servers = answer["data"]["config"]["servers"].as_array()?.clone();
        (servers.len() == 2 && servers.iter().all(|server| server["voter"] == true)).then_some(())
    };
    poll(PATIENCE, voters).expect("the follower gets a vote");
    follower.kill();
    daemon.wait_for_line(": unsealed (standby, no active node)");
    let line = daemon.wait_for_line(": unsealed, but there has been no active node for ").text;
    assert!(line.contains("WARN ") && line.contains("Look at the free space of its disk"), "{line}");

    let output = run(&mut home.command(&["check"]));
    let shown = String::from_utf8_lossy(&output.stdout);
    let warning = format!("warning  {}  it sees no active node: its clients are not served", leader.url());
    assert!(shown.contains(&warning), "{shown}");
    assert!(shown.contains("Look at the free space of its disk"), "{shown}");

    follower.start();
    follower.submit(init.keys_hex.first().unwrap());
    daemon.wait_for_line(": unsealed (");
}

#[test]
fn proxy_that_lets_only_health_through_is_one_state_until_it_lets_all_through() {
    let server = Server::start_plain();
    let init = server.init(3, 2);
    let proxy = Hostile::http();
    proxy.forward(server.address());
    proxy.on(SEAL_STATUS, [Behaviour::Close]);
    let home = Home::of_hostile(&proxy, &lines(&init.keys_hex));
    let mut daemon = home.run();
    daemon.wait_for_line("sealed (its seal status cannot be read: the connection was closed");
    proxy.wait_for_more(SEAL_STATUS, 2);
    // Sealed, unreachable as if it had gone down, sealed, and why: then no more.
    let said = daemon.output();
    assert!(said.matches(&format!("{}: ", proxy.url())).count() <= 4, "{said}");
    assert_eq!(proxy.submissions(), [] as [String; 0]);
    proxy.on(SEAL_STATUS, [Behaviour::Forward(server.address())]);
    daemon.wait_for_line(": unsealed (active)");
}
