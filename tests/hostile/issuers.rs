//! The certificates above a server's: when they are valid, and whether they may sign at all.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::certs::KeyUsagePurpose::{CrlSign, DigitalSignature, KeyCertSign};
use crate::support::certs::{Authority, Issued, SIGNS, Validity, self_signed_made};
use crate::support::home::{Home, lines};
use crate::support::hostile::{Behaviour, HEALTH, Hostile};
use crate::support::server::{Builder, is_sealed};
use crate::{health, status, status_of};

const HOST: &[&str] = &["127.0.0.1"];

/// What becomes of a server with this certificate where these authorities are trusted: `Err` is kind and message.
fn verdict(certificate: &Issued, trusted: &[String], flags: &[&str]) -> Result<(), (String, String)> {
    let home = Home::new();
    let ca = home.put("ca.crt", &trusted.concat());
    let server = Hostile::tls(certificate);
    server.on(HEALTH, [Behaviour::json(200, &health(false))]);
    let trust = ["--ca-file", ca.to_str().unwrap()];
    let node = status_of(&mut status(&server.url(), if flags.is_empty() { &trust } else { flags }));
    if node["state"] == "unsealed" {
        return Ok(());
    }
    assert!(server.requests().is_empty(), "nothing is asked of a server that is not believed: {node}");
    let problem = &node["problem"];
    let word = |member: &str| problem[member].as_str().unwrap_or_else(|| panic!("{node}")).to_owned();
    assert!(word("advice").len() > 20, "{node}");
    Err((word("kind"), word("message")))
}

fn refused(certificate: &Issued, trusted: &[String], kind: &str, what: &[&str]) {
    let (found, message) = verdict(certificate, trusted, &[]).expect_err(kind);
    assert_eq!(found, kind, "{message}");
    assert!(what.iter().all(|part| message.contains(part)), "{message}");
}

#[test]
fn expired_anchor_completes_no_path_and_another_does() {
    let old = Authority::made("Private CA", Validity::Expired, SIGNS);
    let own = old.issue(HOST, Validity::Now);
    refused(&own, &[old.pem()], "issuer-expired", &["\"Private CA\", trusted here, ended on 20"]);
    refused(&own, &[Authority::new("Private CA").pem(), old.pem()], "issuer-expired", &["\"Private CA\""]);
    // Its renewal with the same key, in either order.
    let new = old.renewed("Private CA", Validity::Now);
    assert_eq!(verdict(&own, &[old.pem(), new.pem()], &[]), Ok(()));
    assert_eq!(verdict(&own, &[new.pem(), old.pem()], &[]), Ok(()));
    // An issuer that two roots signed, one of which has ended: the server sends what the old one signed.
    let root = Authority::new("New Root");
    let crossed = root.cross_signed("New Root", &old);
    let issuing = crossed.intermediate("Issuing CA").issue(HOST, Validity::Now);
    assert_eq!(verdict(&issuing, &[old.pem(), root.pem()], &[]), Ok(()));
    refused(&issuing, &[old.pem()], "issuer-expired", &["\"Private CA\", trusted here"]);
    // What the server's own certificate lacks comes first.
    refused(&old.issue(HOST, Validity::Expired), &[old.pem()], "certificate-expired", &["has expired on 20"]);
}

#[test]
fn anchor_that_begins_later_completes_no_path() {
    let authority = Authority::made("Private CA", Validity::NotYet, SIGNS);
    let own = authority.issue(HOST, Validity::Now);
    refused(
        &own,
        &[authority.pem()],
        "issuer-not-yet-valid",
        &["\"Private CA\", trusted here, begins on 20"],
    );
}

#[test]
fn intermediate_that_ended_is_told_apart_from_the_server_s_certificate() {
    let root = Authority::new("Root");
    for (validity, kind, what) in [
        (Validity::Expired, "issuer-expired", "\"Issuing CA\", sent by the server, ended on 20"),
        (Validity::NotYet, "issuer-not-yet-valid", "\"Issuing CA\", sent by the server, begins on 20"),
    ] {
        let issuing = root.intermediate_made("Issuing CA", validity, SIGNS);
        refused(&issuing.issue(HOST, Validity::Now), &[root.pem()], kind, &[what]);
    }
}

#[test]
fn issuer_whose_key_is_not_for_signing_is_refused() {
    let root = Authority::new("Root");
    let kind = "issuer-may-not-sign";
    for usages in [&[DigitalSignature][..], &[CrlSign], &[DigitalSignature, CrlSign]] {
        let sent = root.intermediate_made("Issuing CA", Validity::Now, usages);
        let what = ["\"Issuing CA\", sent by the server", "keyCertSign"];
        refused(&sent.issue(HOST, Validity::Now), &[root.pem()], kind, &what);
        let anchor = Authority::made("Private CA", Validity::Now, usages);
        let what = ["\"Private CA\", trusted here", "keyCertSign"];
        refused(&anchor.issue(HOST, Validity::Now), &[anchor.pem()], kind, &what);
    }
    // That one has ended as well is not the reason.
    let anchor = Authority::made("Private CA", Validity::Now, &[CrlSign]);
    let own = anchor.issue(HOST, Validity::Now);
    let ended = anchor.renewed("Private CA", Validity::Expired).pem();
    refused(&own, &[ended, anchor.pem()], kind, &[]);
    // Without keyUsage a key is for everything (RFC 5280, section 4.2.1.3).
    for usages in [&[][..], &[KeyCertSign], SIGNS] {
        let sent = root.intermediate_made("Issuing CA", Validity::Now, usages);
        assert_eq!(verdict(&sent.issue(HOST, Validity::Now), &[root.pem()], &[]), Ok(()), "{usages:?}");
        let anchor = Authority::made("Private CA", Validity::Now, usages);
        assert_eq!(verdict(&anchor.issue(HOST, Validity::Now), &[anchor.pem()], &[]), Ok(()), "{usages:?}");
    }
}

#[test]
fn certificate_named_itself_needs_no_key_for_signing() {
    for authority in [true, false] {
        let own = |names, validity| self_signed_made(names, validity, authority, &[DigitalSignature]);
        let good = own(HOST, Validity::Now);
        assert_eq!(verdict(&good, std::slice::from_ref(&good.chain_pem), &[]), Ok(()), "CA: {authority}");
        let ended = own(HOST, Validity::Expired);
        refused(&ended, std::slice::from_ref(&ended.chain_pem), "certificate-expired", &[]);
        let named = own(&["vault.example"], Validity::Now);
        refused(
            &named,
            std::slice::from_ref(&named.chain_pem),
            "certificate-wrong-name",
            &["it is for vault.example"],
        );
        // And signs for nobody else.
        refused(
            &own(HOST, Validity::Now),
            std::slice::from_ref(&good.chain_pem),
            "certificate-unknown-ca",
            &[],
        );
    }
}

#[test]
fn whose_certificate_is_not_checked_has_no_issuers_either() {
    let old = Authority::made("Private CA", Validity::Expired, &[DigitalSignature]);
    let own = old.intermediate_made("Issuing CA", Validity::Expired, &[CrlSign]).issue(HOST, Validity::Now);
    assert_eq!(verdict(&own, &[], &["--skip-verify"]), Ok(()));
    let pins = self_pinned(&own);
    assert_eq!(pins["state"], "unsealed", "{pins}");
}

/// The look at a server by its pin alone.
fn self_pinned(certificate: &Issued) -> Value {
    let server = Hostile::tls(certificate);
    server.on(HEALTH, [Behaviour::json(200, &health(false))]);
    let home = Home::new();
    home.shares("");
    let tls = format!("tls = {{ skip_verify = true, pin_sha256 = [\"{}\"] }}", certificate.pin());
    home.configure(&[&server.url()], &tls);
    status_of(&mut home.command(&["status", "--json"]))
}

#[test]
fn real_server_whose_issuer_may_not_sign_gets_no_share_until_it_may() {
    let root = Authority::new("Root");
    let names = &["localhost", "127.0.0.1"];
    let bad = root.intermediate_made("Issuing CA", Validity::Now, &[DigitalSignature]);
    let mut server = Builder::new().certificate(bad.issue(names, Validity::Now), &root).start();
    let init = server.init(1, 1);
    let home = Home::of(&server, &lines(&init.keys_base64));
    let mut daemon = home.run();
    daemon.wait_for_line("sent by the server, may not sign it: its keyUsage lacks keyCertSign");
    assert!(is_sealed(&server.health()));
    server.present(&root.intermediate("Issuing CA").issue(names, Validity::Now));
    server.kill();
    server.start();
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn anchor_that_ends_while_the_daemon_runs_vouches_for_no_new_connection() {
    let old = Authority::new("Private CA");
    let names = &["localhost", "127.0.0.1"];
    let mut server = Builder::new().certificate(old.issue(names, Validity::Now), &old).start();
    let init = server.init(1, 1);
    let home = Home::new();
    home.shares(&lines(&init.keys_base64));
    let ends = Instant::now() + Duration::from_secs(9);
    home.put("ca.crt", &old.renewed("Private CA", Validity::Seconds(8)).pem());
    home.configure(&[&server.url()], "tls = { ca_file = \"ca.crt\" }");
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    sleep(ends.saturating_duration_since(Instant::now()));
    server.kill();
    server.start();
    daemon.wait_for_line("no longer vouched for: the CA certificate \"Private CA\", trusted here, ended on");
    assert!(is_sealed(&server.health()));
    home.put("ca.crt", &old.renewed("Private CA", Validity::Now).pem());
    daemon.wait_for_line(": unsealed (active)");
}
