//! The live daemon's memory.

use std::collections::BTreeSet;

use serde_json::json;

use crate::are_root;
use crate::needles::Needles;
use crate::support::certs::Authority;
use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::hostile::{Behaviour, HEALTH, Hostile, SEAL_STATUS, UNSEAL};
use crate::support::openbao::{Builder, Server, is_active};
use crate::support::process::Daemon;

fn nothing() -> BTreeSet<String> {
    BTreeSet::new()
}

/// A sealed server of three shares that answers each like this. It tells its health once: there is one attempt.
fn sealed_server(answer: impl IntoIterator<Item = Behaviour>) -> Hostile {
    let server = Hostile::http();
    let health = json!({"initialized": true, "sealed": true, "standby": true});
    let status = json!({"type": "shamir", "initialized": true, "sealed": true, "t": 3, "n": 5, "progress": 0,
                        "nonce": ""});
    server.on(HEALTH, [Behaviour::json(299, &health), Behaviour::Stall]);
    server.on(SEAL_STATUS, [Behaviour::json(200, &status)]);
    server.on(UNSEAL, answer);
    server
}

#[test]
fn shares_are_found_while_they_are_held() {
    if !are_root() {
        return;
    }
    // Without this, finding nothing elsewhere would prove nothing.
    let server = sealed_server([Behaviour::Stall]);
    let shares = shares_of_nobody(5, 3);
    let home = Home::of_hostile(&server, &lines(&shares));
    let daemon = home.run();
    server.wait_for(UNSEAL, 1);
    let found = Needles::of_hex(&shares).find_in_process(daemon.pid());
    for number in 1..=5 {
        let raw = format!("share {number} raw in ");
        assert!(found.iter().any(|found| found.starts_with(&raw)), "{raw}: {found:?}");
    }
    assert!(
        found.iter().any(|found| found.starts_with("share 1 in hex in ")),
        "the request under way: {found:?}"
    );
}

/// Unseals with a share file of this text, again after a restart, and looks for the shares each time.
fn forgets(
    mut server: Server,
    shares: usize,
    threshold: usize,
    form: impl Fn(&crate::support::openbao::Init) -> String,
) {
    if !are_root() {
        return;
    }
    let init = server.init(shares, threshold);
    let needles = Needles::of(&init);
    let home = Home::of(&server, &form(&init));
    let mut daemon = home.run();
    for round in 1..=2 {
        daemon.wait_for_line(": unsealed (active)");
        assert_eq!(needles.find_in_process(daemon.pid()), nothing(), "after unsealing it {round} times");
        server.kill();
        daemon.wait_for_line("unreachable");
        server.start();
    }
}

fn over_tls() -> Server {
    Builder::new().tls(&Authority::new("Private CA")).start()
}

#[test]
fn three_of_five_over_tls_from_json_are_forgotten() {
    forgets(over_tls(), 5, 3, |init| init.json.clone());
}

#[test]
fn three_of_five_over_tls_from_lines_of_base64_are_forgotten() {
    forgets(over_tls(), 5, 3, |init| lines(&init.keys_base64));
}

#[test]
fn three_of_five_over_http_from_lines_of_hex_are_forgotten() {
    forgets(Server::start_plain(), 5, 3, |init| lines(&init.keys_hex));
}

#[test]
fn one_of_one_over_tls_is_forgotten() {
    forgets(over_tls(), 1, 1, |init| init.json.clone());
}

#[test]
fn shares_that_wait_for_others_are_forgotten() {
    if !are_root() {
        return;
    }
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let home = Home::of(&server, &lines(&init.keys_hex[..2]));
    let mut daemon = home.run();
    daemon.wait_for_line("waiting-for-peers (2/3)");
    assert_eq!(Needles::of(&init).find_in_process(daemon.pid()), nothing());
    server.submit(&init.keys_hex[4]);
    server.wait_until(is_active);
}

#[test]
fn shares_that_came_to_nothing_are_forgotten() {
    if !are_root() {
        return;
    }
    let taken = |progress| {
        Behaviour::json(
            200,
            &json!({"type": "shamir", "initialized": true, "sealed": true, "t": 3, "n": 5, "progress": progress,
                    "nonce": "n"}),
        )
    };
    let wrong = Behaviour::json(400, &json!({"errors": ["cipher: message authentication failed"]}));
    let proxy = Behaviour::proxy_503();
    let round = [taken(1), taken(2), wrong.clone(), taken(0), taken(1), taken(2), wrong];
    for (what, answers, state) in [
        ("rejected", round.to_vec(), "shares-rejected"),
        ("not taken", vec![taken(1), proxy], "unreachable (HTTP 503"),
        ("sent into a closed connection", vec![Behaviour::Close], "unreachable (the connection was closed"),
        ("sent into silence, and joining", vec![taken(1), taken(2), Behaviour::Stall], "joining"),
        ("sent into silence", vec![Behaviour::Stall], "unreachable (no answer within 300ms)"),
    ] {
        let server = sealed_server(answers);
        let shares = shares_of_nobody(5, 3);
        let home = Home::of_hostile(&server, &lines(&shares));
        home.configure(&[&server.url()], "request_timeout = \"300ms\"\nunseal_timeout = \"300ms\"");
        let mut daemon = home.run();
        daemon.wait_for_line(state);
        assert_eq!(Needles::of_hex(&shares).find_in_process(daemon.pid()), nothing(), "{what}");
    }
}

#[test]
fn a_file_that_was_proved_at_the_start_or_at_a_reload_is_forgotten() {
    if !are_root() {
        return;
    }
    let server = Hostile::http();
    let shares = shares_of_nobody(5, 3);
    let home = Home::of_hostile(&server, &lines(&shares));
    let needles = Needles::of_hex(&shares);
    let mut daemon: Daemon = home.run();
    daemon.wait_for_line("unreachable (HTTP 404");
    assert_eq!(needles.find_in_process(daemon.pid()), nothing());
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded");
    assert_eq!(needles.find_in_process(daemon.pid()), nothing());
}
