//! From every form to a plain file, and from that to an unsealed server.

use serde_json::json;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::support::PATIENCE;
use crate::support::home::{Home, lines};
use crate::support::process::run;
use crate::support::server::{Server, is_active};
use crate::{bytes, document, enroll, stored, succeeds};

#[test]
fn every_form_goes_in_and_unseals_a_real_server() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let home = Home::of(&server, "# nothing yet\n00112233445566778899aabbccddeeff\n");
    let mut daemon = home.run();
    server.wait_until(|health| health["initialized"] == true);
    for (form, text) in [
        ("the command's JSON", init.json.clone()),
        ("the API's JSON", init.api_json.clone()),
        ("an array of base64", json!(init.keys_base64).to_string()),
        ("lines of hex", lines(&init.keys_hex)),
        ("commented lines", format!("# from the safe\n\n{}", lines(&init.keys_base64))),
    ] {
        let source = home.put("source", &text);
        let arguments = ["--plain", "--output", "shares", "--force", "--keep"];
        let document = document(enroll(&home, &arguments).arg(&source));
        assert_eq!(document["stored"][0]["count"], 5, "{form}");
        assert_eq!(stored(&home.path("shares")), bytes(&init.keys_hex), "{form}");
        let metadata = home.path("shares").metadata().unwrap();
        assert_eq!(
            (metadata.permissions().mode() & 0o7777, metadata.uid()),
            (0o600, rustix::process::geteuid().as_raw())
        );
        let written = std::fs::read_to_string(home.path("shares")).unwrap();
        assert!(!written.contains(&init.root_token), "{form}");
        assert_eq!(document["root_token_left_out"], text.contains(&init.root_token), "{form}");
        daemon.wait_for(PATIENCE, form, |line| line.contains(": unsealed (active)"));
        server.wait_until(is_active);
        server.seal(&init.root_token);
    }
}

#[test]
fn only_some_of_them() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let home = Home::of(&server, "");
    home.put("source", &init.json);
    let document = document(&mut enroll(
        &home,
        &["source", "--plain", "--output", "part", "--only", "4,1", "--nodes", &server.url()],
    ));
    // The threshold is the server's own.
    assert_eq!((&document["threshold"], &document["held"]), (&json!(3), &json!(5)));
    assert_eq!(document["stored"][0]["positions"], json!([1, 4]));
    assert_eq!(stored(&home.path("part")), bytes(&[init.keys_hex[0].clone(), init.keys_hex[3].clone()]));
    for share in stored(&home.path("part")) {
        server.submit(&crate::support::home::hex(&share));
    }
    assert_eq!(server.seal_status()["progress"], 2);
}

#[test]
fn what_a_person_reads() {
    let home = Home::new();
    let shares = crate::support::home::shares_of_nobody(5, 3);
    let mut source = json!({"keys": shares, "root_token": "hvs.ThisIsNotARealTokenAtAll"});
    home.put("init.json", &source.to_string());
    let arguments = ["init.json", "--plain", "--output", "shares.json", "--threshold", "3"];
    let output = run(&mut enroll(&home, &arguments));
    crate::is_as_in("plain.txt", &home, &crate::text(&output));

    // Odd in every way that is not refused.
    let mut odd = shares.clone();
    odd[1] = crate::support::home::corrupt(&odd[1]);
    odd.push(odd[0].clone());
    source["keys"] = json!(odd);
    home.put("init.json", &source.to_string());
    home.chmod("init.json", 0o644);
    let output = run(enroll(&home, &arguments).args(["--force", "--only", "2"]));
    crate::is_as_in("odd.txt", &home, &crate::text(&output));
    let output = succeeds(enroll(&home, &arguments).args(["--force", "--json"]));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    crate::is_as_in("odd.json", &home, &(serde_json::to_string_pretty(&document).unwrap() + "\n"));
}

/// With several clusters, what is to be written where must not give one of them the other's shares.
#[test]
fn next_steps_name_the_cluster_and_its_credential() {
    let home = Home::new();
    home.put("source", &lines(&crate::support::home::shares_of_nobody(3, 2)));
    let cluster = |name: &str, shares: &str| {
        format!(
            "[[cluster]]\nname = \"{name}\"\nnodes = [\"http://127.0.0.1:1/\"]\nshares = {{ {shares} }}\n"
        )
        .replace(":1/", if name == "one" { ":1" } else { ":2" })
    };
    let said = |config: &str, more: &[&str]| {
        home.put("config.toml", config);
        let arguments = ["source", "--plain", "--output", "shares", "--force", "--keep", "--threshold", "2"];
        crate::text(&run(enroll(&home, &arguments).args(["--config", "config.toml"]).args(more)))
    };
    let two = cluster("one", "credential = \"shares\"") + &cluster("two", "credential = \"two\"");
    let text = said(&two, &["--name", "two"]);
    assert!(text.contains("Next, in config.toml, in the [[cluster]] with name = \"two\":"), "{text}");
    assert!(
        text.contains("shares = { credential = \"two\" }") && text.contains("LoadCredential=two:"),
        "{text}"
    );
    let text = said(&two, &[]);
    assert!(text.contains("in the [[cluster]] with name = \"one\":"), "{text}");
    let text = said(&two, &["--name", "three"]);
    assert!(text.contains("in the [[cluster]] that they are for:"), "{text}");
    // The only cluster's credential has a name of its own.
    let text = said(&cluster("two", "credential = \"two\""), &[]);
    assert!(text.contains("in config.toml, in its [[cluster]]:"), "{text}");
    assert!(text.contains("LoadCredential=two:") && !text.contains("shares:"), "{text}");
    // Nothing is left to do.
    let text = said(&cluster("two", "file = \"shares\""), &[]);
    assert!(text.contains("The configuration names this file already"), "{text}");
    assert!(!text.contains("LoadCredential") && !text.contains("systemctl"), "{text}");
}
