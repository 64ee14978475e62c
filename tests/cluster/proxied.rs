//! What a proxy before the server does to the detection of an operator's seal.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::guarded::Guarded;
use crate::support::home::Home;
use crate::support::openbao::{Init, Server, is_active, is_sealed};
use crate::support::ports::Port;
use crate::support::process::Daemon;
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

impl Proxied {
    /// `None`, having said so, where haproxy is not installed.
    fn of(idle: &str, mode: &str, more: &str) -> Option<Self> {
        let Some(haproxy) = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"]
            .into_iter()
            .find(|path| fs::exists(path).unwrap())
        else {
            eprintln!("NOT TESTED: this needs haproxy");
            return None;
        };
        let server = Server::start_plain();
        let init = server.init(5, 3);
        let mut port = Port::reserve(server.address().ip());
        let home = Home::new();
        let text = format!(
            "defaults\n mode {mode}\n timeout connect 2s\n timeout client {idle}\n timeout server {idle}\n \
             timeout http-keep-alive {idle}\nlisten vault\n bind {}\n server vault {}\n",
            port.address(),
            server.address()
        );
        let file = home.put("haproxy.cfg", &text);
        port.release();
        let mut command = Command::new(haproxy);
        command
            .args(["-db", "-f"])
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let proxy = Guarded::spawn(&mut command);
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
