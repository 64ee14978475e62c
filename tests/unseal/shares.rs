//! Shares that are wrong, or partly so.

use crate::support::home::{Home, corrupt, lines, shares_of_nobody};
use crate::support::hostile::{HEALTH, Hostile};
use crate::support::server::{Flavour, Server, is_active, is_sealed};

/// A server, a proxy that records what is submitted to it, and a daemon's home with another server's shares.
fn with_wrong_shares() -> (Server, Vec<String>, Hostile, Home) {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let proxy = Hostile::http();
    proxy.forward(server.address());
    let home = Home::of_hostile(&proxy, &lines(&shares_of_nobody(5, 3)));
    (server, init.keys_hex, proxy, home)
}

#[test]
fn shares_of_another_server_are_tried_twice_and_replaced_without_a_restart() {
    let (server, right, proxy, home) = with_wrong_shares();
    let mut daemon = home.run();
    let status = Flavour::of_this_run().status_of_wrong_shares();
    daemon
        .wait_for_line(&format!("shares-rejected (HTTP {status}: the shares do not make this server's key"));
    proxy.wait_for_more(HEALTH, 3);
    let sent = proxy.submissions();
    let (resets, keys) = (sent.iter().filter(|sent| *sent == "reset").count(), sent.len());
    assert!(keys - resets <= 6, "two rounds of three shares prove enough: {sent:?}");
    assert!(resets <= 2, "{sent:?}");
    let said = daemon.output().matches("shares-rejected").count();
    assert_eq!(said, 1, "said once, not at every look:\n{}", daemon.output());
    assert!(is_sealed(&server.health()));

    home.shares(&lines(&right));
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn a_hangup_tries_rejected_shares_again() {
    let (server, right, proxy, home) = with_wrong_shares();
    let mut daemon = home.run();
    daemon.wait_for_line("shares-rejected");
    let before = proxy.submissions().len();
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded");
    daemon.wait_for_line("shares-rejected");
    assert!(proxy.submissions().len() > before, "the same shares were tried again");
    home.shares(&lines(&right));
    daemon.hangup();
    server.wait_until(is_active);
}

#[test]
fn a_corrupt_share_among_five_is_left_out_and_named() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let mut shares = init.keys_hex.clone();
    shares[1] = corrupt(&shares[1]);
    let proxy = Hostile::http();
    proxy.forward(server.address());
    let home = Home::of_hostile(&proxy, &lines(&shares));
    let mut daemon = home.run();
    daemon.wait_for_line("share 2 of the source does not fit the others and is not used");
    daemon.wait_for_line(": unsealed (active)");
    let sent = proxy.submissions();
    assert_eq!(sent.len(), 3, "found by arithmetic, not by trying");
    assert!(!sent.contains(&shares[1]));
}

#[test]
fn a_corrupt_share_that_arithmetic_cannot_find_is_found_by_trying() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let mut shares = init.keys_hex[..4].to_vec();
    shares[0] = corrupt(&shares[0]);
    let home = Home::of(&server, &lines(&shares));
    let mut daemon = home.run();
    server.wait_until(is_active);
    daemon.wait_for_line("share 1 of the source does not fit the others");
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn a_source_that_breaks_while_running_is_reported_and_watched() {
    let mut server = Server::start_plain();
    let init = server.init(1, 1);
    let home = Home::of(&server, &init.json);
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    std::fs::remove_file(home.path("shares")).unwrap();
    server.kill();
    daemon.wait_for_line("unreachable");
    server.start();
    daemon.wait_for_line("shares-unavailable (cannot read shares from");
    home.shares(&init.json);
    daemon.wait_for_line(": unsealed (active)");
}
