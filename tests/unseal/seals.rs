//! Servers with other seals than Shamir shares, or on the way to one, and what listeners may be told about them.

use crate::support::home::{Home, lines};
use crate::support::hostile::{HEALTH, Hostile};
use crate::support::process::{Daemon, run};
use crate::support::server::{Ability, Builder, Flavour, Server, cannot, is_active, is_sealed};

/// It unseals itself: the daemon has its recovery shares, which it would count, and which never unseal it.
fn is_left_to_its_operator(mut server: Server, seal: &str) {
    let init = server.init_recovery(3, 2);
    server.wait_until(is_active);
    // Until 5 s after its last look at an empty storage, Vault would unseal itself once more.
    server.stop();
    server.start();
    server.wait_until(is_active);
    let proxy = Hostile::http();
    proxy.forward(server.address());
    let home = Home::of_hostile(&proxy, &lines(&init.keys_hex));
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    server.seal_later(&init.root_token);
    daemon.wait_for_line(&format!(": {seal}. This server unseals itself"));
    proxy.wait_for_more(HEALTH, 2);
    assert_eq!(proxy.submissions(), [] as [String; 0]);
    let said = daemon.output();
    assert!(!said.contains("foreign-seal (shamir)") && !said.contains("seals-itself"), "{said}");
}

#[test]
fn server_that_unseals_itself_is_left_to_its_operator() {
    let seal = if Flavour::of_this_run().is_vault() { "foreign-seal" } else { "foreign-seal (static)" };
    is_left_to_its_operator(Builder::new().unseals_itself().start(), seal);
}

#[test]
fn server_that_another_one_unseals_is_left_to_its_operator() {
    let seal = if Flavour::of_this_run().is_vault() { "foreign-seal" } else { "foreign-seal (transit)" };
    is_left_to_its_operator(Builder::new().transit_seal().start(), seal);
}

#[test]
fn server_in_seal_migration_is_left_to_its_operator() {
    let mut server = Builder::new().start();
    let init = server.init(3, 2);
    server.unseal(&init);
    server.migrate_to_transit();
    let status = server.seal_status();
    assert_eq!(status["migration"], true, "{status}");
    let proxy = Hostile::http();
    proxy.forward(server.address());
    let home = Home::of_hostile(&proxy, &lines(&init.keys_hex));
    let mut daemon = home.run();
    let line = daemon.wait_for_line(": migrating").text;
    assert!(line.contains("operator unseal -migrate"), "{line}");
    proxy.wait_for_more(HEALTH, 3);
    assert_eq!(proxy.submissions(), [] as [String; 0]);
    assert!(is_sealed(&server.health()));
    let output = run(&mut home.command(&["check"]));
    assert!(String::from_utf8_lossy(&output.stdout).contains("  migrating"), "{output:?}");

    // As the line says.
    for share in init.enough() {
        let migrated = server.command(&["operator", "unseal", "-migrate", share]);
        assert!(migrated.status.success(), "{migrated:?}");
    }
    daemon.wait_for_line(": unsealed (active)");
    assert_eq!(proxy.submissions(), [] as [String; 0]);
}

#[test]
fn server_is_unsealed_whoever_may_begin_a_rekey_there() {
    if cannot(Ability::UnauthedOptions) {
        return;
    }
    for open in [true, false] {
        let mut server = Builder::new().unauthed_endpoints(open).start();
        let init = server.init(3, 2);
        let home = Home::of(&server, &lines(&init.keys_hex));
        let path = "/v1/sys/rekey/init";
        let mut daemon: Daemon = home.run();
        daemon.wait_for_line(": unsealed (active)");
        let answer = server.client().get(path).unwrap();
        assert_eq!(answer.status == 200, open, "HTTP {}: {}", answer.status, answer.text());
        server.kill();
        server.start();
        daemon.wait_for_line("unreachable");
        daemon.wait_for_line(": unsealed");
    }
}
