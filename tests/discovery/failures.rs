//! Lookups that fail.

use crate::place::{OFTEN, Place};
use crate::support::dns::ADDRESS;
use crate::support::home::cluster;
use crate::support::server::is_active;

const NAME: &str = "dns+https://vault.test:8200";

#[test]
fn a_name_that_is_not_there_yet_is_said_once_and_found_when_it_comes() {
    let Some(mut place) = Place::new() else { return };
    let mut server = place.server(1, 8200, "vault.test");
    place.initialise(&mut [&mut server]);
    place.configure(&[NAME], "");
    let mut daemon = place.run();
    place.notify.wait_for("READY=1");
    daemon.wait_for_line("dns+https://vault.test:8200: cannot be resolved");
    place.notify.wait_for("STATUS=0 nodes; dns+https://vault.test:8200: cannot be resolved");
    let status = place.status();
    assert_eq!(status["names"][0]["problem"]["kind"], "name-resolution", "{status:#}");
    place.dns.wait_for_more("vault.test", 6);

    place.dns.addresses("vault.test", &["127.0.1.1"]);
    server.wait_until(is_active);
    daemon.wait_for_line("dns+https://vault.test:8200: can be looked up again");
    place.notify.wait_for("STATUS=1 node: 1 unsealed");
    let said = daemon.output();
    assert_eq!(said.matches("cannot be resolved").count(), 1, "said again and again:\n{said}");
}

#[test]
fn a_name_server_that_fails_makes_nobody_forgotten() {
    let Some(mut place) = Place::new() else { return };
    let mut server = place.server(1, 8200, "vault.test");
    place.initialise(&mut [&mut server]);
    for break_it in
        [|place: &Place| place.dns.break_name("vault.test"), |place: &Place| place.dns.remove("vault.test")]
    {
        place.dns.addresses("vault.test", &["127.0.1.1"]);
        place.configure(&[NAME], "forget_after = \"1s\"");
        let mut daemon = place.run();
        daemon.wait_for_line("https://127.0.1.1:8200: unsealed");
        break_it(&place);
        daemon.wait_for_line("dns+https://vault.test:8200: cannot be resolved");
        server.stop();
        // A silent node whose name cannot be resolved, for longer than `forget_after`.
        place.dns.wait_for_more("vault.test", 8);
        server.start();
        server.wait_until(is_active);
        place.notify.wait_for("STATUS=1 node: 1 unsealed; dns+https://vault.test:8200: cannot be resolved");
        let said = daemon.output();
        assert!(!said.contains("no longer"), "{said}");
        daemon.terminate();
        daemon.exit_status(crate::support::PATIENCE);
        server.stop();
        server.start();
    }
}

#[test]
fn a_resolver_that_stalls_delays_nobody_else() {
    let Some(mut place) = Place::new() else { return };
    let mut server = place.plain(1);
    place.initialise(&mut [&mut server]);
    place.dns.stall(true);
    // Far longer than the test waits for anything.
    place.home.put("resolv.conf", &format!("nameserver {ADDRESS}\noptions timeout:30 attempts:5\n"));
    // More names than there are threads for blocking work.
    let urls: Vec<String> = (0..600).map(|at| format!("https://v{at}.test:8200")).collect();
    let names: Vec<String> = (0..60).map(|at| format!("dns+https://d{at}.test:8200")).collect();
    let services = ["srv+https://_vault._tcp.test".to_owned()];
    let all: Vec<&str> = urls.iter().chain(&names).chain(&services).map(String::as_str).collect();
    let stalled =
        format!("name = \"stalled\"\nrequest_timeout = \"5s\"\n{OFTEN}\ntls = {{ ca_file = \"ca.crt\" }}");
    let healthy = cluster(&["http://127.0.1.1:8200"], "name = \"healthy\"");
    place.home.config(&(cluster(&all, &stalled) + &healthy));
    let mut daemon = place.run();
    place.dns.wait_for_more("_vault._tcp.test", 1);
    // By now lookups hang; shares are read from the disk all the same.
    server.wait_until(is_active);
    for _ in 0..2 {
        server.stop();
        server.start();
        server.wait_until(is_active);
    }
    assert!(!daemon.output().contains("cannot be read"), "{}", daemon.output());
    daemon.wait_for_line("_vault._tcp.test: no answer from the resolver within 5s");
    daemon.terminate();
    assert!(daemon.exit_status(crate::support::PATIENCE).success(), "the end is not held up");
    place.notify.wait_for("STOPPING=1");
}
