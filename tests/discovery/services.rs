//! `srv+https://`.

use crate::place::Place;
use crate::support::server::{is_active, is_sealed};

const NAME: &str = "srv+https://_vault._tcp.home.test";
const RECORD: &str = "_vault._tcp.home.test";

#[test]
fn every_target_is_a_node_at_its_port_under_its_own_name() {
    let Some(place) = Place::new() else { return };
    let mut one = place.server(1, 8200, "v1.home.test");
    let mut two = place.server(2, 9200, "v2.home.test");
    place.initialise(&mut [&mut one, &mut two]);
    place.dns.addresses("v1.home.test", &["127.0.1.1"]);
    place.dns.addresses("v2.home.test", &["127.0.1.2"]);
    place.dns.services(RECORD, &[(8200, "v1.home.test."), (9200, "V2.Home.Test.")]);
    place.configure(&[NAME], "");
    let mut daemon = place.run();
    one.wait_until(is_active);
    two.wait_until(is_active);
    daemon.wait_for_line("https://v2.home.test:9200: unsealed");
    assert_eq!(place.dns.asked(RECORD, true), 0, "TCP without need");

    // Truncated over UDP, whole over TCP: the same nodes.
    place.dns.truncate(true);
    place.dns.services(RECORD, &[(8200, "v1.home.test.")]);
    daemon.wait_for_line("https://v2.home.test:9200: no longer in DNS");
    assert!(place.dns.asked(RECORD, true) > 0);
    assert!(!daemon.output().contains("v1.home.test:8200: no longer"), "{}", daemon.output());
}

#[test]
fn a_target_elsewhere_gets_no_shares_unless_a_name_binds_its_certificate() {
    let Some(mut place) = Place::new() else { return };
    // It has a certificate that is trusted here, for its own name: what DNS says must not be enough.
    let mut server = place.server(1, 8200, "v1.elsewhere.test");
    place.initialise(&mut [&mut server]);
    place.dns.addresses("v1.elsewhere.test", &["127.0.1.1"]);
    place.dns.services(RECORD, &[(8200, "v1.elsewhere.test.")]);
    place.configure(&[NAME], "");
    let mut daemon = place.run();
    let refused =
        daemon.wait_for_line("the target v1.elsewhere.test:8200 does not lie in the domain home.test").text;
    assert!(refused.contains("server_name"), "{refused}");
    place.notify.wait_for("STATUS=0 nodes; srv+https://_vault._tcp.home.test: 1 refused");
    place.dns.wait_for_more(RECORD, 3);
    server.wait_until(is_sealed);
    assert_eq!(daemon.output().matches("does not lie in the domain").count(), 1, "{}", daemon.output());

    let check = place.verb(&["check"]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(said.contains("v1.elsewhere.test:8200 does not lie in the domain home.test"), "{said}");
    assert_eq!(check.status.code(), Some(4), "{said}");

    // A name that nobody checks binds nobody.
    let unchecked = format!(
        "{}\ntls = {{ server_name = \"v1.elsewhere.test\", skip_verify = true }}",
        crate::place::OFTEN
    );
    place.home.configure(&[NAME], &unchecked);
    let said = String::from_utf8_lossy(&place.verb(&["check"]).stdout).into_owned();
    assert!(said.contains("v1.elsewhere.test:8200 does not lie in the domain home.test"), "{said}");

    let named = format!(
        "{}\ntls = {{ ca_file = \"ca.crt\", server_name = \"v1.elsewhere.test\" }}",
        crate::place::OFTEN
    );
    place.home.configure(&[NAME], &named);
    daemon.hangup();
    server.wait_until(is_active);
}

#[test]
fn many_refused_targets_are_one_line_and_a_count() {
    let Some(mut place) = Place::new() else { return };
    place.home.shares(&crate::support::home::lines(&crate::support::home::shares_of_nobody(1, 1)));
    let names: Vec<String> = (0..1500).map(|number| format!("t{number:04}.evil.test.")).collect();
    let targets: Vec<(u16, &str)> = names.iter().map(|name| (8200, name.as_str())).collect();
    // More than fits into an answer over UDP.
    place.dns.truncate(true);
    place.dns.services(RECORD, &targets);
    place.configure(&[NAME], "");
    let mut daemon = place.run();
    let said = "1500 targets do not lie in the domain home.test and get no shares: t0000.evil.test:8200, ";
    let line = daemon.wait_for_line(said).text;
    assert!(line.contains("t0004.evil.test:8200 and 1495 more. "), "{line}");
    place.notify.wait_for("STATUS=0 nodes; srv+https://_vault._tcp.home.test: 1500 refused");
    place.dns.wait_for_more(RECORD, 3);
    assert_eq!(daemon.output().matches("evil.test").count(), 5, "{}", daemon.output());

    let status = place.status();
    let name = &status["names"][0];
    assert_eq!(name["refused"].as_array().unwrap().len(), 5, "{name}");
    assert_eq!(name["refused_count"], 1500);
    for verb in ["status", "check"] {
        let shown = String::from_utf8_lossy(&place.verb(&[verb]).stdout).into_owned();
        assert!(shown.contains(said), "{shown}");
        assert_eq!(shown.matches("evil.test").count(), 5, "{shown}");
    }
}

#[test]
fn no_service_is_an_answer_and_no_record_is_none() {
    let Some(mut place) = Place::new() else { return };
    let mut server = place.server(1, 8200, "v1.home.test");
    place.initialise(&mut [&mut server]);
    place.dns.addresses("v1.home.test", &["127.0.1.1"]);
    place.dns.services(RECORD, &[(8200, "v1.home.test.")]);
    place.configure(&[NAME], "");
    let mut daemon = place.run();
    server.wait_until(is_active);
    place.dns.break_name(RECORD);
    daemon.wait_for_line("srv+https://_vault._tcp.home.test: the name server 127.0.0.53 answers SERVFAIL");
    place.dns.remove(RECORD);
    place
        .notify
        .wait_for("STATUS=1 node: 1 unsealed; srv+https://_vault._tcp.home.test: DNS has no such name");
    place.dns.addresses(RECORD, &["127.0.1.1"]);
    place
        .notify
        .wait_for("STATUS=1 node: 1 unsealed; srv+https://_vault._tcp.home.test: DNS has no SRV record");
    assert!(!daemon.output().contains("no longer in DNS"), "{}", daemon.output());
    place.dns.services(RECORD, &[(0, ".")]);
    daemon.wait_for_line("https://v1.home.test:8200: no longer in DNS, still watched");
}

#[test]
fn only_who_was_asked_and_knows_the_question_is_believed() {
    let Some(mut place) = Place::new() else { return };
    let mut server = place.server(1, 8200, "v1.home.test");
    place.initialise(&mut [&mut server]);
    place.dns.addresses("v1.home.test", &["127.0.1.1"]);
    place.dns.services(RECORD, &[(8200, "v1.home.test.")]);
    place.dns.forge(8200, "forged.home.test.");
    place.configure(&[NAME], "");
    let daemon = place.run();
    server.wait_until(is_active);
    place.dns.wait_for_more(RECORD, 3);
    place.notify.wait_for("STATUS=1 node: 1 unsealed");
    assert!(!daemon.output().contains("forged"), "{}", daemon.output());
}
