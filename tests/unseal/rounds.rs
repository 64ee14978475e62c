//! Unseal rounds that others take part in: the endpoint is open to everybody.

use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::hostile::{Behaviour, Hostile, UNSEAL};
use crate::support::server::{Server, is_active};

#[test]
fn a_round_that_somebody_else_began_with_a_right_share_is_finished() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    server.submit(&init.keys_hex[4]);
    let home = Home::of(&server, &lines(&init.keys_hex[..3]));
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    // Whoever gave a right share is nobody to warn of.
    assert!(!daemon.output().contains("Somebody else"), "{}", daemon.output());
}

#[test]
fn a_round_with_a_strangers_rubbish_in_it_says_nothing_of_our_shares() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    for rubbish in shares_of_nobody(2, 3) {
        assert_eq!(server.submit(&rubbish).status, 200);
    }
    let home = Home::of(&server, &init.json);
    let mut daemon = home.run();
    daemon.wait_for_line("Somebody else submits shares");
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");
    assert!(!daemon.output().contains("shares-rejected"), "{}", daemon.output());
}

#[test]
fn rubbish_of_another_length_is_got_rid_of() {
    let server = Server::start_plain();
    let init = server.init(3, 2);
    assert_eq!(server.submit(&"ab".repeat(20)).status, 200);
    let home = Home::of(&server, &init.json);
    let _daemon = home.run();
    server.wait_until(is_active);
}

#[test]
fn shares_in_two_places_bring_a_server_up_together() {
    let mut server = Server::start_plain();
    let init = server.init(5, 3);
    let (front, back) = (Hostile::http(), Hostile::http());
    front.forward(server.address());
    back.forward(server.address());
    let one = Home::of_hostile(&front, &lines(&init.keys_hex[..1]));
    let two = Home::of_hostile(&back, &lines(&init.keys_hex[1..3]));

    let mut first = one.run();
    first.wait_for_line(
        "waiting-for-peers (1/3). The missing shares come from the daemons on the other machines",
    );
    assert_eq!(server.seal_status()["progress"], 1);
    let mut second = two.run();
    server.wait_until(is_active);
    first.wait_for_line(": unsealed (active)");
    second.wait_for_line(": unsealed (active)");

    // A restart takes both again.
    server.kill();
    first.wait_for_line("unreachable");
    second.wait_for_line("unreachable");
    server.start();
    server.wait_until(is_active);
    let sent = [front.submissions(), back.submissions()].concat();
    assert!(!sent.contains(&"reset".to_owned()), "who holds too few shares must not reset: {sent:?}");
    assert!(front.submissions().iter().all(|share| *share == init.keys_hex[0]), "only its own");
}

#[test]
fn a_share_of_a_split_custody_is_submitted_again_when_the_round_was_reset() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let home = Home::of(&server, &lines(&init.keys_hex[..1]));
    let mut daemon = home.run();
    daemon.wait_for_line("waiting-for-peers (1/3)");
    assert_eq!(server.reset().json()["progress"], 0);
    daemon.wait_for_line("the unseal round was reset or restarted by somebody else");
    daemon.wait_for_line("waiting-for-peers (1/3)");
    // With two missing, a lost share is a reset; with one missing it may as well be a raft join.
    for share in &init.keys_hex[1..3] {
        server.submit(share);
    }
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn last_share_that_never_reached_the_server_is_no_outcome_to_wait_for() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let proxy = Hostile::http();
    proxy.forward(server.address());
    let forward = || Behaviour::Forward(server.address());
    proxy.on(UNSEAL, [forward(), forward(), Behaviour::Close, forward()]);
    let home = Home::of_hostile(&proxy, &lines(&init.keys_hex[..3]));
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    let lost = proxy.submissions();
    assert_eq!(lost[..3], init.keys_hex[..3], "the third was lost");
    assert!(!lost.contains(&"reset".to_owned()), "{lost:?}");
    assert!(!daemon.output().contains("its outcome is awaited"), "{}", daemon.output());
}
