//! What `run` refuses to start with, and what it says then.

use std::os::unix::fs::symlink;

use crate::support::home::{Home, corrupt, lines, shares_of_nobody};
use crate::support::hostile::Hostile;
use crate::{Normal, is_as_in};

/// Makes a home one that is refused.
type Prepare = Box<dyn Fn(&Home, &Hostile)>;

/// Starts the daemon in each of these homes, which must end with 78 and ask the server nothing.
fn refused(snapshot: &str, cases: Vec<(&str, Prepare)>) {
    let mut text = String::new();
    for (name, prepare) in cases {
        let server = Hostile::http();
        let home = Home::of_hostile(&server, &lines(&["ab".repeat(33)]));
        prepare(&home, &server);
        let normal = Normal::default()
            .servers([server.url().as_str()])
            .directory(home.directory(), "/etc/vault-unseal");
        let said = normal.run(&mut home.command(&["run"]));
        assert!(said.starts_with("exit 78\n"), "{name}: {said}");
        assert_eq!(server.connections(), 0, "{name}");
        text = text + "# " + name + "\n" + &said + "\n";
    }
    is_as_in(snapshot, &text);
}

fn with_shares(text: &'static str) -> Prepare {
    Box::new(move |home, _| drop(home.shares(text)))
}

#[test]
fn share_files() {
    refused(
        "refused-shares.txt",
        vec![
            ("missing", Box::new(|home, _| std::fs::remove_file(home.path("shares")).unwrap())),
            ("readable by everybody", Box::new(|home, _| home.chmod("shares", 0o644))),
            (
                "in a directory that everybody can write to",
                Box::new(|home, server| {
                    std::fs::create_dir(home.path("held")).unwrap();
                    home.put("held/shares", &lines(&shares_of_nobody(1, 1)));
                    home.chmod("held", 0o777);
                    home.configure(&[&server.url()], "shares = { file = \"held/shares\" }");
                }),
            ),
            (
                "a symbolic link",
                Box::new(|home, _| {
                    std::fs::rename(home.path("shares"), home.path("real")).unwrap();
                    symlink(home.path("real"), home.path("shares")).unwrap();
                }),
            ),
            ("empty", with_shares("")),
            ("JSON cut off", with_shares("{\"unseal_keys_b64\": [\"AAAA")),
            ("JSON of another type", with_shares("{\"unseal_keys_b64\": 3}")),
            ("JSON of something else", with_shares("{\"status\": \"UP\"}")),
            ("a token", with_shares("s.7sVrhH9tV8WdbV4Z5QfWxYzA\n")),
            ("binary", with_shares("\u{0}\u{1}\u{2}\u{3}")),
            ("too short", with_shares("abcdef\n")),
            (
                "two shares of one number",
                Box::new(|home, _| {
                    let shares = shares_of_nobody(3, 2);
                    home.shares(&lines(&[shares[0].clone(), corrupt(&shares[0])]));
                }),
            ),
            ("oversized", Box::new(|home, _| drop(home.shares(&"# much ado\n".repeat(1 << 20))))),
            (
                "a credential without systemd",
                Box::new(|home, server| {
                    home.configure(&[&server.url()], "shares = { credential = \"held\" }");
                }),
            ),
        ],
    );
}

fn with_config(more: &'static str) -> Prepare {
    Box::new(move |home, server| home.configure(&[&server.url()], more))
}

/// TLS files are read only where TLS is spoken; nothing listens there, and nothing is asked.
fn with_tls(more: &'static str) -> Prepare {
    Box::new(move |home, _| home.configure(&["https://127.0.0.1:1"], more))
}

#[test]
fn configurations() {
    refused(
        "refused-configurations.txt",
        vec![
            ("missing", Box::new(|home, _| std::fs::remove_file(home.path("config.toml")).unwrap())),
            ("not TOML", Box::new(|home, _| drop(home.put("config.toml", "[[cluster]\nnodes = []\n")))),
            ("an unknown key", with_config("tsl = { ca_file = \"ca.crt\" }")),
            ("a number without a unit", with_config("poll_interval = 5")),
            (
                "a path in the address",
                Box::new(|home, _| home.configure(&["https://vault.home:8200/v1"], "")),
            ),
            (
                "plain HTTP to another machine",
                Box::new(|home, _| home.configure(&["http://192.0.2.1:8200"], "")),
            ),
            ("an authority that is not there", with_tls("tls = { ca_file = \"nowhere.crt\" }")),
            ("an authority that is none", with_tls("tls = { ca_file = \"shares\" }")),
            ("a certificate without its key", with_config("tls = { client_cert = \"client.crt\" }")),
        ],
    );
}
