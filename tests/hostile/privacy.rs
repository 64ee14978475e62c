//! What is sent, and to whom.

use crate::support::certs::{Authority, Validity};
use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::hostile::{Behaviour, HEALTH, Hostile, SEAL_STATUS, UNSEAL};
use crate::support::process::Daemon;
use crate::{health, sealed, unsealed};

/// A server that takes one share.
fn takes_one(server: &Hostile) {
    server.on(HEALTH, [Behaviour::json(503, &health(true)), Behaviour::json(200, &health(false))]);
    server.on(SEAL_STATUS, [Behaviour::json(200, &sealed(1, 0, ""))]);
    server.on(UNSEAL, [Behaviour::json(200, &unsealed(1))]);
}

#[test]
fn proxies_in_the_environment_are_not_used() {
    let authority = Authority::new("Private CA");
    let (proxy, plain) = (Hostile::http(), Hostile::http());
    let tls = Hostile::tls(&authority.issue(&["127.0.0.1"], Validity::Now));
    takes_one(&plain);
    takes_one(&tls);
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    home.put("ca.crt", &authority.pem());
    home.configure(&[&plain.url(), &tls.url()], "tls = { ca_file = \"ca.crt\" }");
    let mut command = home.command(&["run"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, proxy.url());
    }
    let _daemon = Daemon::start(&mut command);
    plain.wait_for(UNSEAL, 1);
    tls.wait_for(UNSEAL, 1);
    tls.wait_for_more(HEALTH, 2);
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn every_request_says_who_asks_and_names_no_namespace() {
    let server = Hostile::http();
    takes_one(&server);
    let shares = shares_of_nobody(1, 1);
    let home = Home::of_hostile(&server, &lines(&shares));
    let mut command = home.command(&["run"]);
    for name in ["VAULT_NAMESPACE", "BAO_NAMESPACE", "VAULT_TOKEN", "BAO_TOKEN"] {
        command.env(name, "admin");
    }
    let _daemon = Daemon::start(&mut command);
    server.wait_for(UNSEAL, 1);
    server.wait_for_more(HEALTH, 1);
    for request in server.requests() {
        let line = request.line();
        assert_eq!(request.header("x-vault-request"), Some("true"), "{line}");
        let agent = concat!("vault-unseal/", env!("CARGO_PKG_VERSION"));
        assert_eq!(request.header("user-agent"), Some(agent), "{line}");
        let mut names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.retain(|name| !["x-vault-request", "user-agent", "host", "accept"].contains(name));
        let body: &[&str] = if line == UNSEAL { &["content-length", "content-type"] } else { &[] };
        names.sort_unstable();
        assert_eq!(names, body, "{line} carries more than it needs");
    }
    assert_eq!(server.submissions(), shares);
    let asked: Vec<String> = server
        .requests()
        .iter()
        .filter(|request| request.line() == HEALTH)
        .map(|request| request.target.clone())
        .collect();
    assert!(asked[0].contains("sealedcode=299") && asked[0].contains("uninitcode=299"), "{}", asked[0]);
}
