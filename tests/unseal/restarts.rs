//! A server that comes back sealed is unsealed again, however it went down.

use crate::support::certs::Authority;
use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::server::{Builder, Server, is_active, is_sealed};

/// Through every way to come back sealed.
fn is_kept_unsealed(mut server: Server, shares: usize, threshold: usize) {
    let init = server.init(shares, threshold);
    assert!(is_sealed(&server.health()));
    let home = Home::of(&server, &init.json);
    let mut daemon = home.run();
    let unsealed = format!("{}: unsealed (active)", server.url());
    server.wait_until(is_active);
    daemon.wait_for_line(&unsealed);

    server.kill();
    daemon.wait_for_line("unreachable (connection refused)");
    server.start();
    server.wait_until(is_active);
    daemon.wait_for_line(&unsealed);

    assert!(server.stop().success());
    server.start();
    server.wait_until(is_active);
    daemon.wait_for_line(&unsealed);

    server.seal(&init.root_token);
    server.wait_until(is_active);
    daemon.wait_for_line(&unsealed);
    assert!(daemon.ended().is_none());
}

#[test]
fn one_of_one_over_plain_http() {
    is_kept_unsealed(Server::start_plain(), 1, 1);
}

#[test]
fn three_of_five_over_tls_of_a_private_authority() {
    is_kept_unsealed(Builder::new().tls(&Authority::new("Private CA")).start(), 5, 3);
}

#[test]
fn a_server_that_hangs_is_called_so_and_found_again() {
    let mut server = Server::start_plain();
    let init = server.init(1, 1);
    let home = Home::of(&server, &init.json);
    home.configure(&[&server.url()], "request_timeout = \"300ms\"");
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    server.pause();
    daemon.wait_for_line("unreachable (no answer within 300ms)");
    server.resume();
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn a_server_without_keys_is_waited_for() {
    let server = Server::start_plain();
    let home = Home::of(&server, &lines(&shares_of_nobody(1, 1)));
    let mut daemon = home.run();
    daemon.wait_for_line(": uninitialized (a new member that has not joined, or its storage is not mounted). Do not initialise it");
    // The shares that are there are not its own: they exist only from now on.
    let init = server.init(3, 2);
    home.shares(&init.api_json);
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");
}
