//! Who says which servers are believed: the files of TLS.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;

use crate::support::certs::{Authority, Validity};
use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::output::text;
use crate::support::process::run;
use crate::support::server::{Builder, is_active};
use crate::{findings, is_root, mode};

/// Nothing but that no server is there.
const FINE: [&str; 2] = ["connection-refused", "threshold-unknown"];

/// A home whose server does not matter: the files are looked at first.
fn home(tls: &str) -> Home {
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    home.configure(&["https://127.0.0.1:1"], &format!("tls = {{ {tls} }}"));
    home
}

fn kinds(home: &Home) -> Vec<String> {
    findings(&mut home.command(&["check"]))
}

#[test]
fn authority_that_others_can_write_is_refused_at_start() {
    let home = home("ca_file = \"ca.crt\"");
    let ca = home.put("ca.crt", &Authority::new("CA").pem());
    for readable in [0o600, 0o644, 0o444] {
        mode(&ca, readable);
        assert_eq!(kinds(&home), FINE, "{readable:o}");
    }
    mode(&ca, 0o666);
    assert_eq!(kinds(&home), ["file-world-writable"]);
    let mut daemon = home.run();
    let status = daemon.exit_status(crate::support::PATIENCE);
    assert_eq!(status.code(), Some(78), "{}", daemon.output());
    assert!(daemon.output().contains(&format!("chmod go-w {}", ca.display())), "{}", daemon.output());
}

#[test]
fn authority_that_others_can_write_is_not_reloaded() {
    let old = Authority::new("Private CA");
    let mut server = Builder::new().tls(&old).start();
    let init = server.init(1, 1);
    let home = Home::new();
    home.shares(&init.json);
    home.put("ca.crt", &old.pem());
    home.configure(&[&server.url()], "tls = { ca_file = \"ca.crt\" }");
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");

    // Whoever can write the file brings a server of their own.
    let theirs = Authority::new("Their CA");
    server.move_to(&theirs);
    server.kill();
    mode(&home.path("ca.crt"), 0o666);
    fs::write(home.path("ca.crt"), theirs.pem()).unwrap();
    server.start();
    daemon.wait_for_line("not signed by a CA that is trusted here");
    daemon.wait_for_line("certificates changed on disk, but");
    let said = daemon.output();
    assert!(said.contains("everybody may write it") && said.contains("the old ones stay"), "{said}");
    assert!(server.seal_status()["sealed"].as_bool().unwrap(), "no share went there");

    // Mended, and looked at again.
    mode(&home.path("ca.crt"), 0o644);
    daemon.wait_for_line("certificates changed on disk: new connections use them");
    server.wait_until(is_active);
    assert_eq!(daemon.output().matches("the old ones stay").count(), 1, "said once: {}", daemon.output());
}

#[test]
fn one_bad_file_refuses_the_whole_directory() {
    let home = home("ca_dir = \"cas\"");
    fs::create_dir(home.path("cas")).unwrap();
    mode(&home.path("cas"), 0o755);
    let authority = Authority::new("CA").pem();
    home.put("cas/a.crt", &authority);
    home.put("cas/.hidden", "no certificate");
    fs::create_dir(home.path("cas/private")).unwrap();
    assert_eq!(kinds(&home), FINE);
    let bad = home.put("cas/b.crt", &authority);
    mode(&bad, 0o646);
    assert_eq!(kinds(&home), ["file-world-writable"]);
    mode(&bad, 0o644);
    assert_eq!(kinds(&home), FINE);
    fs::write(&bad, "no certificate").unwrap();
    assert_eq!(kinds(&home), ["tls-file-empty"]);
    fs::remove_file(&bad).unwrap();
    mode(&home.path("cas"), 0o1777);
    assert_eq!(kinds(&home), ["directory-mode"], "anybody could add one");
}

#[test]
fn client_key_is_read_by_its_group_and_by_nobody_else() {
    let home = home("ca_file = \"ca.crt\", client_cert = \"client.crt\", client_key = \"client.key\"");
    let authority = Authority::new("CA");
    home.put("ca.crt", &authority.pem());
    authority.issue_client("the daemon", Validity::Now).write(home.directory(), "client");
    let key = home.path("client.key");
    if is_root() {
        chown(&key, Some(0), Some(4321)).unwrap();
    }
    mode(&key, 0o640);
    assert_eq!(kinds(&home), FINE);
    mode(&key, 0o644);
    assert_eq!(kinds(&home), ["file-mode"]);
    mode(&key, 0o600);
    mode(&home.path("client.crt"), 0o666);
    assert_eq!(kinds(&home), ["file-world-writable"]);
}

#[test]
fn authorities_of_the_environment_are_judged_as_others_are() {
    let home = home("");
    let bundle = home.put("bundle.pem", &Authority::new("CA").pem());
    let kinds = |name: &str, value| findings(home.command(&["check"]).env(name, home.path(value)));
    assert_eq!(kinds("SSL_CERT_FILE", "bundle.pem"), FINE);
    mode(&bundle, 0o666);
    assert_eq!(kinds("SSL_CERT_FILE", "bundle.pem"), ["file-world-writable"]);
    mode(&bundle, 0o644);
    fs::create_dir(home.path("hashed")).unwrap();
    let hashed = home.put("hashed/0123abcd.0", &Authority::new("CA").pem());
    assert_eq!(kinds("SSL_CERT_DIR", "hashed"), FINE);
    mode(&hashed, 0o666);
    assert_eq!(kinds("SSL_CERT_DIR", "hashed"), ["file-world-writable"]);
}

#[test]
fn closed_directory_and_not_the_authority_in_it_is_to_be_opened() {
    if !is_root() {
        return;
    }
    let home = home("ca_file = \"closed/ca.crt\"");
    fs::create_dir(home.path("closed")).unwrap();
    home.put("closed/ca.crt", &Authority::new("CA").pem());
    for (path, bits) in [("", 0o755), ("config.toml", 0o644), ("closed", 0o700), ("closed/ca.crt", 0o644)] {
        mode(&home.path(path), bits);
    }
    let status = || text(&run(home.command(&["status"]).uid(4242).gid(4242)));
    let said = status();
    let closed = home.path("closed").display().to_string();
    assert!(said.contains(&format!("uid 4242: it may not enter the directory {closed}")), "{said}");
    // To open a directory that somebody closed comes last.
    let last = format!(
        "Use another directory, let systemd read what is in it (LoadCredential=), or let others into this one (chmod o+x {closed})."
    );
    assert!(said.contains(&last) && !said.contains("chown"), "{said}");
    mode(&home.path("closed"), 0o701);
    mode(&home.path("closed/ca.crt"), 0o600);
    assert!(status().contains(&format!("chmod o+r {closed}/ca.crt")), "{}", status());
    mode(&home.path("closed/ca.crt"), 0o644);
    assert!(status().contains("connection refused"), "{}", status());
    // A directory of them is listed, too.
    home.configure(&["https://127.0.0.1:1"], "tls = { ca_dir = \"closed\" }");
    mode(&home.path("config.toml"), 0o644);
    let said = status();
    assert!(said.contains(&format!("(chmod o+rx {closed})")), "{said}");
    mode(&home.path("closed"), 0o705);
    assert!(status().contains("connection refused"), "{}", status());
}

#[test]
fn files_of_a_server_user_serve_as_they_are() {
    if !is_root() {
        return;
    }
    // As on the Pi cluster: everything is vault's, directories 0750, files 0600.
    let home = home("ca_file = \"vault/tls/vault-ca.crt\"");
    fs::create_dir_all(home.path("vault/tls")).unwrap();
    home.put("vault/tls/vault-ca.crt", &Authority::new("CA").pem());
    home.put("vault/unseal.json", &lines(&shares_of_nobody(1, 1)));
    for (name, bits) in [
        ("vault", 0o750),
        ("vault/tls", 0o750),
        ("vault/unseal.json", 0o600),
        ("vault/tls/vault-ca.crt", 0o644),
    ] {
        chown(home.path(name), Some(4321), Some(4321)).unwrap();
        mode(&home.path(name), bits);
    }
    let cluster = "\n[[cluster]]\nnodes = [\"https://127.0.0.1:1\"]\nshares = { file = \"vault/unseal.json\" }\n\
                   tls = { ca_file = \"vault/tls/vault-ca.crt\" }\n";
    home.put("config.toml", &format!("server_users = [\"4321\"]\n{cluster}"));
    assert_eq!(kinds(&home), FINE);
    home.put("config.toml", cluster);
    assert!(kinds(&home).contains(&"directory-owner".to_owned()), "{:?}", kinds(&home));
}
