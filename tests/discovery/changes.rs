//! Names that change while the daemon runs.

use crate::place::Place;
use crate::support::server::is_active;

const NAME: &str = "dns+https://vault.test:8200";

#[test]
fn a_node_that_comes_is_unsealed_and_one_that_goes_is_kept_until_it_is_silent_for_long() {
    let Some(mut place) = Place::new() else { return };
    let [mut stays, mut goes] = [1, 2].map(|last| place.server(last, 8200, "vault.test"));
    place.initialise(&mut [&mut stays, &mut goes]);
    place.dns.addresses("vault.test", &["127.0.1.1"]);
    place.configure(&[NAME], "forget_after = \"4s\"");
    let mut daemon = place.run();
    stays.wait_until(is_active);

    place.dns.addresses("vault.test", &["127.0.1.1", "127.0.1.2"]);
    goes.wait_until(is_active);
    daemon.wait_for_line("https://127.0.1.2:8200: unsealed");

    place.dns.addresses("vault.test", &["127.0.1.1"]);
    daemon.wait_for_line("https://127.0.1.2:8200: no longer in DNS, still watched");
    place.notify.wait_for("STATUS=2 nodes: 2 unsealed; dns+https://vault.test:8200: 1 no longer in DNS");
    // Longer than `forget_after`, by the lookups that would forget it: each asks for A and AAAA.
    place.dns.wait_for_more("vault.test", 40);
    goes.stop();
    goes.start();
    goes.wait_until(is_active);

    place.dns.addresses("vault.test", &["127.0.1.1", "127.0.1.2"]);
    daemon.wait_for_line("https://127.0.1.2:8200: in DNS again");
    place.dns.addresses("vault.test", &["127.0.1.1"]);
    daemon.wait_for_line("https://127.0.1.2:8200: no longer in DNS, still watched");
    goes.stop();
    daemon.wait_for_line("https://127.0.1.2:8200: no longer watched");
    place.notify.wait_for("STATUS=1 node: 1 unsealed");
    let said = daemon.output();
    assert_eq!(said.matches("no longer in DNS, still watched").count(), 2, "each time once:\n{said}");
    assert_eq!(said.matches("https://127.0.1.1:8200: sealed").count(), 1, "the other was disturbed:\n{said}");
}

#[test]
fn a_node_in_trouble_has_its_name_looked_up_at_once() {
    let Some(place) = Place::new() else { return };
    let [mut old, mut new] = [1, 2].map(|last| place.server(last, 8200, "vault.test"));
    place.initialise(&mut [&mut old, &mut new]);
    new.stop();
    place.dns.addresses("vault.test", &["127.0.1.1"]);
    place.home.configure(&[NAME], "resolve_interval = \"1h\"\ntls = { ca_file = \"ca.crt\" }");
    let mut daemon = place.run();
    old.wait_until(is_active);
    daemon.wait_for_line("https://127.0.1.1:8200: unsealed");

    // As a pod that is scheduled anew: DNS is late.
    old.kill();
    daemon.wait_for_line("https://127.0.1.1:8200: unreachable");
    place.dns.wait_for_more("vault.test", 1);
    place.dns.addresses("vault.test", &["127.0.1.2"]);
    new.start();
    new.wait_until(is_active);
}

#[test]
fn a_reload_keeps_what_was_found_and_the_connections() {
    let Some(mut place) = Place::new() else { return };
    let [mut one, mut two] = [1, 2].map(|last| place.server(last, 8200, "vault.test"));
    place.initialise(&mut [&mut one, &mut two]);
    place.dns.addresses("vault.test", &["127.0.1.1", "127.0.1.2"]);
    place.configure(&[NAME], "");
    let mut daemon = place.run();
    one.wait_until(is_active);
    two.wait_until(is_active);
    place.notify.wait_for("STATUS=2 nodes: 2 unsealed");

    place.dns.stall(true);
    place.configure(&[NAME], "poll_interval = \"150ms\"\nrequest_timeout = \"2s\"");
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded: 1 name of 1 cluster");
    two.stop();
    two.start();
    two.wait_until(is_active);
    let said = daemon.output();
    assert_eq!(said.matches("https://127.0.1.1:8200: sealed").count(), 1, "begun anew:\n{said}");

    place.dns.stall(false);
    place.home.configure(
        &["https://127.0.1.1:8200"],
        "tls = { ca_file = \"ca.crt\", server_name = \"vault.test\" }",
    );
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded: 1 node of 1 cluster");
    place.notify.wait_for("STATUS=1 node: 1 unsealed");
}
