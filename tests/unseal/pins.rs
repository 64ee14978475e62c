//! Shares go to the keys that are pinned, whoever signed the certificates.

use crate::support::certs::{Authority, Issued, Validity, self_signed};
use crate::support::home::Home;
use crate::support::hostile::{Forger, Hostile};
use crate::support::openssl::{key, version_1};
use crate::support::server::{Builder, Init, Server, is_active, is_sealed};
use crate::support::{PATIENCE, poll};
use rustls::version::{TLS12, TLS13};

const NAMES: &[&str] = &["localhost", "127.0.0.1"];
const NOT_PROVEN: &str = "does not prove that it holds the key of its certificate";
const REFUSED: &str = "the server's key is not one of pin_sha256: it is ";

/// A server with this certificate, sealed.
fn sealed(authority: &Authority, certificate: &Issued) -> (Server, Init) {
    let server = Builder::new().certificate(certificate.clone(), authority).start();
    let init = server.init(1, 1);
    (server, init)
}

/// A daemon that trusts the server's authority, and of that these keys alone.
fn home(server: &Server, init: &Init, pins: &[String]) -> Home {
    let home = Home::new();
    home.shares(&init.json);
    pin(&home, server, pins);
    home
}

fn pin(home: &Home, server: &Server, pins: &[String]) {
    let tls = format!("tls = {{ ca_file = \"{}\", pin_sha256 = {pins:?} }}", server.ca_file().display());
    home.configure(&[&server.url()], &tls);
}

#[test]
fn a_pinned_key_goes_on_over_renewals_and_another_of_the_same_authority_gets_nothing() {
    let authority = Authority::new("Private CA");
    let first = authority.issue(NAMES, Validity::Now);
    let (mut server, init) = sealed(&authority, &first);
    let home = home(&server, &init, &[first.pin()]);
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");

    // Another certificate, the same key.
    server.present(&authority.renew(&first, NAMES));
    server.kill();
    server.start();
    daemon.wait_for_line(": unsealed (active)");
    server.wait_until(is_active);

    // The same authority, the right name, another key.
    let second = authority.issue(NAMES, Validity::Now);
    server.present(&second);
    server.kill();
    server.start();
    let line = daemon.wait_for_line(REFUSED).text;
    assert!(line.contains(&second.pin()), "{line}");
    assert!(line.contains("compute the pin on the server itself"), "{line}");
    assert!(line.contains("somebody else answers at this address"), "{line}");
    server.wait_until(is_sealed);

    // What is read in the message is what mends it.
    pin(&home, &server, &[first.pin(), second.pin()]);
    daemon.hangup();
    daemon.wait_for_line(": unsealed (active)");
    server.wait_until(is_active);
}

#[test]
fn a_key_that_is_not_pinned_is_asked_nothing_and_is_a_problem() {
    let authority = Authority::new("Private CA");
    let certificate = authority.issue(NAMES, Validity::Now);
    let (server, init) = sealed(&authority, &certificate);
    let another = authority.issue(NAMES, Validity::Now);
    let home = home(&server, &init, &[another.pin()]);
    let mut daemon = home.run();
    let line = daemon.wait_for_line(REFUSED).text;
    assert!(line.contains(&certificate.pin()), "{line}");

    let check = home.command(&["check"]).output().unwrap();
    let text = String::from_utf8(check.stdout).unwrap();
    assert_eq!(check.status.code(), Some(4), "{text}");
    assert!(text.contains(&certificate.pin()), "{text}");
    assert_eq!(server.seal_status()["progress"], 0);
    assert!(is_sealed(&server.health()));

    // The hash of the certificate is a slip that has its own words.
    pin(&home, &server, &[certificate.fingerprint()]);
    let check = home.command(&["check", "--json"]).output().unwrap();
    let text = String::from_utf8(check.stdout).unwrap();
    assert!(text.contains("\"kind\":\"pin-mismatch\""), "{text}");
    assert!(text.contains("the hash of the server's whole certificate"), "{text}");
    daemon.terminate();
}

#[test]
fn without_an_authority_the_key_alone_says_who_the_server_is() {
    let authority = Authority::new("Private CA");
    let certificate = authority.issue(NAMES, Validity::Now);
    let (mut server, init) = sealed(&authority, &certificate);
    // For another name, long expired, and signed by itself.
    let odd = self_signed(&["vault.example"], Validity::Expired);
    server.present(&odd);
    let home = Home::new();
    home.shares(&init.json);
    let tls = |pin: &str| format!("tls = {{ skip_verify = true, pin_sha256 = [\"{pin}\"] }}");
    home.configure(&[&server.url()], &tls(&certificate.pin()));
    let mut daemon = home.run();
    daemon.wait_for_line(&format!("{REFUSED}{}", odd.pin()));

    home.configure(&[&server.url()], &tls(&odd.pin()));
    daemon.hangup();
    daemon.wait_for_line(": unsealed (active)");
    assert!(!daemon.output().contains("whoever answers"), "{}", daemon.output());

    let status = home.command(&["status", "--json"]).output().unwrap();
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(text.contains("\"state\":\"unsealed\"") && text.contains("\"tls_verified\":true"), "{text}");
    let status = home.command(&["status"]).output().unwrap();
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(!text.contains("not verified"), "{text}");
}

#[test]
fn a_certificate_of_version_1_is_known_by_its_key_and_who_has_only_the_certificate_gets_nothing() {
    let authority = Authority::new("Private CA");
    for kind in ["2048", "P-256"] {
        let (mut server, init) = sealed(&authority, &authority.issue(NAMES, Validity::Now));
        let old = version_1(&key(kind));
        server.present(&old);
        server.kill();
        server.launch();
        let home = Home::new();
        home.shares(&init.json);
        let tls = format!("tls = {{ skip_verify = true, pin_sha256 = [\"{}\"] }}", old.pin());
        let between = [&TLS12, &TLS13]
            .map(|version| Hostile::forged(&old, version, Forger::with_key(&rcgen::PKCS_ECDSA_P256_SHA256)));
        let urls = [between[0].url(), between[1].url(), server.url()];
        home.configure(&[&urls[0], &urls[1], &urls[2]], &tls);
        let mut daemon = home.run();
        daemon.wait_for_line(": unsealed (active)");
        for (one, url) in between.iter().zip(&urls) {
            let told = |line: &str| line.contains(url.as_str()) && line.contains(NOT_PROVEN);
            let told = poll(PATIENCE, || daemon.output().lines().any(told).then_some(()));
            assert!(told.is_some(), "{}", daemon.output());
            assert!(one.requests().is_empty(), "{kind}");
        }
        daemon.terminate();
    }
}
