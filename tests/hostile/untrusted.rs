//! What is said of a certificate that is not believed: who issued it, whom the configuration trusts, and what to do.

use crate::support::certs::{Authority, Issued, Validity, self_signed};
use crate::support::home::Home;
use crate::support::hostile::{Behaviour, HEALTH, Hostile};
use crate::{health, status, status_of};

const HOST: &[&str] = &["127.0.0.1"];

/// Message and advice of `kind` for a server with this certificate, where `trusted` is in the file `other.crt` that `flags`
/// may name.
fn said(certificate: &Issued, kind: &str, trusted: &str, flags: &[&str]) -> (String, String) {
    let home = Home::new();
    let file = home.put("other.crt", trusted);
    let server = Hostile::tls(certificate);
    server.on(HEALTH, [Behaviour::json(200, &health(false))]);
    let flags: Vec<&str> =
        flags.iter().map(|flag| if *flag == "FILE" { file.to_str().unwrap() } else { flag }).collect();
    let problem = status_of(&mut status(&server.url(), &flags))["problem"].clone();
    assert_eq!(problem["kind"], kind, "{problem}");
    let word = |member: &str| problem[member].as_str().unwrap().replace(file.to_str().unwrap(), "FILE");
    (word("message"), word("advice"))
}

#[test]
fn issuer_and_what_is_trusted_are_both_named() {
    let home = Authority::new("Home CA");
    let others = Authority::new("Other CA").pem();
    let own = home.issue(HOST, Validity::Now);
    let itself = self_signed(HOST, Validity::Now);
    let below = home.intermediate("Issuing CA").issue(HOST, Validity::Now);
    let many = others.clone() + &others + &others + &others;
    for (certificate, trusted, why) in [
        (&own, &others, "it was issued by \"Home CA\"; FILE (ca_file) holds \"Other CA\""),
        (
            &own,
            &Authority::new("Home CA").pem(),
            "it was issued by \"Home CA\"; FILE (ca_file) holds \"Home CA\", another CA of the same name",
        ),
        (
            &own,
            &own.chain_pem,
            "it was issued by \"Home CA\"; FILE (ca_file) holds \"127.0.0.1\": the server's certificate itself is named, \
             and not its CA",
        ),
        (
            &below,
            &many,
            "it was issued by \"Issuing CA\", below \"Home CA\"; FILE (ca_file) holds \"Other CA\", \"Other CA\", \
             \"Other CA\" and 1 more",
        ),
        (&itself, &others, "it is self-signed; FILE (ca_file) holds \"Other CA\""),
    ] {
        let (message, advice) = said(certificate, "certificate-unknown-ca", trusted, &["--ca-file", "FILE"]);
        let told = format!("the server's certificate is not signed by a CA that is trusted here: {why}");
        assert_eq!(message, told);
        assert!(advice.contains("or put that into FILE"), "{advice}");
        assert_eq!(
            advice.contains("the server's certificate itself, as a PEM file"),
            why.contains("self-signed")
        );
        assert!(!advice.contains("pin_sha256"), "{advice}");
    }
}

#[test]
fn where_no_ca_is_named_the_machine_s_are_told_and_a_pin_is_kept() {
    let own = Authority::new("Home CA").issue(HOST, Validity::Now);
    let (message, advice) = said(&own, "certificate-unknown-ca", "", &[]);
    let why =
        ": it was issued by \"Home CA\"; no CA is named in `tls`, so that this machine's are trusted, in /";
    assert!(message.contains(why), "{message}");
    assert!(advice.starts_with("Write `tls = { ca_file = "), "{advice}");
    let (_, advice) = said(&own, "certificate-unknown-ca", "", &["--pin-sha256", &own.pin()]);
    assert!(advice.starts_with("Add `ca_file = "), "{advice}");
    assert!(advice.ends_with("A pin does not replace the CA: `pin_sha256` stays beside it."), "{advice}");
}

#[test]
fn advice_is_about_the_key_that_names_the_authorities() {
    let own = Authority::new("Home CA").issue(HOST, Validity::Now);
    let home = Home::new();
    std::fs::create_dir(home.path("vault-unseal.service")).unwrap();
    let pem = home.put("vault-unseal.service/ca", &Authority::new("Other CA").pem());
    let server = Hostile::tls(&own);
    for (tls, told) in [
        (
            "ca_dir = \"vault-unseal.service\"",
            format!("Put the PEM file of that CA into {}.", pem.parent().unwrap().display()),
        ),
        ("ca_credential = \"ca\"", "Let the credential \"ca\" be the PEM file of that CA: ".to_owned()),
    ] {
        home.configure(&[&server.url()], &format!("tls = {{ {tls} }}"));
        let mut command = home.command(&["status", "--json"]);
        command.env("CREDENTIALS_DIRECTORY", home.path("vault-unseal.service"));
        let advice = status_of(&mut command)["problem"]["advice"].as_str().unwrap().to_owned();
        assert!(advice.starts_with(&told), "{advice}");
    }
}

#[test]
fn certificate_without_names_is_made_anew() {
    let nameless = self_signed(&[], Validity::Now);
    for flags in [&["--ca-file", "FILE"][..], &["--ca-file", "FILE", "--server-name", "127.0.0.1"]] {
        let (message, advice) = said(&nameless, "certificate-wrong-name", &nameless.chain_pem, flags);
        assert!(message.contains("no subjectAltName"), "{message}");
        assert!(advice.contains("`-addext subjectAltName=IP:127.0.0.1`"), "{advice}");
        assert!(!advice.contains("server_name"), "{advice}");
    }
}

/// Whoever a connection was led to has a certificate for a name of his own, from a CA that signs for everybody: only one's
/// own CAs, which are few, make that name worth asking for.
#[test]
fn name_in_the_certificate_of_anybody_is_not_suggested() {
    let ours = Authority::new("Home CA");
    let certificate = ours.issue(&["evil.example"], Validity::Now);
    let flags = ["--ca-file", "FILE"];
    let (_, advice) = said(&certificate, "certificate-wrong-name", &ours.pem(), &flags);
    assert!(
        advice.contains("If it is your server") && advice.contains("server_name = \"evil.example\""),
        "{advice}"
    );
    let bundle =
        (0..5).map(|number| Authority::new(&format!("Public CA {number}")).pem()).collect::<String>();
    let (_, advice) = said(&certificate, "certificate-wrong-name", &(bundle + &ours.pem()), &flags);
    assert!(!advice.contains("evil.example"), "{advice}");
}
