//! What the service manager hears.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::home::{Home, lines};
use crate::support::process::{Daemon, Notify};
use crate::support::server::{Server, is_active};

#[test]
fn the_status_line_follows_the_truth() {
    let mut server = Server::start_plain();
    let init = server.init(5, 3);
    // Too few: it stands still where it can be seen.
    let home = Home::of(&server, &lines(&init.keys_hex[..2]));
    let mut notify = Notify::new();
    let mut daemon = Daemon::start(home.command(&["run"]).env("NOTIFY_SOCKET", notify.path()));
    notify.wait_for("READY=1");
    assert_eq!(notify.wait_for("STATUS=").text, "STATUS=1 node: 1 not asked yet");
    notify.wait_for("STATUS=1 node: 1 waiting-for-peers (2/3)");
    server.submit(&init.keys_hex[2]);
    notify.wait_for("STATUS=1 node: 1 unsealed");
    server.kill();
    notify.wait_for("STATUS=1 node: 1 unreachable");
    server.start();
    notify.wait_for("STATUS=1 node: 1 waiting-for-peers (2/3)");

    daemon.terminate();
    notify.wait_for("STOPPING=1");
    assert_eq!(notify.wait_for("STATUS=").text, "STATUS=stopping");
    assert!(daemon.exit_status(Duration::from_secs(5)).success());
    let said: Vec<String> = notify.assignments().into_iter().map(|line| line.text).collect();
    assert!(!said.contains(&"WATCHDOG=1".to_owned()), "nobody asked for it: {said:?}");
}

#[test]
fn the_watchdog_is_fed_when_there_is_one() {
    let server = Server::start_plain();
    let init = server.init(1, 1);
    let home = Home::of(&server, &init.json);
    let mut notify = Notify::new();
    let mut command = home.command(&["run"]);
    command.env("NOTIFY_SOCKET", notify.path()).env("WATCHDOG_USEC", "400000");
    let mut daemon = Daemon::start(&mut command);
    for _ in 0..4 {
        notify.wait_for("WATCHDOG=1");
    }
    // A process that stands still feeds nobody, and one that was resumed does so again.
    daemon.signal(Signal::STOP);
    daemon.signal(Signal::CONT);
    notify.wait_for("WATCHDOG=1");
    server.wait_until(is_active);
}

#[test]
fn a_reload_is_announced_and_ended() {
    let server = Server::start_plain();
    let init = server.init(1, 1);
    let home = Home::of(&server, &init.json);
    let mut notify = Notify::new();
    let mut daemon = Daemon::start(home.command(&["run"]).env("NOTIFY_SOCKET", notify.path()));
    notify.wait_for("READY=1");
    daemon.hangup();
    notify.wait_for("RELOADING=1");
    let at = notify.wait_for("MONOTONIC_USEC=").text;
    assert!(at.split_once('=').unwrap().1.parse::<u64>().is_ok_and(|usec| usec > 0), "{at}");
    notify.wait_for("READY=1");
    daemon.wait_for_line("configuration reloaded: 1 node of 1 cluster, configured in");
}
