//! What `check` says about the machine it runs on: its units, its credentials, and what the service cannot read.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;

use serde_json::json;
use vault_unseal::cli::Exit;

use crate::files::{CONFIG, Files, OLD, OLD_SCRIPT, SHARES, chmod, configuration, shut};
use crate::support::home::{lines, shares_of_nobody};
use crate::{Normal, is_as_in};

#[test]
fn units_that_are_no_problem_and_units_that_are() {
    let server = shut();
    let files = Files::new();
    files.put(CONFIG, &configuration(&server, "shares = { credential = \"shares\" }"), 0o644);
    files.put(SHARES, &lines(&shares_of_nobody(5, 3)), 0o600);
    let url = server.url();
    let normal = Normal::default().servers([url.as_str()]);
    let said = || normal.text(&files.said(true));
    let good = said();
    is_as_in("machine-good.txt", &good);

    // What systemctl edit --full makes.
    files.put(OLD, &include_str!("../../systemd/vault-unseal.service").replace("20s", "60s"), 0o644);
    assert_eq!(said(), good, "a changed copy of ours");
    fs::remove_file(files.at(OLD)).unwrap();

    // Scripts of others, in a unit of their own and as a hook of the server.
    files.put("/usr/local/bin/unseal", OLD_SCRIPT, 0o755);
    files.put(
        "/etc/systemd/system/unseal-vault.service",
        "[Service]\nExecStart=/usr/local/bin/unseal\n",
        0o644,
    );
    assert_eq!(said(), good, "a unit that nothing starts");
    fs::create_dir(files.at("/etc/systemd/system/multi-user.target.wants")).unwrap();
    symlink(
        "../unseal-vault.service",
        files.at("/etc/systemd/system/multi-user.target.wants/unseal-vault.service"),
    )
    .unwrap();
    files.put("/usr/lib/systemd/system/openbao.service", "[Service]\nExecStart=/usr/bin/bao server\n", 0o644);
    files.put(
        "/etc/systemd/system/openbao.service.d/unseal.conf",
        "[Service]\nExecStartPost=-/bin/bash /usr/local/bin/unseal\n",
        0o644,
    );
    files.put("/etc/systemd/system/backup.service", "[Service]\nExecStart=/bin/true\n", 0o644);
    let rivals = said();

    symlink("/dev/null", files.at(OLD)).unwrap();
    is_as_in("machine-units.txt", &(rivals + "\n" + &said()));
}

#[test]
fn what_the_service_cannot_read_although_root_can() {
    let server = shut();
    let files = Files::new();
    let tls = "tls = { ca_file = \"/etc/vault/tls/ca.crt\", client_cert = \"/home/pi/client.crt\", client_key = \
               \"/etc/ssl/private/client.key\" }";
    files.put("/etc/vault/tls/ca.crt", "", 0o644);
    chmod(&files.at("/etc/vault/tls"), 0o700);
    files.put("/home/pi/client.crt", "", 0o644);
    files.put("/etc/ssl/private/client.key", "", 0o640);
    files.put(SHARES, &lines(&shares_of_nobody(5, 3)), 0o600);
    let more = format!("shares = {{ file = \"{}\" }}\n{tls}", files.at(SHARES).display());
    files.put(CONFIG, &configuration(&server, &more), 0o600);
    files.put("/etc/vault-unseal/config.d/10-pace.toml", "poll_interval = \"2s\"\n", 0o640);
    let url = server.url();
    let normal = Normal::default().servers([url.as_str()]);
    is_as_in("machine-unreadable.txt", &normal.text(&files.said(true)));
    assert!(
        !files.said(false).contains("a user of its own, cannot read"),
        "who is not root finds out by himself"
    );

    // A group may read the key once a drop-in gives it to the service.
    let group = fs::metadata(files.at("/etc/ssl/private/client.key")).unwrap().gid();
    files.put("/etc/group", &format!("ssl-cert:x:{group}:\n"), 0o644);
    assert!(files.said(true).contains("cannot read /etc/ssl/private/client.key"));
    files.put(
        "/etc/systemd/system/vault-unseal.service.d/key.conf",
        include_str!("../../systemd/examples/client-key.conf"),
        0o644,
    );
    assert!(!files.said(true).contains("cannot read /etc/ssl/private/client.key"), "{}", files.said(true));
}

/// Root, who checks, is given shares at any socket.
#[test]
fn socket_that_the_service_may_not_connect_to() {
    let server = shut();
    let files = Files::new();
    let socket = files.at("/run/shares.sock");
    fs::create_dir_all(files.at("/run")).unwrap();
    // Nobody listens: nobody is waited for.
    drop(UnixListener::bind(&socket).unwrap());
    chmod(&socket, 0o660);
    files.put(
        CONFIG,
        &configuration(&server, &format!("shares = {{ socket = {:?} }}", socket.to_str().unwrap())),
        0o644,
    );
    let said = || {
        files.said(true).contains("a user of its own, cannot connect to /run/shares.sock: its mode is 0660")
    };
    assert!(said(), "{}", files.said(true));
    let group = fs::metadata(&socket).unwrap().gid();
    files.put("/etc/group", &format!("vault-unseal-shares:x:{group}:\n"), 0o644);
    let drop_in = include_str!("../../systemd/examples/shares-socket.conf");
    files.put("/etc/systemd/system/vault-unseal.service.d/shares-socket.conf", drop_in, 0o644);
    assert!(!said(), "{}", files.said(true));
    // What was opened by hand before lies beside it.
    files.put("/etc/vault-unseal/shares.json", &lines(&shares_of_nobody(5, 3)), 0o600);
    let left = "/etc/vault-unseal/shares.json holds 5 shares as they are, beside sealed ones";
    assert!(files.said(true).contains(left), "{}", files.said(true));
    // Who connects writes.
    chmod(&socket, 0o640);
    assert!(files.said(true).contains("its mode is 0640"), "{}", files.said(true));
}

#[test]
fn where_a_credential_comes_from() {
    let server = shut();
    let files = Files::new();
    files.put(CONFIG, &configuration(&server, "shares = { credential = \"shares\" }"), 0o644);
    let drop_in = |text: &str| {
        files.put(
            "/etc/systemd/system/vault-unseal.service.d/shares.conf",
            &format!("[Service]\n{text}\n"),
            0o644,
        );
    };
    let url = server.url();
    let normal = Normal::default().servers([url.as_str()]);
    let mut text = String::new();
    let mut look = |title: &str, as_root| {
        let said = normal.text(&files.said(as_root));
        text = text.clone() + "# " + title + "\n";
        text.extend(
            said.lines().filter(|line| !line.contains("configuration  ")).map(|line| line.to_owned() + "\n"),
        );
    };
    look("no file", true);
    files.put(SHARES, &json!({ "keys": shares_of_nobody(5, 3), "root_token": "s.x" }).to_string(), 0o644);
    look("a file that everybody can read, with a root token", true);
    chmod(&files.at(SHARES), 0o600);
    look("not root", false);
    files.put(SHARES, "not a share\n", 0o600);
    look("no share in it", true);
    drop_in("LoadCredential=shares:/etc/vault/unseal.json");
    files.put("/etc/vault/unseal.json", &json!({ "keys": shares_of_nobody(3, 3) }).to_string(), 0o600);
    look("elsewhere", true);
    drop_in("LoadCredentialEncrypted=shares:/etc/vault-unseal/shares.cred");
    look("an encrypted file that is not there", true);
    files.put("/etc/vault-unseal/shares.cred", "", 0o600);
    look("encrypted", true);
    drop_in("LoadCredential=\nSetCredential=");
    look("nothing gives it", true);
    is_as_in("machine-credential.txt", &text);
    assert_eq!(files.check(true).exit(), Exit::Problems);
}

#[test]
fn older_copy_of_credential_is_found_until_service_restarts() {
    let server = shut();
    let files = Files::new();
    files.put(CONFIG, &configuration(&server, "shares = { credential = \"shares\" }"), 0o644);
    let shares = shares_of_nobody(3, 3);
    files.put(SHARES, &lines(&shares), 0o600);
    let outdated = || files.said(true).contains("the running service still uses an older copy");
    assert!(!outdated(), "it does not run");
    let copy = "/run/credentials/vault-unseal.service/shares";
    files.put(copy, &json!({ "keys": shares }).to_string(), 0o400);
    assert!(!outdated(), "the same shares in another form");
    files.put(copy, &lines(&shares_of_nobody(3, 2)), 0o400);
    assert!(outdated());
    assert!(files.said(true).contains("systemctl restart vault-unseal"));
    // What stands in for a file that was not there when the service started.
    files.put(copy, "\n", 0o400);
    assert!(outdated());
    assert!(!files.said(false).contains("an older copy"), "only root can look");
}
