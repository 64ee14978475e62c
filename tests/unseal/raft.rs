//! Clusters, and servers that unseal themselves.

use serde_json::json;

use crate::support::certs::Authority;
use crate::support::home::{Home, trusting};
use crate::support::server::{Ability, Builder, cannot, is_active};

#[test]
fn a_second_node_that_joins_by_itself_is_unsealed_with_the_leaders_shares() {
    if cannot(Ability::Cluster) {
        return;
    }
    let authority = Authority::new("Private CA");
    let mut leader = Builder::new().tls(&authority).start();
    let init = leader.init(3, 2);
    let second = Builder::new().tls(&authority).join(&leader, "n2").start();
    let (first_url, second_url) = (leader.url(), second.url());
    let home = Home::of(&leader, &init.json);
    let trust = trusting(&leader.ca_file());
    // The second alone: it cannot join while nobody unseals its leader.
    home.configure(&[&second_url], &trust);
    let mut daemon = home.run();
    daemon.wait_for_line(&format!("{second_url}: uninitialized"));
    home.configure(&[&second_url, &first_url], &trust);
    daemon.hangup();
    leader.wait_until(is_active);
    daemon.wait_for_line(&format!("{second_url}: joining"));
    daemon.wait_for_line(&format!("{second_url}: unsealed (standby"));
    second.wait_until(|health| health["sealed"] == false && health["standby"] == true);

    // Both are down and come back: each is unsealed by itself.
    leader.kill();
    leader.start();
    leader.wait_until(|health| health["sealed"] == false);
    assert!(!daemon.output().contains("it is a member of"), "both are of one:\n{}", daemon.output());
}

#[test]
fn replaced_standby_joins_again_and_is_unsealed() {
    if cannot(Ability::Cluster) {
        return;
    }
    let authority = Authority::new("Private CA");
    let leader = Builder::new().tls(&authority).start();
    let init = leader.init(3, 2);
    leader.unseal(&init);
    let mut standby = Builder::new().tls(&authority).join(&leader, "n2").start();
    let home = Home::of(&leader, &init.json);
    home.configure(&[&leader.url(), &standby.url()], &trusting(&leader.ca_file()));
    let mut daemon = home.run();
    daemon.wait_for_line(&format!("{}: unsealed (standby", standby.url()));

    // As an operator does: the old member is taken out, and the new one has its name and no data.
    let path = "/v1/sys/storage/raft/remove-peer";
    leader.ask(&init.root_token, "POST", path, &json!({"server_id": "n2"}));
    standby.replace();
    daemon.wait_for_line(&format!("{}: unsealed (standby", standby.url()));
    standby.wait_until(|health| health["sealed"] == false && health["standby"] == true);
    let output = daemon.output();
    assert!(!output.contains("damaged") && !output.contains("shares-rejected"), "{output}");
    leader.wait_until(is_active);
}
