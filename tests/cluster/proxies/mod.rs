//! What proxies make of a server that is sealed, stopped or starting, and what the daemon makes of what they say.

mod front;

use std::thread;

use front::{Front, Kind, Shares};

use crate::support::home::{cluster, trusting};
use crate::support::process::{Daemon, run};
use crate::support::server::{Init, Server, is_sealed};
use crate::support::{PATIENCE, poll};

/// A server behind a proxy, and a daemon that knows the proxy alone.
struct Behind {
    server: Server,
    init: Init,
    front: Front,
    daemon: Daemon,
}

impl Behind {
    /// `None`, having said so, where the proxy is not installed.
    fn of(kind: Kind, shares: Shares, ready: impl Fn(&Front) -> bool) -> Option<Self> {
        let server = Server::start_plain();
        let init = server.init(5, 3);
        let front = Front::before(kind, server.address(), shares)?;
        poll(PATIENCE, || ready(&front).then_some(())).expect("the proxy is ready");
        front.home.shares(&init.json);
        let nodes = cluster(&[&front.url], &trusting(&front.home.path("ca.crt")));
        front.home.config(&format!("request_timeout = \"3s\"\n{nodes}"));
        let daemon = front.home.run();
        Some(Self { server, init, front, daemon })
    }

    /// The first words of all that was said of the node, without repetitions.
    fn words(&self) -> Vec<String> {
        let node = format!("{}: ", self.front.url);
        let lines = self.daemon.lines();
        let said = lines.iter().filter_map(|line| line.text.split_once(&node));
        let mut words: Vec<_> =
            said.filter_map(|(_, what)| Some(what.split(' ').next()?.to_owned())).collect();
        words.dedup();
        words
    }

    fn status(&self) -> String {
        String::from_utf8(run(&mut self.front.home.command(&["status"])).stdout).unwrap()
    }
}

/// Through its whole life: sealed, sealed on purpose, hanging, stopped, starting. `page`: what the proxy says of a server
/// that is down.
fn serves(kind: Kind, page: &str) {
    let Some(mut behind) = Behind::of(kind, Shares::Pass, |_| true) else { return };
    behind.daemon.wait_for_line(": unsealed (active)");

    behind.server.seal_later(&behind.init.root_token);
    behind.daemon.wait_for_line(": an operator sealed it; it is unsealed again.");
    behind.daemon.wait_for_line(": unsealed (active)");

    behind.server.pause();
    behind.daemon.wait_for_line(": unreachable (no answer within 2s)");
    behind.server.resume();
    behind.daemon.wait_for_line(": unsealed (active)");

    behind.server.kill();
    let line = behind.daemon.wait_for(PATIENCE, page, |line| line.contains(page)).text;
    assert!(line.contains(": unreachable (HTTP 50"), "{line}");
    assert!(line.ends_with("Name the nodes themselves, not a load balancer."), "{line}");
    let status = behind.status();
    assert!(status.contains(" unreachable ") && status.contains(page), "{status}");

    behind.server.start();
    behind.daemon.wait_for_line(": unsealed (active)");
    let up = ["sealed", "unsealing", "unsealed"];
    let words = [&up[..], &["an"], &up, &["unreachable", "unsealed", "unreachable"], &up].concat();
    assert_eq!(behind.words(), words, "{}", behind.daemon.output());
}

#[test]
fn server_behind_a_proxy_is_kept_unsealed_and_the_proxys_page_is_no_answer_of_it() {
    thread::scope(|scope| {
        for (kind, status, page) in [
            (Kind::Haproxy, 503, "(<html><body><h1>503 Service Unavailable</h1>"),
            (Kind::Nginx, 502, "(<html> <head><title>502 Bad Gateway</title>"),
            (Kind::Apache, 503, "(<html><head> <title>503 Service Unavailable</title>"),
        ] {
            let page = format!("HTTP {status}, but not an answer of Vault or OpenBao itself {page}");
            scope.spawn(move || serves(kind, &page));
        }
    });
}

/// Its check of health has a sealed server count as down: no share gets there.
#[test]
fn haproxy_that_asks_for_health_keeps_shares_from_a_sealed_server() {
    let down = |front: &Front| front.log().contains("has no server available");
    let Some(mut behind) = Behind::of(Kind::HaproxyAsksHealth, Shares::Pass, down) else { return };
    // Ten times `slow_interval`.
    let line = behind.daemon.wait_for_line(": questions have been answered with HTTP 503 for ").text;
    assert!(line.contains("ERROR ") && line.contains("Nobody knows whether it is sealed"), "{line}");
    assert!(is_sealed(&behind.server.health()));
    assert_eq!(behind.words(), ["unreachable", "questions"], "{}", behind.daemon.output());
    behind.server.unseal(&behind.init);
    behind.daemon.wait_for_line(": unsealed (active)");
}

/// Questions are answered by the server, and shares by the proxy.
fn stops_shares(kind: Kind, status: u16) {
    let Some(mut behind) = Behind::of(kind, Shares::Stopped, |_| true) else { return };
    let line = behind.daemon.wait_for_line(": sealed (no answer to a share comes back: ").text;
    let cause = format!("back: HTTP {status}, but not an answer of Vault or OpenBao itself");
    assert!(line.contains("WARN ") && line.contains(&cause), "{line}");
    assert!(line.ends_with("Name the nodes themselves, not a load balancer."), "{line}");
    let told = format!(": shares have been answered with HTTP {status} for ");
    let severe = |line: &str| line.contains("ERROR ") && line.contains(&told);
    // Ten times `slow_interval`.
    let line = behind.daemon.wait_for(PATIENCE, &told, severe).text;
    assert!(line.contains("look at the log of the proxy before the server"), "{line}");
    let words = ["sealed", "unsealing", "unreachable", "sealed", "shares"];
    assert_eq!(behind.words(), words, "{}", behind.daemon.output());
}

#[test]
fn shares_that_a_proxy_answers_itself_are_one_state_and_told_once() {
    thread::scope(|scope| {
        for (kind, status) in [(Kind::Haproxy, 403), (Kind::Nginx, 502), (Kind::Apache, 503)] {
            scope.spawn(move || stops_shares(kind, status));
        }
    });
}
