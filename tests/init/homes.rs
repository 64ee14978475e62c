//! Each home: the daemon unseals the server from it, and no share or token is anywhere else.

use std::fs;

use serde_json::{Value, json};

use crate::needles::Needles;
use crate::offline::{age_key, decrypted};
use crate::support::home::Home;
use crate::support::private::{encrypts, host_key_in, mounted};
use crate::support::process::run;
use crate::support::server::Server;
use crate::{daemon_unseals, document, files, has, home_of, init, names, shares_in, stored, succeeds, text};

#[test]
fn plain_and_the_daemon_unseals_from_it() {
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let arguments = ["--plain", "--output", "shares.json", "--shares", "3", "--threshold", "2"];
    let document = document(&mut init(&home, &arguments));
    assert_eq!((&document["shares"], &document["threshold"]), (&json!(3), &json!(2)));
    assert_eq!(document["home"]["path"], home.path("shares.json").to_str().unwrap());
    let seal = server.seal_status();
    assert_eq!((&seal["n"], &seal["t"], &seal["sealed"]), (&json!(3), &json!(2), &json!(true)));
    assert_eq!(names(&home), ["shares.json"], "nothing else stays");
    assert_eq!(stored(&home.path("shares.json")).len(), 3);
    daemon_unseals(&home, &server, "shares = { file = \"shares.json\" }");
    let token = document["root_token"]["shown"]["token"].as_str().unwrap();
    assert_eq!(crate::looked_up(&server, token), 200);
    let file = fs::read_to_string(home.path("shares.json")).unwrap();
    assert!(!file.contains(token));

    // The file knows whose it is: a server whose key is split otherwise gets nothing of it.
    let other = Server::start_plain();
    other.init(3, 3);
    let check = ["check", "--json", "--nodes", &other.url(), "--shares-file", "shares.json"];
    let found: Value = serde_json::from_slice(&run(&mut home.command(&check)).stdout).unwrap();
    let said = found["findings"].to_string();
    assert!(said.contains("the shares are of a server with 3 shares, threshold 2"), "{said}");
}

/// With several clusters, the shares must not be handed to the one that they are not for.
#[test]
fn next_steps_are_for_the_cluster_of_the_node() {
    let server = Server::start_plain();
    let home = Home::new();
    let cluster = |name: &str, url: &str| {
        format!(
            "[[cluster]]\nname = \"{name}\"\nnodes = [\"{url}\"]\nshares = {{ credential = \"{name}\" }}\n"
        )
    };
    home.config(&(cluster("shares", "http://127.0.0.1:1") + &cluster("two", &server.url())));
    let url = server.url();
    let arguments = ["--plain", "--output", "two.json", "--root-token", "revoke", "--node"];
    let output = run(init(&home, &arguments).arg(&url));
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("/config.toml, in the [[cluster]] with name = \"two\":"), "{said}");
    assert!(
        said.contains("shares = { credential = \"two\" }") && said.contains("LoadCredential=two:"),
        "{said}"
    );
    assert!(!said.contains("LoadCredential=shares:"), "{said}");
}

#[test]
fn one_share_is_the_key_and_only_some_stay_here() {
    if !has(&["age"]) {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    succeeds(&mut init(&home, &["--plain", "--output", "shares.json", "--shares", "1", "--json"]));
    assert_eq!(stored(&home.path("shares.json"))[0].len(), 64);

    let server = Server::start_plain();
    let home = home_of(&server.url());
    let (identity, recipient) = age_key(&home, "anna");
    let arguments = ["--plain", "--output", "shares.json", "--only", "4,2", "--recipient", &recipient];
    let document = document(&mut init(&home, &arguments));
    assert_eq!(document["home"]["shares"], 2);
    let all = shares_in(&decrypted(&identity, &home.path("shares.age")));
    assert_eq!(stored(&home.path("shares.json")), [all[1].clone(), all[3].clone()]);
}

/// Nothing of the shares and the token is in any file of these homes.
fn nothing_in_clear(home: &Home, shares: &[String], token: &str) {
    let needles = Needles::of_hex(shares);
    for path in files(home.directory()) {
        let bytes = fs::read(&path).unwrap();
        assert!(needles.find(&bytes).is_empty(), "{}", path.display());
        // Base64 of what begins at any of three places, without the ends that depend on the neighbours.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(token), "{}", path.display());
        for share in shares {
            let raw = crate::support::home::unhex(share);
            for skip in 0..3 {
                let piece = base64(&raw[skip..skip + 24]);
                assert!(!text.contains(&piece), "{}", path.display());
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks_exact(3)
        .flat_map(|three| {
            let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
            [18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift & 63) as usize]))
        })
        .collect()
}

#[test]
fn a_credential_with_the_host_key() {
    if !has(&["age"]) || !encrypts() {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let keys = crate::support::directory::directory();
    let (identity, recipient) = age_key(&home, "anna");
    let arguments = [
        "--credential",
        "host",
        "--name",
        "held",
        "--output",
        "shares.cred",
        "--recipient",
        &recipient,
        "--json",
    ];
    let output = succeeds(&mut mounted(&host_key_in(keys.path()), &init(&home, &arguments)));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["home"]["keys"], "host");
    assert_eq!(names(&home), ["anna", "shares.age", "shares.cred"]);
    let shares = shares_in(&decrypted(&identity, &home.path("shares.age")));
    nothing_in_clear(&home, &shares, document["root_token"]["shown"]["token"].as_str().unwrap());

    let mut open = std::process::Command::new("systemd-creds");
    open.args(["decrypt", "--name=held"]).arg(home.path("shares.cred")).arg("-");
    let opened = succeeds(&mut mounted(&host_key_in(keys.path()), &open));
    home.put("opened", std::str::from_utf8(&opened.stdout).unwrap());
    assert_eq!(stored(&home.path("opened")), shares);
    daemon_unseals(&home, &server, "shares = { file = \"opened\" }");
}

#[cfg(feature = "tpm")]
#[test]
fn sealed_to_a_tpm() {
    if !has(&["age", "swtpm"]) {
        return;
    }
    let tpm = crate::support::swtpm::Swtpm::start();
    let tcti = tpm.tcti();
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let (identity, recipient) = age_key(&home, "anna");
    // Which TPM is in the configuration.
    let source = format!("shares = {{ tpm2 = \"shares.tpm2\", tcti = \"{tcti}\" }}");
    home.configure(&[&server.url()], &source);
    let arguments = ["--tpm2", "--pcrs", "7", "--output", "shares.tpm2", "--recipient", &recipient];
    let document = document(&mut init(&home, &arguments));
    assert_eq!(names(&home), ["anna", "shares.age", "shares.tpm2"]);
    let shares = shares_in(&decrypted(&identity, &home.path("shares.age")));
    nothing_in_clear(&home, &shares, document["root_token"]["shown"]["token"].as_str().unwrap());
    daemon_unseals(&home, &server, &source);
}

#[test]
fn what_a_person_reads() {
    if !has(&["age"]) {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let (anna, bert) = (age_key(&home, "anna").1, age_key(&home, "bert").1);
    let arguments = [
        "--plain",
        "--output",
        "shares.json",
        "--root-token",
        "revoke",
        "--only",
        "5",
        "--recipient",
        &anna,
        "--recipient",
        &bert,
        "--offline-dir",
        ".",
    ];
    let said =
        text(&succeeds(&mut init(&home, &arguments))).replace(&anna, "age1anna").replace(&bert, "age1bert");
    crate::is_as_in_for_openbao("done.txt", &home, &server, &said);
}
