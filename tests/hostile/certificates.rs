//! Certificates, each broken in its own way and called by its name.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};
use std::thread;

use crate::support::certs::{Authority, Validity, self_signed};
use crate::support::guarded::Guarded;
use crate::support::hostile::{Behaviour, HEALTH, Hostile, OnAccept};
use crate::support::ports::Port;
use crate::support::server::Builder;
use crate::{health, problem, status, status_of};

fn directory() -> tempfile::TempDir {
    crate::support::directory::directory()
}

fn write(directory: &tempfile::TempDir, name: &str, pem: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, pem).unwrap();
    path
}

#[test]
fn each_is_called_by_its_name() {
    let directory = directory();
    let authority = Authority::new("Private CA");
    let ca = authority.write(directory.path(), "ca.crt");
    let others = Authority::new("Private CA");
    let own = |names: &[&str], validity| authority.issue(names, validity);
    for (name, certificate, kind) in [
        ("expired", own(&["127.0.0.1"], Validity::Expired), "certificate-expired"),
        ("not valid yet", own(&["127.0.0.1"], Validity::NotYet), "certificate-not-yet-valid"),
        ("for others", own(&["vault.example", "127.0.0.9"], Validity::Now), "certificate-wrong-name"),
        (
            "of a stranger",
            Authority::new("Another CA").issue(&["127.0.0.1"], Validity::Now),
            "certificate-unknown-ca",
        ),
        ("of a namesake", others.issue(&["127.0.0.1"], Validity::Now), "certificate-unknown-ca"),
        ("self-signed", self_signed(&["127.0.0.1"], Validity::Now), "certificate-unknown-ca"),
    ] {
        let server = Hostile::tls(&certificate);
        server.on(HEALTH, [Behaviour::json(200, &health(true))]);
        assert_eq!(problem(&mut status(&server.url(), &["--ca-file", ca.to_str().unwrap()])), kind, "{name}");
        assert!(server.requests().is_empty(), "{name}: nothing is asked of a server that is not believed");
    }
}

#[test]
fn a_real_server_of_an_unknown_authority_is_called_so() {
    let directory = directory();
    let server = Builder::new().tls(&Authority::new("Private CA")).start();
    let ca = Authority::new("Another CA").write(directory.path(), "ca.crt");
    assert_eq!(
        problem(&mut status(&server.url(), &["--ca-file", ca.to_str().unwrap()])),
        "certificate-unknown-ca"
    );
}

#[test]
fn a_self_signed_certificate_is_believed_when_it_is_named_itself() {
    let directory = directory();
    for (names, validity, outcome) in [
        (["127.0.0.1"], Validity::Now, Ok(())),
        (["127.0.0.1"], Validity::Expired, Err("certificate-expired")),
        (["vault.example"], Validity::Now, Err("certificate-wrong-name")),
    ] {
        let certificate = self_signed(&names, validity);
        let server = Hostile::tls(&certificate);
        server.on(HEALTH, [Behaviour::json(200, &health(false))]);
        let ca = write(&directory, "ca.crt", &certificate.chain_pem);
        let mut command = status(&server.url(), &["--ca-file", ca.to_str().unwrap()]);
        match outcome {
            Ok(()) => {
                let node = status_of(&mut command);
                assert_eq!(
                    (&node["state"], &node["tls_verified"]),
                    (&"unsealed".into(), &true.into()),
                    "{node}"
                );
            }
            Err(kind) => assert_eq!(problem(&mut command), kind),
        }
    }
}

#[test]
fn another_name_can_be_asked_for() {
    let directory = directory();
    let authority = Authority::new("Private CA");
    let ca = authority.write(directory.path(), "ca.crt");
    let server = Hostile::tls(&authority.issue(&["vault.example"], Validity::Now));
    server.on(HEALTH, [Behaviour::json(200, &health(false))]);
    let flags = ["--ca-file", ca.to_str().unwrap(), "--server-name", "vault.example"];
    let node = status_of(&mut status(&server.url(), &flags));
    assert_eq!(node["state"], "unsealed", "{node}");
    assert_eq!(node["address"], server.url());
    let flags = ["--ca-file", ca.to_str().unwrap(), "--server-name", "other.example"];
    assert_eq!(problem(&mut status(&server.url(), &flags)), "certificate-wrong-name");
}

#[test]
fn a_directory_of_authorities_and_an_intermediate_are_enough() {
    let directory = directory();
    let authority = Authority::new("Private CA");
    authority.write(directory.path(), "one.pem");
    let server = Hostile::tls(&authority.intermediate("Issuing CA").issue(&["127.0.0.1"], Validity::Now));
    server.on(HEALTH, [Behaviour::json(200, &health(false))]);
    let node = status_of(&mut status(&server.url(), &["--ca-dir", directory.path().to_str().unwrap()]));
    assert_eq!(node["state"], "unsealed", "{node}");
}

#[test]
fn skipping_the_check_is_shown() {
    let server = Hostile::tls(&self_signed(&["vault.example"], Validity::Expired));
    server.on(HEALTH, [Behaviour::json(200, &health(false))]);
    let node = status_of(&mut status(&server.url(), &["--skip-verify"]));
    assert_eq!((&node["state"], &node["tls_verified"]), (&"unsealed".into(), &false.into()), "{node}");
}

#[test]
fn a_client_certificate_that_is_wanted_or_refused() {
    let directory = directory();
    let (authority, clients) = (Authority::new("Private CA"), Authority::new("Client CA"));
    let ca = authority.write(directory.path(), "ca.crt");
    let certificate = authority.issue(&["127.0.0.1"], Validity::Now);
    let scripted = Hostile::tls_with_client_authority(&certificate, &clients);
    scripted.on(HEALTH, [Behaviour::json(200, &health(false))]);
    let real = Builder::new().tls(&authority).require_client_certificate(&clients).start();
    for url in [scripted.url(), real.url()] {
        let trust = ["--ca-file", ca.to_str().unwrap()];
        assert_eq!(problem(&mut status(&url, &trust)), "client-certificate-wanted", "{url}");
        for (authority, validity, outcome) in [
            (&Authority::new("Another CA"), Validity::Now, Some("client-certificate-refused")),
            (&clients, Validity::Expired, Some("client-certificate-refused")),
            (&clients, Validity::Now, None),
        ] {
            let (chain, key) =
                authority.issue_client("the daemon", validity).write(directory.path(), "client");
            let own = ["--client-cert", chain.to_str().unwrap(), "--client-key", key.to_str().unwrap()];
            let flags = [&trust[..], &own].concat();
            match outcome {
                Some(kind) => assert_eq!(problem(&mut status(&url, &flags)), kind, "{url}"),
                None => assert_ne!(status_of(&mut status(&url, &flags))["state"], "unreachable"),
            }
        }
    }
}

#[test]
fn a_server_that_knows_only_older_tls() {
    let server = Hostile::http();
    // Its answer to a greeting of TLS 1.2 and newer: a fatal alert, protocol_version (RFC 5246, 7.2).
    server.on_accept(OnAccept::Greet(vec![21, 3, 1, 0, 2, 2, 70]));
    let url = format!("https://{}", server.address());
    assert_eq!(problem(&mut status(&url, &["--skip-verify"])), "tls-incompatible");
}

#[test]
fn tls_1_2_is_good_enough() {
    let certificate = self_signed(&["127.0.0.1"], Validity::Now);
    let server = Hostile::tls_versions(&certificate, &[&rustls::version::TLS12]);
    server.on(HEALTH, [Behaviour::json(200, &health(false))]);
    assert_eq!(status_of(&mut status(&server.url(), &["--skip-verify"]))["state"], "unsealed");
}

/// OpenSSL as a server of TLS 1.2: what can be typed to it, and what it says.
struct Openssl {
    _process: Guarded,
    typed: UnixStream,
    said: BufReader<ChildStdout>,
    url: String,
    _directory: tempfile::TempDir,
}

impl Openssl {
    fn start(more: &[&str]) -> Self {
        let directory = directory();
        let (chain, key) = self_signed(&["127.0.0.1"], Validity::Now).write(directory.path(), "server");
        let mut port = Port::reserve(Ipv4Addr::LOCALHOST.into());
        let (address, url) = (port.address().to_string(), format!("https://{}", port.address()));
        let (typed, input) = UnixStream::pair().unwrap();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-tls1_2", "-accept", &address, "-cert"]).arg(chain).arg("-key").arg(key);
        command.args(more).stdin(OwnedFd::from(input)).stdout(Stdio::piped()).stderr(Stdio::null());
        port.release();
        let mut process = Guarded::spawn(&mut command);
        let said = BufReader::new(process.pipes().0.unwrap());
        let mut server = Self { _process: process, typed, said, url, _directory: directory };
        server.wait_for_line("ACCEPT");
        server
    }

    fn wait_for_line(&mut self, wanted: &str) {
        let mut lines = self.said.by_ref().lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(wanted)), "it ended without {wanted:?}");
    }
}

/// As a proxy does that wants a client certificate for a part of its paths: the handshake is not what was wrong.
#[test]
fn a_server_that_negotiates_tls_anew_is_called_so() {
    let mut server = Openssl::start(&[]);
    let mut asked = status(&server.url, &["--skip-verify"]);
    let asking = thread::spawn(move || problem(&mut asked));
    server.wait_for_line("GET /v1/sys/health");
    // It renegotiates (s_server(1ssl)).
    server.typed.write_all(b"r\n").unwrap();
    assert_eq!(asking.join().unwrap(), "tls-renegotiation");
}

/// TLS 1.2 has no alert of its own for that, and OpenSSL says what it says of ciphers.
#[test]
fn a_server_of_tls_1_2_that_wants_a_client_certificate() {
    let server = Openssl::start(&["-Verify", "1"]);
    let node = status_of(&mut status(&server.url, &["--skip-verify"]));
    assert_eq!(node["problem"]["kind"], "tls-incompatible", "{node}");
    assert!(node["problem"]["advice"].as_str().unwrap().contains("`client_cert`"), "{node}");
}
