//! Clocks that jump, by which certificates are judged and nothing else, and a daemon that stood still.

use rustix::process::Signal;
use vault_unseal::observe::snapshot;

use crate::observe::make_observe;
use crate::support::certs::Authority;
use crate::support::clock::Clock;
use crate::support::home::Home;
use crate::support::process::Daemon;
use crate::support::server::{Builder, Server, is_active, is_sealed};

const TEN_YEARS: i64 = 10 * 365 * 24 * 60 * 60;

fn start(home: &Home, clock: &Clock, sleeps: bool) -> Daemon {
    let mut command = home.command(&["run"]);
    command.env("RUNTIME_DIRECTORY", home.path("run")).envs(clock.environment(sleeps));
    Daemon::start(&mut command)
}

fn restart(server: &mut Server, daemon: &mut Daemon) {
    server.kill();
    daemon.wait_for_line(": unreachable (connection refused)");
    server.start();
}

/// Also where the clock of the machine that slept goes on with it, by which all waits are measured.
#[test]
fn server_is_unsealed_whatever_the_clock_says() {
    for sleeps in [false, true] {
        let mut server = Server::start_plain();
        let init = server.init(5, 3);
        let home = Home::of(&server, &init.json);
        let Some(clock) = Clock::new(home.path("clock")) else { return };
        let socket = make_observe(&home);
        let mut daemon = start(&home, &clock, sleeps);
        daemon.wait_for_line(": unsealed (active)");
        // A monotonic clock does not go back.
        let jumps: &[i64] = if sleeps { &[60, TEN_YEARS] } else { &[TEN_YEARS, -TEN_YEARS, 0] };
        for seconds in jumps {
            clock.set(*seconds);
            restart(&mut server, &mut daemon);
            daemon.wait_for_line(": unsealed (active)");
            server.wait_until(is_active);
        }
        let attempts = snapshot(&socket).unwrap().nodes[0].counters.unseal_attempts;
        assert_eq!(attempts.unsealed, 1 + jumps.len() as u64);
        assert_eq!((attempts.refused, attempts.disturbed, attempts.error), (0, 0, 0));
    }
}

#[test]
fn certificate_is_judged_by_the_clock_and_the_server_unsealed_once_that_is_right() {
    let mut server = Builder::new().tls(&Authority::new("Private CA")).start();
    let init = server.init(5, 3);
    let home = Home::of(&server, &init.json);
    let Some(clock) = Clock::new(home.path("clock")) else { return };
    home.make_run();
    let mut daemon = start(&home, &clock, false);
    daemon.wait_for_line(": unsealed (active)");
    for (seconds, why) in
        [(TEN_YEARS, "certificate has expired on "), (-TEN_YEARS, "certificate is not valid yet")]
    {
        clock.set(seconds);
        // The connection that it has is good; it says what is to come.
        daemon.wait_for_line("a new connection to it fails");
        restart(&mut server, &mut daemon);
        daemon.wait_for_line(&format!(": unreachable (the server's {why}"));
        assert!(is_sealed(&server.health()));
        clock.set(0);
        daemon.wait_for_line(": unsealed (active)");
        server.wait_until(is_active);
    }
}

#[test]
fn daemon_that_stood_still_unseals_a_server_that_was_restarted_meanwhile() {
    let mut server = Server::start_plain();
    let init = server.init(5, 3);
    let home = Home::of(&server, &init.json);
    let socket = make_observe(&home);
    let mut daemon = crate::observe::start(&home);
    daemon.wait_for_line(": unsealed (active)");
    for round in 1..=3 {
        daemon.signal(Signal::STOP);
        server.kill();
        server.start();
        assert!(is_sealed(&server.health()), "nobody else unseals it");
        daemon.signal(Signal::CONT);
        server.wait_until(is_active);
        daemon.wait_for_line(": unsealed (active)");
        let attempts = snapshot(&socket).unwrap().nodes[0].counters.unseal_attempts;
        assert_eq!(
            (attempts.unsealed, attempts.refused, attempts.disturbed, attempts.error),
            (1 + round, 0, 0, 0)
        );
    }
}
