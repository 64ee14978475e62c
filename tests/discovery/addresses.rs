//! `dns+https://`.

use crate::place::Place;
use crate::support::dns::Dns;
use crate::support::server::is_active;

#[test]
fn every_address_of_a_name_is_a_node_whose_certificate_is_for_the_name() {
    let Some(place) = Place::new() else { return };
    let [mut one, mut two, mut three] = [1, 2, 3].map(|last| place.server(last, 8200, "vault.test"));
    place.initialise(&mut [&mut one, &mut two, &mut three]);
    place.dns.addresses("vault.test", &["127.0.1.1", "127.0.1.2", "127.0.1.3"]);
    place.configure(&["dns+https://vault.test:8200"], "");
    let mut daemon = place.run();
    for server in [&one, &two, &three] {
        server.wait_until(is_active);
    }
    daemon.wait_for_line("https://127.0.1.3:8200: found in DNS by dns+https://vault.test:8200");

    let status = place.status();
    let nodes: Vec<_> = status["nodes"].as_array().unwrap().iter().collect();
    assert_eq!(nodes.len(), 3, "{status:#}");
    for node in nodes {
        assert_eq!(node["found_by"], "dns+https://vault.test:8200");
        assert_eq!((&node["in_dns"], &node["tls_verified"]), (&true.into(), &true.into()));
        assert_eq!(node["state"], "unsealed", "{node:#}");
    }
}

#[test]
fn a_short_name_is_completed_by_the_search_domain() {
    let Some(place) = Place::new() else { return };
    // For TLS the name stays what was written, whatever DNS made of it.
    let mut server = place.server(1, 8200, "vault");
    place.initialise(&mut [&mut server]);
    place.home.put("resolv.conf", &format!("search nowhere.test home.test\n{}", Dns::resolv_conf()));
    place.dns.addresses("vault.home.test", &["127.0.1.1"]);
    place.configure(&["dns+https://vault:8200"], "");
    let mut daemon = place.run();
    daemon.wait_for_line("https://127.0.1.1:8200: found in DNS by dns+https://vault:8200");
    server.wait_until(is_active);
}

#[test]
fn a_certificate_for_another_name_gets_nothing() {
    let Some(place) = Place::new() else { return };
    // The address itself is named in it, too: whoever answers there by DNS alone is not the one that is meant.
    let mut server = place.server(1, 8200, "other.test");
    place.initialise(&mut [&mut server]);
    let both = place.authority.issue(&["other.test", "127.0.1.1"], crate::support::certs::Validity::Now);
    server.present(&both);
    place.dns.addresses("vault.test", &["127.0.1.1"]);
    place.configure(&["dns+https://vault.test:8200"], "");
    let mut daemon = place.run();
    daemon.wait_for_line(
        "https://127.0.1.1:8200: unreachable (the server's certificate is not for this name (vault.test)",
    );
}

#[test]
fn a_node_that_is_named_and_found_is_one_and_one_of_another_cluster_is_left_to_it() {
    let Some(place) = Place::new() else { return };
    let mut server = place.plain(1);
    place.initialise(&mut [&mut server]);
    place.dns.addresses("vault.test", &["127.0.1.1"]);
    place.dns.addresses("stranger.test", &["127.0.1.1"]);
    let cluster = |name: &str, nodes: &[&str]| {
        crate::support::home::cluster(
            nodes,
            &format!("name = \"{name}\"\nallow_plaintext = true\n{}", crate::place::OFTEN),
        )
    };
    let nodes = ["http://127.0.1.1:8200", "dns+http://vault.test:8200"];
    place.home.config(&(cluster("home", &nodes) + &cluster("strange", &["dns+http://stranger.test:8200"])));
    let mut daemon = place.run();
    let refused = daemon.wait_for_line("found by dns+http://stranger.test:8200").text;
    assert!(refused.contains("is a node of the cluster \"home\""), "{refused}");
    server.wait_until(is_active);
    let status = place.status();
    assert_eq!(status["nodes"].as_array().unwrap().len(), 1, "{status:#}");
    assert_eq!(status["nodes"][0]["cluster"], "home");
    let known = daemon.output();
    assert_eq!(known.matches("127.0.1.1:8200: sealed").count(), 1, "watched once:\n{known}");
}
