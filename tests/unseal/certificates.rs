//! Certificates that are renewed on disk while the daemon runs.

use crate::support::certs::{Authority, Validity};
use crate::support::home::{Home, lines};
use crate::support::process::{Daemon, run};
use crate::support::server::{Builder, Init, Server, is_active};

#[test]
fn an_authority_that_is_replaced_on_disk_is_believed_without_a_restart() {
    let old = Authority::new("Private CA");
    let mut server = Builder::new().tls(&old).start();
    let init = server.init(1, 1);
    let home = Home::new();
    home.shares(&init.json);
    home.put("ca.crt", &old.pem());
    home.configure(&[&server.url()], "tls = { ca_file = \"ca.crt\" }");
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");

    let new = Authority::new("Private CA of next year");
    server.move_to(&new);
    server.kill();
    server.start();
    daemon.wait_for_line(
        "not signed by a CA that is trusted here: it was issued by \"Private CA of next year\"",
    );
    home.put("ca.crt", &new.pem());
    server.wait_until(is_active);
    daemon.wait_for_line("certificates changed on disk: new connections use them");
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn authority_in_a_credential_is_believed_and_a_missing_one_refused() {
    let authority = Authority::new("Private CA");
    let server = Builder::new().tls(&authority).start();
    let init = server.init(1, 1);
    let home = Home::of(&server, &init.json);
    home.configure(&[&server.url()], "tls = { ca_credential = \"ca\" }");
    let directory = "vault-unseal.service";
    std::fs::create_dir(home.path(directory)).unwrap();
    let mut without = home.command(&["run"]);
    let output = run(without.env("CREDENTIALS_DIRECTORY", home.path(directory)));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("systemctl edit vault-unseal, [Service], LoadCredential=ca:"), "{said}");

    // What stands in for a file that is not there.
    home.put(&format!("{directory}/ca"), "\n");
    let output = run(without.env("CREDENTIALS_DIRECTORY", home.path(directory)));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("vault-unseal.service/ca: the file is empty"), "{said}");
    assert!(said.contains("The file behind this credential is missing or empty."), "{said}");

    home.put(&format!("{directory}/ca"), &authority.pem());
    let mut command = home.command(&["run"]);
    let mut daemon = Daemon::start(command.env("CREDENTIALS_DIRECTORY", home.path(directory)));
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn a_client_certificate_that_is_renewed_on_disk_is_shown_without_a_restart() {
    let (authority, clients) = (Authority::new("Private CA"), Authority::new("Client CA"));
    let server = Builder::new().tls(&authority).require_client_certificate(&clients).start();
    let init = server.init(1, 1);
    let home = Home::new();
    home.shares(&init.json);
    clients.issue_client("the daemon", Validity::Expired).write(home.directory(), "client");
    let tls = format!(
        "tls = {{ ca_file = \"{}\", client_cert = \"client.crt\", client_key = \"client.key\" }}",
        server.ca_file().display()
    );
    home.configure(&[&server.url()], &tls);
    let mut daemon = home.run();
    daemon.wait_for_line("the server does not accept our client certificate");
    clients.issue_client("the daemon", Validity::Now).write(home.directory(), "client");
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn a_server_certificate_that_is_renewed_again_and_again_is_believed_without_a_word() {
    let authority = Authority::new("Private CA");
    let mut server = Builder::new().tls(&authority).start();
    let init = server.init(5, 2);
    let home = Home::of(&server, &lines(&init.keys_hex));
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    let names = ["localhost", "127.0.0.1"];
    for _ in 0..2 {
        // As for 72 hours, at the end of the second day.
        server.present(&authority.issue(&names, Validity::Hours(48, 24)));
        server.present(&authority.issue(&names, Validity::Hours(0, 72)));
        server.kill();
        server.start();
        server.wait_until(is_active);
        daemon.wait_for_line(": unsealed (active)");
    }
    assert!(!daemon.output().contains("certificate"), "{}", daemon.output());
}

/// A server that is unsealed, and the home of the daemon with the CA in a file of its own.
fn believed_by_file(authority: &Authority) -> (Server, Init, Home, Daemon) {
    let server = Builder::new().tls(authority).start();
    let init = server.init(5, 2);
    let home = Home::new();
    home.shares(&lines(&init.keys_hex));
    home.put("ca.crt", &authority.pem());
    home.configure(&[&server.url()], "tls = { ca_file = \"ca.crt\" }");
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    (server, init, home, daemon)
}

#[test]
fn an_authority_that_is_renewed_is_believed_beside_the_old_one_for_the_change() {
    let old = Authority::new("Private CA");
    let (mut server, _, home, mut daemon) = believed_by_file(&old);
    let mut restarts = |server: &mut Server| {
        server.kill();
        server.start();
        server.wait_until(is_active);
        daemon.wait_for_line(": unsealed (active)");
    };

    // With its key: what the old certificate vouched for is good, and what it signs now.
    let renewed = old.renewed("Private CA", Validity::Now);
    server.move_to(&renewed);
    restarts(&mut server);
    home.put("ca.crt", &renewed.pem());
    restarts(&mut server);

    // With a key of its own: both, until every server has moved.
    let new = Authority::new("Private CA of next year");
    home.put("ca.crt", &(renewed.pem() + &new.pem()));
    restarts(&mut server);
    server.move_to(&new);
    restarts(&mut server);
    home.put("ca.crt", &new.pem());
    restarts(&mut server);
}

#[test]
fn an_authority_that_is_not_believed_is_told_before_the_server_restarts() {
    let old = Authority::new("Private CA");
    let (mut server, init, home, mut daemon) = believed_by_file(&old);

    let new = Authority::new("Private CA of next year");
    server.move_to(&new);
    let told = daemon.wait_for_line("unsealed, but a new connection to it fails").text;
    assert!(
        told.contains("ERROR ") && told.contains("not signed by a CA that is trusted here: it was issued"),
        "{told}"
    );
    // Sealed and unsealed over the connection that is kept: what was told stays told.
    server.seal_later(&init.root_token);
    daemon.wait_for_line("; it is unsealed again");
    daemon.wait_for_line(": unsealed (active)");
    home.put("ca.crt", &new.pem());
    daemon.wait_for_line("a new connection to it is good again");
    let said = daemon.output();
    assert_eq!(said.matches("a new connection to it fails").count(), 1, "{said}");
    assert!(!said.contains("unreachable"), "the kept connection was disturbed:\n{said}");
}

#[test]
fn a_client_certificate_that_ended_is_told_before_the_server_restarts() {
    let (authority, clients) = (Authority::new("Private CA"), Authority::new("Client CA"));
    let server = Builder::new().tls(&authority).require_client_certificate(&clients).start();
    let init = server.init(5, 2);
    let home = Home::new();
    home.shares(&lines(&init.keys_hex));
    clients.issue_client("the daemon", Validity::Seconds(8)).write(home.directory(), "client");
    let tls = format!(
        "tls = {{ ca_file = \"{}\", client_cert = \"client.crt\", client_key = \"client.key\" }}",
        server.ca_file().display()
    );
    home.configure(&[&server.url()], &tls);
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    daemon.wait_for_line("unsealed, but a new connection to it fails");
    clients.issue_client("the daemon", Validity::Now).write(home.directory(), "client");
    daemon.wait_for_line("a new connection to it is good again");
}
