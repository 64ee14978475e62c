//! Answers that are none.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::certs::{Authority, Validity};
use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::hostile::{Behaviour, HEALTH, Hostile, OnAccept, SEAL_STATUS, UNSEAL};
use crate::support::server::Server;
use crate::{health, problem, sealed, status, status_within};

/// A way to misbehave, and the kind of problem it is. `None`: on the connection, before any request.
fn ways() -> Vec<(&'static str, Behaviour, &'static str)> {
    vec![
        ("the page of a proxy", Behaviour::proxy_503(), "not-vault"),
        ("JSON of something else", Behaviour::json(200, &serde_json::json!({"status": "UP"})), "not-vault"),
        ("an array", Behaviour::json(200, &serde_json::json!([1, 2])), "not-vault"),
        ("nothing", Behaviour::text(200, "application/json", ""), "not-vault"),
        ("no such page", Behaviour::text(404, "text/plain", "404 page not found"), "not-vault"),
        ("bytes that are not UTF-8", Behaviour::invalid_utf8(), "not-vault"),
        (
            "the server's own error",
            Behaviour::json(500, &serde_json::json!({"errors": ["storage is gone"]})),
            "server-error",
        ),
        ("a redirect", Behaviour::redirect(307, "https://192.0.2.1:8200/v1/sys/health"), "redirect"),
        ("silence", Behaviour::Stall, "timeout"),
        ("headers and silence", Behaviour::StallAfterHeaders, "timeout"),
        (
            "a byte every 200 ms",
            Behaviour::Drip {
                every: Duration::from_millis(200),
                body: health(true).to_string().into_bytes(),
            },
            "timeout",
        ),
        ("100 MB", Behaviour::Flood(100 << 20), "answer-too-large"),
        ("a body without an end", Behaviour::EndlessBody, "answer-too-large"),
        ("headers without an end", Behaviour::EndlessHeaders, "not-http"),
        ("early hints without an end", Behaviour::EndlessHints, "answer-too-large"),
        ("half a body", Behaviour::CloseMidBody(health(true).to_string().into_bytes()), "connection-closed"),
        ("a closed connection", Behaviour::Close, "connection-closed"),
        ("not HTTP", Behaviour::Raw(b"220 mail.example ESMTP\r\n".to_vec()), "not-http"),
    ]
}

#[test]
fn each_is_called_by_its_name_over_http_and_over_tls() {
    let authority = Authority::new("Private CA");
    let directory = crate::support::directory::directory();
    let ca = authority.write(directory.path(), "ca.crt");
    let certificate = authority.issue(&["127.0.0.1"], Validity::Now);
    for (name, behaviour, kind) in ways() {
        let (plain, tls) = (Hostile::http(), Hostile::tls(&certificate));
        plain.on(HEALTH, [behaviour.clone()]);
        tls.on(HEALTH, [behaviour]);
        // Only where nothing comes is it the limit that ends it.
        let limit = if kind == "timeout" { "1s" } else { "20s" };
        assert_eq!(problem(&mut status_within(limit, &plain.url(), &[])), kind, "{name}");
        assert_eq!(
            problem(&mut status_within(limit, &tls.url(), &["--ca-file", ca.to_str().unwrap()])),
            kind,
            "{name} over TLS"
        );
    }
}

#[test]
fn so_is_what_goes_wrong_before_the_first_request() {
    let closes = Hostile::http();
    closes.on_accept(OnAccept::Close);
    assert_eq!(problem(&mut status(&closes.url(), &[])), "connection-closed");

    let ssh = Hostile::http();
    ssh.on_accept(OnAccept::Greet(b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec()));
    assert_eq!(problem(&mut status(&ssh.url(), &[])), "not-http");
    assert_eq!(problem(&mut status(&format!("https://{}", ssh.address()), &["--skip-verify"])), "not-tls");

    let stalls = Hostile::http();
    stalls.on_accept(OnAccept::Stall);
    let silent = format!("https://{}", stalls.address());
    assert_eq!(problem(&mut status_within("1s", &silent, &["--skip-verify"])), "timeout");

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(problem(&mut status(&format!("http://{free}"), &[])), "connection-refused");
    assert_eq!(
        problem(&mut status("https://no-such-host.invalid:8200", &["--skip-verify"])),
        "name-resolution"
    );
}

#[test]
fn a_real_server_is_spoken_to_in_its_own_scheme() {
    let plain = Server::start_plain();
    let https = format!("https://{}", plain.address());
    assert_eq!(problem(&mut status(&https, &["--skip-verify"])), "not-tls");
    let tls = crate::support::server::Builder::new().tls(&Authority::new("Private CA")).start();
    let http = format!("http://{}", tls.address());
    assert_eq!(problem(&mut status(&http, &[])), "http-on-tls-port");
}

#[test]
fn none_of_them_is_ever_sent_a_share() {
    let servers: Vec<(&str, Hostile)> = ways()
        .into_iter()
        .map(|(name, behaviour, _)| {
            let server = Hostile::http();
            server.on(HEALTH, [behaviour.clone()]);
            // Were it asked further, its seal status would be told, and it would take shares.
            server.on(SEAL_STATUS, [behaviour, Behaviour::json(200, &sealed(3, 0, ""))]);
            server.on(UNSEAL, [Behaviour::json(200, &sealed(3, 1, "n"))]);
            (name, server)
        })
        .collect();
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(5, 3)));
    let urls: Vec<String> = servers.iter().map(|(_, server)| server.url()).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    home.configure(&urls, "request_timeout = \"300ms\"");
    let daemon = home.run();
    for (name, server) in &servers {
        server.wait_for(HEALTH, 3);
        assert_eq!(server.submissions(), [] as [String; 0], "{name}");
    }
    let said = daemon.output();
    for (url, (name, _)) in urls.iter().zip(&servers) {
        assert!(said.contains(&format!("{url}: unreachable (")), "{name}:\n{said}");
        assert!(!said.contains(&format!("{url}: sealed")), "{name}:\n{said}");
    }
}

#[test]
fn a_share_does_not_follow_a_redirect() {
    let (server, elsewhere) = (Hostile::http(), Hostile::http());
    server.on(HEALTH, [Behaviour::json(200, &health(true))]);
    server.on(SEAL_STATUS, [Behaviour::json(200, &sealed(1, 0, ""))]);
    let target = format!("{}/v1/sys/unseal", elsewhere.url());
    server.on(UNSEAL, [Behaviour::redirect(307, &target)]);
    elsewhere.on(UNSEAL, [Behaviour::json(200, &sealed(1, 0, ""))]);
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(1, 1)));
    let mut daemon = home.run();
    daemon.wait_for_line("unreachable (HTTP 307 redirect, not followed: shares go only to the node itself)");
    server.wait_for(UNSEAL, 3);
    assert_eq!(elsewhere.connections(), 0);
}
