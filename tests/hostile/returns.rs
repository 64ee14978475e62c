//! A port that opens again: what is asked there, in which order, and what is read meanwhile.

use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::hostile::{Behaviour, Gate, HEALTH, Hostile, Request, SEAL_STATUS, UNSEAL};
use crate::support::process::Daemon;
use crate::{health, sealed, unsealed};
use serde_json::Value;

fn answers(server: &Hostile, health: &Value, status: Behaviour) {
    server.on(HEALTH, [Behaviour::json(200, health)]);
    server.on(SEAL_STATUS, [status]);
    server.on(UNSEAL, [Behaviour::json(200, &unsealed(1))]);
}

/// A daemon that saw its server unsealed, and then a closed port; and what is to be there next, as soon as the gate opens.
struct Gone {
    home: Home,
    daemon: Daemon,
    next: Hostile,
    gate: Gate,
}

fn gone() -> Gone {
    let server = Hostile::http();
    answers(&server, &health(false), Behaviour::json(200, &unsealed(1)));
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(1, 1)));
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    let address = server.address();
    drop(server);
    daemon.wait_for_line("unreachable (");
    let gate = Gate::default();
    let next = Hostile::http_again(address, &gate);
    Gone { home, daemon, next, gate }
}

/// What the server was asked, until its node is unsealed.
fn asked(Gone { daemon, next, gate, .. }: &mut Gone) -> Vec<String> {
    gate.open();
    daemon.wait_for_line(": unsealed (active)");
    let requests = next.requests();
    assert!(requests.iter().all(|request| request.connection == requests[0].connection), "{requests:?}");
    requests.iter().map(Request::line).collect()
}

#[test]
fn a_sealed_server_is_asked_for_its_seal_status_then_given_shares_then_asked_for_its_health() {
    let mut gone = gone();
    answers(&gone.next, &health(false), Behaviour::json(200, &sealed(1, 0, "")));
    assert_eq!(asked(&mut gone)[..3], [SEAL_STATUS, UNSEAL, HEALTH]);
}

/// The share file is read while the seal status is asked for; what came of it is nobody's business where it is not needed.
#[test]
fn an_unsealed_server_says_nothing_of_a_share_file_that_cannot_be_read() {
    let mut gone = gone();
    answers(&gone.next, &health(false), Behaviour::json(200, &unsealed(1)));
    // Others may read it.
    gone.home.chmod("shares", 0o644);
    let before = gone.daemon.output().len();
    assert_eq!(asked(&mut gone)[..2], [SEAL_STATUS, HEALTH]);
    let output = gone.daemon.output();
    let since = &output[before..];
    assert!(!since.contains("shares"), "{since}");
    // It matters as soon as the server is sealed.
    gone.next.on(HEALTH, [Behaviour::json(200, &health(true))]);
    gone.next.on(SEAL_STATUS, [Behaviour::json(200, &sealed(1, 0, ""))]);
    gone.daemon.wait_for_line("shares-unavailable");
    assert_eq!(gone.next.submissions(), Vec::<String>::new());
}

#[test]
fn a_seal_status_that_is_not_told_is_no_verdict_before_the_health_was_asked() {
    let errors = serde_json::json!({"errors": ["permission denied"]});
    for status in [
        Behaviour::json(404, &errors),
        Behaviour::json(403, &errors),
        Behaviour::json(500, &errors),
        Behaviour::json(200, &Value::Null),
        Behaviour::text(200, "text/html", "<html></html>"),
    ] {
        let mut gone = gone();
        answers(&gone.next, &health(false), status.clone());
        let before = gone.daemon.lines().len();
        assert_eq!(asked(&mut gone)[..2], [SEAL_STATUS, HEALTH], "{status:?}");
        // Its state before, a closed port, is all that was told.
        let told: Vec<String> = gone.daemon.lines()[before..].iter().map(|line| line.text.clone()).collect();
        assert!(told.iter().all(|line| line.contains(": unsealed (active)")), "{told:?}");
    }
}
