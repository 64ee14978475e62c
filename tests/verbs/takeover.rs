//! Taking over from a shell script: what `check` prints on the machine it runs on, and where that leads.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::files::{Files, OLD, OLD_SCRIPT, OLD_UNIT, SHIPPED, chmod, shut};
use crate::{Normal, is_as_in};

#[test]
fn the_move_from_a_script_is_printed_for_this_machine() {
    let files = Files::with_script(OLD_SCRIPT);
    files.put("/etc/vault/tls/vault-ca.crt", "", 0o644);
    is_as_in("takeover.txt", &files.said(true));

    // A unit that was linked from elsewhere: disabling it removes the link.
    fs::rename(files.at(OLD), files.at("/etc/vault/old.service")).unwrap();
    symlink("/etc/vault/old.service", files.at(OLD)).unwrap();
    let said = files.said(true);
    assert!(said.contains("\nsystemctl link /etc/vault/old.service\n") && !said.contains("\nmv "), "{said}");

    // The same in JSON.
    let document: Value = serde_json::from_str(&files.check(true).json().unwrap()).unwrap();
    let shadowed = &document["findings"][1];
    assert_eq!((&shadowed["kind"], &shadowed["severity"]), (&json!("unit-shadowed"), &json!("problem")));
    assert!(shadowed["steps"].as_str().unwrap().contains("LoadCredential=shares:/etc/vault/unseal.json"));
    assert!(document["findings"][0].get("steps").is_none());
}

#[test]
fn a_script_that_says_less_and_drop_ins_in_the_way() {
    let files = Files::with_script("#!/bin/sh\nvault operator unseal \"$(pass vault/1)\"\n");
    fs::remove_file(files.at(SHIPPED)).unwrap();
    files.put(
        "/etc/systemd/system/vault-unseal.service.d/slow.conf",
        "[Service]\nExecStartPre=/bin/sleep 60\n",
        0o644,
    );
    is_as_in("takeover-unknown.txt", &files.said(true));
}

#[test]
fn a_private_authority_and_a_command_in_the_unit() {
    let files = Files::new();
    files.put(
        OLD,
        "[Service]\nEnvironment=VAULT_ADDR=https://10.0.0.7:8200 VAULT_CACERT=/etc/vault/tls/ca.pem\n\
         ExecStart=/bin/sh -c 'for k in $(jq -r .unseal_keys_b64[] /root/init.json); do vault operator unseal $k; done'\n",
        0o644,
    );
    files.put("/etc/vault/tls/ca.pem", "", 0o644);
    chmod(&files.at("/etc/vault/tls"), 0o700);
    files.put("/root/init.json", "{}", 0o600);
    is_as_in("takeover-command.txt", &files.said(true));
}

#[test]
fn the_printed_steps_lead_there_and_back() {
    let server = shut();
    let files = Files::with_script(&OLD_SCRIPT.replace("https://${SERVER}:8200", &server.url()));
    let said = files.said(true);
    let (_, steps) = said.split_once("\n\n").unwrap();
    let (forth, back) = steps.split_once("# To go back:").unwrap();
    let forth: Vec<&str> = forth.lines().skip(1).collect();
    let done = files.paste(&forth.join("\n"));
    assert_eq!(
        done,
        "systemctl disable --now vault-unseal.service\nsystemctl daemon-reload\nvault-unseal check\n\
         systemctl enable --now vault-unseal.service\n"
    );
    let url = server.url();
    let normal = Normal::default().servers([url.as_str()]);
    is_as_in("takeover-done.txt", &normal.text(&files.said(true)));
    assert_eq!(server.submissions(), [] as [String; 0]);

    let old = fs::read_to_string(files.at(&format!("{OLD}.old"))).unwrap();
    assert_eq!(old, OLD_UNIT);
    files.paste(back);
    assert_eq!(fs::read_to_string(files.at(OLD)).unwrap(), OLD_UNIT);
    // The configuration that was written meanwhile stays.
    is_as_in("takeover-back.txt", &normal.text(&files.said(true)));
}
