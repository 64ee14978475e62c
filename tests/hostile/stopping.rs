//! SIGTERM and SIGINT end the daemon whatever a server is doing.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::hostile::{Behaviour, HEALTH, Hostile, OnAccept, SEAL_STATUS, UNSEAL};
use crate::{health, sealed, unsealed};

/// Not a measurement: far below every time limit that a request has here.
const SOON: Duration = Duration::from_secs(5);

fn scripted(line: &str, behaviour: Behaviour) -> Hostile {
    let server = Hostile::http();
    server.on(HEALTH, [Behaviour::json(200, &health(true))]);
    let status = if line == HEALTH { unsealed(1) } else { sealed(1, 0, "") };
    server.on(SEAL_STATUS, [Behaviour::json(200, &status)]);
    server.on(UNSEAL, [Behaviour::json(200, &sealed(1, 0, ""))]);
    server.on(line, [behaviour]);
    server
}

fn drip() -> Behaviour {
    Behaviour::Drip { every: Duration::from_millis(500), body: health(true).to_string().into_bytes() }
}

#[test]
fn whatever_a_server_is_doing() {
    for signal in [Signal::TERM, Signal::INT] {
        let accepts_only = Hostile::http();
        accepts_only.on_accept(OnAccept::Stall);
        let servers = [
            ("stalls", scripted(HEALTH, Behaviour::Stall)),
            ("drips", scripted(HEALTH, drip())),
            ("floods", scripted(HEALTH, Behaviour::Flood(100 << 20))),
            ("stalls the seal status", scripted(SEAL_STATUS, Behaviour::Stall)),
            ("holds the last share", scripted(UNSEAL, Behaviour::Stall)),
            ("drips the answer to it", scripted(UNSEAL, drip())),
        ];
        let home = Home::new();
        home.shares(&lines(&shares_of_nobody(1, 1)));
        let mut urls: Vec<String> = servers.iter().map(|(_, server)| server.url()).collect();
        // TLS towards a server that says nothing, a host that does not answer, and one without a name.
        urls.push(format!("https://{}", accepts_only.address()));
        urls.push("https://192.0.2.1:8200".to_owned());
        urls.push("https://no-such-host.invalid:8200".to_owned());
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        home.configure(
            &urls,
            "request_timeout = \"5m\"\nunseal_timeout = \"5m\"\ntls = { skip_verify = true }",
        );
        let mut daemon = home.run();
        // The seal status is asked for first; the health is what the first three do not answer.
        for (name, server) in &servers {
            assert!(!server.wait_for(SEAL_STATUS, 1).is_empty(), "{name}");
        }
        for (line, servers) in [(HEALTH, &servers[..3]), (UNSEAL, &servers[4..])] {
            for (name, server) in servers {
                assert!(!server.wait_for(line, 1).is_empty(), "{name}");
            }
        }
        daemon.signal(signal);
        assert_eq!(daemon.exit_status(SOON).code(), Some(0), "{signal:?}");
        assert!(daemon.output().contains("stopping; the servers stay as they are"));
    }
}
