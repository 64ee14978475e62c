//! Networks that swallow what they are sent.

use serde_json::Value;

use crate::support::certs::Authority;
use crate::support::home::{Home, trusting};
use crate::support::network::{Network, Swallow};
use crate::support::process::{run, vault_unseal};
use crate::support::server::Builder;

#[test]
fn a_connection_that_nobody_accepts_is_given_up_long_before_its_request() {
    let Some(network) = Network::of(2) else { return };
    network.swallow(Swallow::to(1));
    let mut status =
        vault_unseal(&["status", "--json", "--nodes", "https://10.77.0.2:8200", "--request-timeout", "20s"]);
    let output = network.node(0).inside(|| run(&mut status));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    // Not a timeout: that is a server which was asked.
    assert_eq!(document["nodes"][0]["problem"]["kind"], "network", "{document}");
}

#[test]
fn a_connection_that_goes_dead_is_given_up_long_before_its_request() {
    let Some(network) = Network::of(2) else { return };
    let authority = Authority::new("Private CA");
    let server = Builder::new().on(&network, 1).tls(&authority).start();
    let init = server.init(1, 1);
    let home = Home::of(&server, &init.json);
    home.configure(&[&server.url()], &format!("{}\nrequest_timeout = \"10m\"", trusting(&server.ca_file())));
    let mut daemon = network.node(0).inside(|| home.run());
    daemon.wait_for_line(": unsealed (active)");
    network.swallow(Swallow::from(1));
    daemon.wait_for_line(": unreachable (the connection timed out)");
    network.deliver(Swallow::from(1));
    daemon.wait_for_line(": unsealed (active)");
}
