//! What a proxy before the server does to the detection of an operator's seal.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::guarded::Guarded;
use crate::support::home::Home;
use crate::support::ports::Port;
use crate::support::process::Daemon;
use crate::support::server::{Init, Server, is_active, is_sealed};
use crate::support::{PATIENCE, poll};

const HELD: &str = "held (an operator sealed it)";

/// A server behind a proxy that closes what is idle for this long, and a daemon that speaks to the proxy.
struct Proxied {
    server: Server,
    init: Init,
    /// Its configuration and shares.
    _home: Home,
    daemon: Daemon,
    _proxy: Guarded,
}

/// Where haproxy is; `None`, having said so, where it is not installed.
fn haproxy() -> Option<&'static str> {
    let places = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"];
    let found = places.into_iter().find(|path| fs::exists(path).unwrap());
    if found.is_none() {
        crate::support::untested("this needs haproxy");
    }
    found
}

/// Starts it at this port, before these servers in turn.
fn start(
    haproxy: &str,
    home: &Home,
    port: &mut Port,
    idle: &str,
    mode: &str,
    servers: &[&Server],
) -> Guarded {
    let mut text = format!(
        "defaults\n mode {mode}\n retries 0\n timeout connect 2s\n timeout client {idle}\n timeout server {idle}\n \
         timeout http-keep-alive {idle}\nlisten vault\n balance roundrobin\n bind {}\n",
        port.address()
    );
    for (number, server) in servers.iter().enumerate() {
        writeln!(text, " server vault{number} {}", server.address()).unwrap();
    }
    let file = home.put("haproxy.cfg", &text);
    port.release();
    let mut command = Command::new(haproxy);
    command.args(["-db", "-f"]).arg(file);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Guarded::spawn(&mut command)
}

impl Proxied {
    /// `None`, having said so, where haproxy is not installed.
    fn of(idle: &str, mode: &str, more: &str) -> Option<Self> {
        let haproxy = haproxy()?;
        let server = Server::start_plain();
        let init = server.init(5, 3);
        let mut port = Port::reserve(server.address().ip());
        let home = Home::new();
        let proxy = start(haproxy, &home, &mut port, idle, mode, &[&server]);
        home.shares(&init.json);
        home.configure(
            &[&format!("http://{}", port.address())],
            &format!("on_operator_seal = \"hold\"\n{more}"),
        );
        let mut daemon = home.run();
        daemon.wait_for_line(": unsealed (active)");
        Some(Self { server, init, _home: home, daemon, _proxy: proxy })
    }
}

#[test]
fn a_proxy_hides_restarts_so_that_a_hold_stays() {
    // Polls are 100 ms apart.
    let Some(mut proxied) = Proxied::of("2s", "tcp", "") else { return };
    proxied.server.seal_later(&proxied.init.root_token);
    proxied.daemon.wait_for_line(HELD);
    assert!(is_sealed(&proxied.server.health()));
    // But the proxy accepts whatever its server does: a restart is not seen, and the hold stays.
    proxied.server.kill();
    proxied.daemon.wait_for_line(": unreachable");
    proxied.server.start();
    proxied.daemon.wait_for_line(HELD);
    assert!(is_sealed(&proxied.server.health()));
    proxied.server.unseal(&proxied.init);
    proxied.daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn a_proxy_that_closes_what_is_idle_between_two_polls_makes_a_seal_look_like_a_restart() {
    for presence in [true, false] {
        let more = format!("poll_interval = \"2s\"\npresence = {presence}");
        let Some(mut proxied) = Proxied::of("200ms", "tcp", &more) else { return };
        // Once its connection was closed a few times, it is looked at no sooner than by a poll.
        sleep(Duration::from_secs(3));
        proxied.server.seal(&proxied.init.root_token);
        proxied.server.wait_until(is_active);
        proxied.daemon.wait_for_line(": unsealed (active)");
        assert!(!proxied.daemon.output().contains(HELD), "{}", proxied.daemon.output());
    }
}

#[test]
fn a_proxy_whose_own_page_is_seen_during_a_restart_makes_no_seal_of_it() {
    let Some(mut proxied) = Proxied::of("10s", "http", "") else { return };
    proxied.server.kill();
    proxied.daemon.wait_for_line("unreachable");
    proxied.server.start();
    let unsealed =
        poll(PATIENCE, || proxied.server.try_health().is_ok_and(|health| is_active(&health)).then_some(()));
    assert!(unsealed.is_some(), "{}", proxied.daemon.output());
    assert!(!proxied.daemon.output().contains(HELD), "{}", proxied.daemon.output());
}

#[test]
fn a_load_balancer_before_several_servers_is_asked_about() {
    let Some(haproxy) = haproxy() else { return };
    let servers = [Server::start_plain(), Server::start_plain()];
    let [init, _] = servers.each_ref().map(|server| server.init(5, 3));
    let mut port = Port::reserve(servers[0].address().ip());
    let home = Home::new();
    // Each request goes to the next server, over one connection of ours.
    let _proxy = start(haproxy, &home, &mut port, "10s", "http", &[&servers[0], &servers[1]]);
    home.shares(&init.json);
    home.configure(&[&format!("http://{}", port.address())], "");
    let mut daemon = home.run();
    let line = daemon.wait_for_line("do nodes name a load balancer?").text;
    assert!(line.contains("WARN ") && line.contains("several servers answer here in turn"), "{line}");
    assert!(line.ends_with("Write the address of each server into `nodes`."), "{line}");
}

#[test]
fn a_load_balancer_with_a_dead_server_is_asked_about_and_its_pages_are_said_no_more() {
    let Some(haproxy) = haproxy() else { return };
    let mut servers = [Server::start_plain(), Server::start_plain()];
    let init = servers[0].init(1, 1);
    servers[0].unseal(&init);
    servers[1].kill();
    let mut port = Port::reserve(servers[0].address().ip());
    let home = Home::new();
    let _proxy = start(haproxy, &home, &mut port, "10s", "http", &[&servers[0], &servers[1]]);
    home.shares(&init.json);
    home.configure(&[&format!("http://{}", port.address())], "");
    let mut daemon = home.run();
    daemon.wait_for_line("do nodes name a load balancer?");
    let before = daemon.output().matches(": unreachable (HTTP 503").count();
    // Twenty polls more, and then both are dead.
    sleep(Duration::from_secs(2));
    servers[0].kill();
    daemon.wait_for_line(": unreachable (HTTP 503");
    assert_eq!(daemon.output().matches(": unreachable (HTTP 503").count(), before + 1, "{}", daemon.output());
}

#[test]
fn a_server_that_stays_away_behind_a_proxy_is_an_error_in_the_end() {
    let Some(mut proxied) = Proxied::of("10s", "http", "") else { return };
    proxied.server.kill();
    proxied.daemon.wait_for_line("unreachable (HTTP 503, but not an answer of Vault or OpenBao itself");
    // Ten times `slow_interval`.
    let line = proxied.daemon.wait_for_line("questions have been answered with HTTP 503 for ").text;
    assert!(
        line.contains("ERROR ") && line.contains("a proxy before it, is overloaded or not available"),
        "{line}"
    );
}
