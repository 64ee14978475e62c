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
