//! Servers that show a certificate without its key, and certificates of forms that are not accepted.

use std::path::Path;

use rustls::SignatureScheme as Scheme;
use rustls::version::{TLS12, TLS13};
use serde_json::Value;

use crate::support::certs::{Authority, Issued, Validity};
use crate::support::hostile::{Behaviour, Forger, HEALTH, Hostile};
use crate::support::openssl::{key, self_signed, signed, signed_by, version_1};
use crate::support::output::is_as_in;
use crate::support::server::{Builder, Server};
use crate::{health, problem, status, status_of};

const ADDRESS: &str = "IP:127.0.0.1";

/// Everything that can sign a handshake without the certificate's key.
fn forgers() -> Vec<Forger> {
    let keys = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519];
    let rubbish = [
        Scheme::ECDSA_NISTP256_SHA256,
        Scheme::ECDSA_NISTP521_SHA512,
        Scheme::ECDSA_SHA1_Legacy,
        Scheme::RSA_PSS_SHA256,
        Scheme::RSA_PKCS1_SHA256,
        Scheme::RSA_PKCS1_SHA1,
        Scheme::Unknown(0),
    ];
    keys.map(Forger::with_key).into_iter().chain(rubbish.map(Forger::Rubbish)).collect()
}

/// Certificates that a server may have, of which the last two have keys that cannot be verified here.
fn certificates() -> [(&'static str, Issued); 6] {
    let (rsa, ec) = (key("2048"), key("P-256"));
    [
        ("version 3, RSA", self_signed(&rsa, ADDRESS)),
        ("version 3, EC", self_signed(&ec, ADDRESS)),
        ("version 1, RSA", version_1(&rsa)),
        ("version 1, EC", version_1(&ec)),
        ("RSA 1024", self_signed(&key("1024"), ADDRESS)),
        ("P-521", self_signed(&key("P-521"), ADDRESS)),
    ]
}

#[test]
fn man_in_the_middle_with_the_pinned_certificate_and_without_its_key_is_asked_nothing() {
    for (name, certificate) in certificates() {
        let pin = certificate.pin();
        for version in [&TLS12, &TLS13] {
            for forger in forgers() {
                let case = format!("{name}, {version:?}, {forger:?}");
                let server = Hostile::forged(&certificate, version, forger);
                server.on(HEALTH, [Behaviour::json(200, &health(true))]);
                let node = status_of(&mut status(&server.url(), &["--skip-verify", "--pin-sha256", &pin]));
                assert_eq!(node["state"], "unreachable", "{case}: {node}");
                assert!(server.requests().is_empty(), "{case}");
            }
        }
    }
}

#[test]
fn man_in_the_middle_with_a_trusted_certificate_and_without_its_key_is_called_so() {
    let home = crate::support::directory::directory();
    let authority = Authority::new("Private CA");
    let ca = authority.write(home.path(), "ca.crt");
    let certificate = authority.issue(&["127.0.0.1"], Validity::Now);
    for version in [&TLS12, &TLS13] {
        let forger = Forger::with_key(&rcgen::PKCS_ECDSA_P256_SHA256);
        let server = Hostile::forged(&certificate, version, forger);
        server.on(HEALTH, [Behaviour::json(200, &health(false))]);
        let found = problem(&mut status(&server.url(), &["--ca-file", ca.to_str().unwrap()]));
        assert_eq!(found, "certificate-key-not-proven");
        assert!(server.requests().is_empty());
        // Whoever answers is believed: it may as well be he.
        let node = status_of(&mut status(&server.url(), &["--skip-verify"]));
        assert_eq!((&node["state"], &node["tls_verified"]), (&"unsealed".into(), &false.into()), "{node}");
    }
}

/// A real server that shows this certificate.
fn server(certificate: &Issued) -> Server {
    showing(Builder::new(), certificate)
}

fn showing(builder: Builder, certificate: &Issued) -> Server {
    let mut server = builder.tls(&Authority::new("Private CA")).start();
    server.present(certificate);
    server.kill();
    server.launch();
    server
}

/// What is wrong with it, for the first that the server answers.
fn message(server: &Server, flags: &[&str]) -> (String, String) {
    let node = crate::support::poll(crate::support::PATIENCE, || {
        let node = status_of(&mut status(&server.url(), flags));
        (node["problem"]["kind"] != "connection-refused").then_some(node)
    });
    let node = node.unwrap();
    let word = |member: &str| node["problem"][member].as_str().unwrap_or_default().to_owned();
    assert_eq!(node["problem"] == Value::Null, node["state"] != "unreachable", "{node}");
    (word("kind"), word("message"))
}

/// What a person reads of it.
fn shown(server: &Server, ca: &str) -> String {
    shown_of(&server.url(), ca)
}

fn shown_of(url: &str, ca: &str) -> String {
    let node = status_of(&mut status(url, &["--ca-file", ca]));
    let word = |member: &str| node["problem"][member].as_str().unwrap_or_default().to_owned();
    format!("{}\n  {}\n  {}\n", word("kind"), word("message"), word("advice"))
}

fn named(home: &Path, certificate: &str) -> String {
    let path = home.join("ca.crt");
    std::fs::write(&path, certificate).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn form_of_certificate_that_is_not_accepted_is_named() {
    let home = crate::support::directory::directory();
    let authority = Authority::new("Private CA");
    let old = self_signed(&key("1024"), "DNS:authority");
    let ca = authority.pem();
    let middle =
        signed(&key("1024"), "DNS:middle\nbasicConstraints = critical, CA:TRUE", "-sha256", &authority);
    let mut below = signed_by(&key("P-256"), ADDRESS, &middle);
    below.chain_pem += &middle.chain_pem;
    let mut told = String::new();
    for (certificate, trusted, says) in [
        (
            version_1(&key("2048")),
            &ca,
            "the server's certificate is of X.509 version 1, and version 3 is needed",
        ),
        (
            signed(&key("1024"), ADDRESS, "-sha256", &authority),
            &ca,
            "the server's certificate has an RSA key of 1024 bits, and fewer than 2048 are not accepted",
        ),
        (
            signed(&key("P-521"), ADDRESS, "-sha256", &authority),
            &ca,
            "the server's certificate has a key on the curve P-521, which is not supported",
        ),
        (
            signed(&key("P-256"), ADDRESS, "-sha1", &authority),
            &ca,
            "the server's certificate is signed with SHA-1, which can be forged",
        ),
        (
            signed_by(&key("P-256"), ADDRESS, &old),
            &old.chain_pem,
            "the CA certificate \"by OpenSSL\", trusted here, has an RSA key of 1024 bits, and fewer than 2048 are not \
             accepted",
        ),
        (
            below,
            &ca,
            "a CA certificate that the server sends has an RSA key of 1024 bits, and fewer than 2048 are not accepted",
        ),
    ] {
        let server = server(&certificate);
        let ca = named(home.path(), trusted);
        let (kind, message) = message(&server, &["--ca-file", &ca]);
        assert_eq!((kind.as_str(), message.as_str()), ("certificate-unsupported", says));
        told += &shown(&server, &ca);
    }
    let server = server(&signed(&key("P-256"), "DNS:127.0.0.1,DNS:vault.example", "-sha256", &authority));
    let ca = named(home.path(), &ca);
    let (kind, said) = message(&server, &["--ca-file", &ca]);
    assert_eq!(kind, "certificate-wrong-name");
    let expected =
        "the server's certificate has 127.0.0.1 as a DNS name, and an address must be in it as an IP address";
    assert_eq!(said, expected);
    told += &shown(&server, &ca);
    let certificate = authority.issue(&["127.0.0.1"], Validity::Now);
    let forger = Forger::with_key(&rcgen::PKCS_ECDSA_P256_SHA256);
    let between = Hostile::forged(&certificate, &TLS13, forger);
    told += &shown_of(&between.url(), &ca);
    is_as_in("tests/hostile/snapshots/certificate-forms.txt", told);
    let (kind, _) = message(&server, &["--ca-file", &ca, "--server-name", "vault.example"]);
    assert_eq!(kind, "");
}

#[test]
fn key_that_cannot_be_verified_is_refused_with_a_pin_and_accepted_without_any_check() {
    // A key on P-521 is shown by TLS 1.3 alone.
    for (bits, builder) in
        [("1024", Builder::new()), ("1024", Builder::new().old_tls()), ("P-521", Builder::new())]
    {
        let certificate = self_signed(&key(bits), ADDRESS);
        let server = showing(builder, &certificate);
        let flags = ["--skip-verify", "--pin-sha256", &certificate.pin()];
        assert_eq!(message(&server, &flags).0, "certificate-unsupported", "{bits}");
        assert_eq!(message(&server, &["--skip-verify"]).0, "", "{bits}");
    }
}

#[test]
fn certificate_of_version_1_is_believed_by_its_pinned_key_alone() {
    let home = crate::support::directory::directory();
    for kind in ["2048", "P-256"] {
        let certificate = version_1(&key(kind));
        let real = server(&certificate);
        let pin = certificate.pin();
        assert_eq!(message(&real, &["--skip-verify", "--pin-sha256", &pin]).0, "", "{kind}");
        // The pin does not replace the authority, and none vouches for such a one.
        let ca = named(home.path(), &certificate.chain_pem);
        let flags = ["--ca-file", &ca, "--pin-sha256", &pin];
        assert_eq!(message(&real, &flags).0, "certificate-unsupported", "{kind}");
        for version in [&TLS12, &TLS13] {
            let server = Hostile::tls_versions(&certificate, &[version]);
            server.on(HEALTH, [Behaviour::json(200, &health(false))]);
            let flags = ["--skip-verify", "--pin-sha256", &pin];
            assert_eq!(status_of(&mut status(&server.url(), &flags))["tls_verified"], true, "{kind}");
        }
    }
}

#[test]
fn pin_does_not_replace_the_authority() {
    let home = crate::support::directory::directory();
    let (authority, another) = (Authority::new("Private CA"), Authority::new("Another CA"));
    let certificate = authority.issue(&["127.0.0.1"], Validity::Now);
    let server = Hostile::tls(&certificate);
    server.on(HEALTH, [Behaviour::json(200, &health(false))]);
    let pin = certificate.pin();
    for (trusted, kind) in [(authority.pem(), None), (another.pem(), Some("certificate-unknown-ca"))] {
        let ca = named(home.path(), &trusted);
        let flags = ["--ca-file", &ca, "--pin-sha256", &pin];
        let node = status_of(&mut status(&server.url(), &flags));
        assert_eq!(node["problem"]["kind"].as_str(), kind, "{node}");
    }
    // Nor the dates and names, as long as the certificate is to be checked at all.
    let expired = authority.issue(&["127.0.0.1"], Validity::Expired);
    let server = Hostile::tls(&expired);
    let ca = named(home.path(), &authority.pem());
    let flags = ["--ca-file", &ca, "--pin-sha256", &expired.pin()];
    assert_eq!(problem(&mut status(&server.url(), &flags)), "certificate-expired");
}
