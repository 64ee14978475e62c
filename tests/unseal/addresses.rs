//! Addresses that do not go together: encrypted and not, one server twice, one name twice.

use std::process::Output;
use std::time::Duration;

use crate::support::certs::Authority;
use crate::support::home::{Home, cluster, trusting};
use crate::support::hostile::{Hostile, UNSEAL};
use crate::support::process::run;
use crate::support::server::{Builder, Server, is_active};

/// Another machine, as far as its address tells: this one, where a system connects whoever asks for no address.
fn afar(server: &Hostile) -> String {
    format!("http://0.0.0.0:{}", server.address().port())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// `check` and `run` refuse the configuration with this kind and these words.
fn refused(home: &Home, kind: &str, words: &str) {
    let checked = run(&mut home.command(&["check", "--json"]));
    assert_eq!(checked.status.code(), Some(78), "{}", text(&checked));
    assert!(text(&checked).contains(&format!("\"kind\":\"{kind}\"")), "{}", text(&checked));
    let mut daemon = home.run();
    let line = daemon.wait_for_line(words).text;
    assert!(line.contains("config.toml:"), "{line}");
    assert_eq!(daemon.exit_status(Duration::from_secs(10)).code(), Some(78));
}

#[test]
fn beside_encrypted_addresses_no_share_goes_to_a_plain_one_unless_it_is_allowed() {
    let encrypted = Builder::new().tls(&Authority::new("Private CA")).start();
    let init = encrypted.init(1, 1);
    let (plain, behind) = (Hostile::http(), Server::start_plain());
    behind.init(1, 1);
    plain.forward(behind.address());
    let home = Home::new();
    home.shares(&init.json);
    let trust = trusting(&encrypted.ca_file());
    let both = [encrypted.url(), afar(&plain)];
    let both: Vec<&str> = both.iter().map(String::as_str).collect();
    home.configure(&both, &trust);
    refused(&home, "config-plaintext", "would send key shares unencrypted to another machine");

    // A reload brings it in no more than a start.
    home.configure(&[&encrypted.url()], &trust);
    let mut daemon = home.run();
    encrypted.wait_until(is_active);
    home.configure(&both, &trust);
    daemon.hangup();
    daemon.wait_for_line("the new configuration is not used");
    encrypted.seal(&init.root_token);
    encrypted.wait_until(is_active);
    assert_eq!(plain.connections(), 0);

    home.configure(&both, &format!("allow_plaintext = true\n{trust}"));
    daemon.hangup();
    daemon.wait_for_line("is sent key shares unencrypted");
    daemon.wait_for_line("has both http and https addresses");
    plain.wait_for(UNSEAL, 1);
    let checked = text(&run(&mut home.command(&["check", "--json"])));
    for kind in ["config-plaintext", "config-mixed-schemes"] {
        assert!(checked.contains(&format!("\"kind\":\"{kind}\"")), "{checked}");
    }
}

#[test]
fn one_server_twice_and_one_name_twice_are_refused() {
    let server = Hostile::http();
    let home = Home::new();
    home.shares("");
    home.configure(&[&server.url(), &format!("{}/", server.url().to_uppercase())], "");
    refused(&home, "config-same-node", "is configured twice, first at");

    let named = |name: &str, url: &str| cluster(&[url], &format!("name = \"{name}\""));
    home.config(&(named("a", &server.url()) + &named("b", &server.url())));
    refused(&home, "config-same-node", "is configured twice, first at");

    home.config(&(named("a", &server.url()) + &named("a", "http://127.0.0.1:1")));
    refused(&home, "config-cluster-name", "two clusters of this file are named \"a\"");

    home.config(&(cluster(&[&server.url()], "") + &named("a", "http://127.0.0.1:1")));
    refused(&home, "config-cluster-name", "this cluster has no name, and there are several");
    assert_eq!(server.connections(), 0);
}

#[test]
fn pins_leave_no_room_for_a_plain_address() {
    let (encrypted, plain) = (Hostile::http(), Hostile::http());
    let home = Home::new();
    home.shares("");
    let pin = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    home.configure(
        &[&encrypted.url().replace("http:", "https:"), &plain.url()],
        &format!("tls = {{ pin_sha256 = [\"{pin}\"] }}"),
    );
    refused(&home, "config-pin-without-tls", "is sent key shares without TLS");
    assert_eq!(plain.connections(), 0);
}
