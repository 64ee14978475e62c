//! A secret that stands in the wrong place of a file, or in the right place of a file that is damaged, is said by no verb: not
//! in its own form, not as hex, and not as the list of numbers that Debug makes of bytes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod canary;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;
use vault_unseal::cli::Checked;
use vault_unseal::config::{Environment, Origin, Overrides};
use vault_unseal::report::Style;

use canary::{Canary, Damaged, damage};
use support::certs::{Authority, Validity};
use support::home::{Home, lines, shares_of_nobody};
use support::process::run;
use support::server::Server;

/// Where nothing listens.
const NOBODY: &str = "https://127.0.0.1:1";

/// For whoever starts and goes on: long enough to read what it reads at its start.
fn for_a_moment(command: &Command) -> Command {
    let mut whole = Command::new("timeout");
    whole.args(["--signal=TERM", "0.5"]).arg(command.get_program()).args(command.get_args());
    whole.env_clear();
    whole.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    whole.current_dir(command.get_current_dir().unwrap());
    whole
}

fn assert_silent(damaged: &Damaged, verb: &str, output: &Output) {
    let said = [&output.stdout[..], &output.stderr].concat();
    damaged.canary.assert_absent(&String::from_utf8_lossy(&said), &format!("{}, {verb}", damaged.how));
}

fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Damages the file `name` of a home in every way and looks at what the verbs say.
fn damaged(home: &Home, name: &str, base: &str, verbs: &[&[&str]]) {
    for damaged in damage(base) {
        put(&home.path(name), &damaged.bytes);
        for verb in verbs {
            let _ = fs::remove_file(home.path("new"));
            let output = match verb {
                ["run", ..] => run(&mut for_a_moment(&home.command(verb))),
                verb => run(&mut home.command(verb)),
            };
            assert_silent(&damaged, verb[0], &output);
        }
    }
}

#[test]
fn secret_in_place_of_a_value_is_repeated_by_no_verb() {
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(3, 2)));
    for (index, line) in [
        "nodes = [\"@\"]",
        "nodes = [\"https://127.0.0.1:1\", \"@\"]",
        "nodes = [\"https://127.0.0.1:1/@\"]",
        "nodes = [\"https://@:x@127.0.0.1:1\"]",
        "name = \"@\"",
        "shares = { file = \"@\" }",
        "shares = { credential = \"@\" }",
        "shares = { tpm2 = \"@\" }",
        "shares = { tpm2 = \"a\", tcti = \"@\" }",
        "shares = { @ = \"a\" }",
        "shares = \"@\"",
        "shares = [\"@\"]",
        "tls = { ca_file = \"@\" }",
        "tls = { ca_dir = \"@\" }",
        "tls = { ca_credential = \"@\" }",
        "tls = { client_cert = \"@\", client_key = \"@\" }",
        "tls = { server_name = \"@\" }",
        "tls = { pin_sha256 = [\"@.\"] }",
        "tls = { skip_verify = \"@\" }",
        "on_operator_seal = \"@\"",
        "poll_interval = \"@\"",
        "poll_interval = 5 # @",
        "log_level = \"@\"",
        "\"@\" = 1",
    ]
    .iter()
    .flat_map(|line| [line; 3])
    .enumerate()
    {
        let canary = Canary::new(index);
        let mut text = String::from("[[cluster]]\n");
        for default in ["nodes = [\"https://127.0.0.1:1\"]", "shares = { file = \"shares\" }"] {
            if line.split(' ').next() != default.split(' ').next() {
                text = text + default + "\n";
            }
        }
        put(&home.path("config.toml"), (text + &line.replace('@', &canary.text) + "\n").as_bytes());
        for verb in [&["check"][..], &["status"], &["run"]] {
            let output = run(&mut for_a_moment(&home.command(verb)));
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            canary.assert_absent(&said, line);
        }
    }
    for (index, variable) in
        ["SHARES_FILE", "SHARES_CREDENTIAL", "NODES", "CA_FILE", "SERVER_NAME", "LOG_LEVEL", "POLL_INTERVAL"]
            .iter()
            .enumerate()
    {
        let canary = Canary::new(index);
        home.configure(&[NOBODY], "");
        let mut command = home.command(&["check"]);
        let output = run(command.env(format!("VAULT_UNSEAL_{variable}"), &canary.text));
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        canary.assert_absent(&said, variable);
    }
}

const ALL: &[&[&str]] = &[&["check"], &["check", "--json"], &["run"], &["status"]];

#[test]
fn configuration_repeats_no_secret() {
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(3, 2)));
    home.configure(&[NOBODY], "tls = { skip_verify = false, server_name = \"vault.home\" }\nname = \"home\"");
    let base = fs::read_to_string(home.path("config.toml")).unwrap();
    damaged(&home, "config.toml", &base, ALL);
}

#[test]
fn share_files_repeat_no_secret() {
    let home = Home::new();
    home.configure(&[NOBODY], "");
    let enroll = ["enroll", "shares", "--plain", "--threshold", "2", "--keep", "--output", "new"];
    let verbs = [&["check"][..], &["run"], &enroll];
    let shares = shares_of_nobody(3, 2);
    damaged(&home, "shares", &lines(&shares), &verbs);
    let document = json!({"unseal_keys_b64": [], "unseal_keys_hex": shares, "unseal_shares": 3, "unseal_threshold": 2,
                          "root_token": "hvs.AAAAAAAAAAAAAAAAAAAAAAAA"});
    damaged(&home, "shares", &serde_json::to_string_pretty(&document).unwrap(), &verbs);
}

#[test]
fn sealed_file_repeats_no_secret() {
    let home = Home::new();
    home.configure(&[NOBODY], "shares = { tpm2 = \"shares.tpm2\", tcti = \"swtpm:host=127.0.0.1,port=1\" }");
    let document = json!({"format": "vault-unseal-tpm2", "version": 1, "shares": 3,
        "primary": {"hierarchy": "owner", "template": "tcg-srk-ecc-p256", "name": "000b".to_owned() + &"ab".repeat(32)},
        "pcrs": {"bank": "sha256", "values": {"7": "00".repeat(32)}, "policy": "cd".repeat(32)},
        "public": "AAAA", "private": "AAAA", "cipher": "chacha20-poly1305", "nonce": "AAAAAAAAAAAAAAAA",
        "ciphertext": "A".repeat(64)});
    let rebind = ["enroll", "--rebind", "--tpm2", "--output", "shares.tpm2"];
    let base = serde_json::to_string_pretty(&document).unwrap();
    damaged(&home, "shares.tpm2", &base, &[&["check"], &["run"], &rebind]);
}

#[test]
fn key_repeats_no_secret() {
    pem_repeats_no_secret("client.key");
}

#[test]
fn certificate_repeats_no_secret() {
    pem_repeats_no_secret("client.crt");
}

#[test]
fn authority_repeats_no_secret() {
    pem_repeats_no_secret("ca.crt");
}

fn pem_repeats_no_secret(name: &str) {
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(3, 2)));
    let authority = Authority::new("Private CA");
    let client = authority.issue_client("vault-unseal", Validity::Now);
    let (certificate, key) = client.write(home.directory(), "client");
    let ca = authority.write(home.directory(), "ca.crt");
    let [ca, certificate, key] = [ca, certificate, key].map(|path| format!("{:?}", path.to_str().unwrap()));
    home.configure(
        &[NOBODY],
        &format!("tls = {{ ca_file = {ca}, client_cert = {certificate}, client_key = {key} }}"),
    );
    let path = home.path(name);
    let base = fs::read_to_string(&path).unwrap();
    damaged(&home, name, &base, ALL);
    // The secret is the key itself: its body as numbers, whatever became of the lines.
    for between in ["\\n", " ", "", "\r"] {
        let body = base.replace('\n', between);
        put(&path, body.as_bytes());
        for verb in ALL {
            let output = run(&mut for_a_moment(&home.command(verb)));
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            let dense: String = said.chars().filter(|c| !c.is_whitespace()).collect();
            for part in body.as_bytes().windows(8) {
                let list = part.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
                assert!(!dense.contains(&list), "{}: {said}", path.display());
            }
            for line in base.lines().filter(|line| !line.starts_with("-----")) {
                assert!(!said.contains(&line[..line.len().min(16)]), "{}: {said}", path.display());
            }
        }
    }
}

#[test]
fn holds_file_repeats_no_secret() {
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(3, 2)));
    home.configure(&[NOBODY], "");
    let runtime = home.path("run");
    fs::create_dir(&runtime).unwrap();
    let base = json!({"held": [{"cluster": "default", "address": NOBODY, "hold": "request"}]});
    for damaged in damage(&serde_json::to_string_pretty(&base).unwrap()).into_iter().step_by(3) {
        put(&runtime.join("holds.json"), &damaged.bytes);
        let mut command = home.command(&["run"]);
        command.env("RUNTIME_DIRECTORY", &runtime);
        assert_silent(&damaged, "run", &run(&mut for_a_moment(&command)));
    }
}

#[test]
fn unit_files_repeat_no_secret() {
    let root = crate::support::directory::directory();
    let at = |path: &str| {
        let path = root.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    fs::write(
        at("/usr/lib/systemd/system/vault-unseal.service"),
        include_str!("../../systemd/vault-unseal.service"),
    )
    .unwrap();
    let base = "[Unit]\nAfter=vault.service\n[Service]\nEnvironment=KEY=@ VAULT_ADDR=https://127.0.0.1:1\n\
                ExecStart=/bin/sh -c 'vault operator unseal -address=https://127.0.0.1:1 @'\n\
                SetCredential=shares:@\nLoadCredential=shares:/etc/vault/shares\nUser=root\n[Install]\nWantedBy=multi-user.target\n";
    for path in [
        "/etc/systemd/system/vault-unseal.service",
        "/etc/systemd/system/vault-unseal.service.d/own.conf",
        "/etc/systemd/system/vault.service.d/hook.conf",
    ] {
        let mut all = damage(base);
        let canary = Canary::new(0);
        all.push(Damaged {
            how: "as it is meant".to_owned(),
            bytes: base.replace('@', &canary.text).into_bytes(),
            canary,
        });
        for damaged in all {
            fs::write(at(path), &damaged.bytes).unwrap();
            let origin = Origin::Standard(root.path().to_owned());
            for as_root in [true, false] {
                let checked =
                    Checked::of(&origin, &Environment::default(), &Overrides::default(), as_root).unwrap();
                let said = checked.table(Style::PLAIN) + &checked.json().unwrap();
                damaged.canary.assert_absent(&said, &format!("{path}: {}", damaged.how));
            }
        }
        fs::remove_file(at(path)).unwrap();
    }
}

#[test]
fn recipient_files_repeat_no_secret() {
    let home = Home::new();
    let server = Server::start_plain();
    home.configure(&[&server.url()], "");
    let armour = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: anna\n\nmDMEZ0000000000000000000000000000000\n\
                  =0000\n-----END PGP PUBLIC KEY BLOCK-----\n";
    for damaged in damage(armour) {
        put(&home.path("anna.asc"), &damaged.bytes);
        let arguments = ["init", "--plain", "--output", "new", "--recipient", "anna.asc", "--json"];
        let output = run(&mut home.command(&arguments));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("anna.asc") || said.contains("gpg"), "{}: {said}", damaged.how);
        assert_silent(&damaged, "init", &output);
    }
}

#[test]
fn recipients_repeat_no_secret() {
    let home = Home::new();
    home.configure(&[NOBODY], "");
    for index in 0..3 {
        let canary = Canary::new(index);
        for form in ["AGE-SECRET-KEY-1@", "age1@!", "age1@ @"] {
            let recipient = form.replace('@', &canary.text);
            let output = run(&mut home.command(&["init", "--plain", "--recipient", &recipient]));
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            canary.assert_absent(&said, form);
        }
    }
}
