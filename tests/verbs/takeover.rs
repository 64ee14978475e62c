//! Taking over from a shell script: what `check` prints on the machine it runs on, and where that leads.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::files::{Files, OLD, OLD_SCRIPT, OLD_UNIT, SHIPPED, chmod, shut};
use crate::support::home::shares_of_nobody;
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
    files.put("/root/init.json", &json!({ "keys": shares_of_nobody(5, 3) }).to_string(), 0o600);
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
    // Where the check finds a problem nothing is put away; nor where one of the commands fails.
    for failing in ["systemctl", "vault-unseal"] {
        files.paste(&format!(
            "{failing}() {{ false; }}\n{}",
            forth.join("\n").trim_end().to_owned() + " || true\n"
        ));
        assert_eq!(fs::read_to_string(files.at(OLD)).unwrap(), OLD_UNIT, "{failing}");
    }
    assert!(files.before_takeover().starts_with("exit 0\n"), "{}", files.before_takeover());
    let done = files.paste(&forth.join("\n"));
    assert_eq!(
        done,
        "vault-unseal check --takeover\nsystemctl disable --now vault-unseal.service\nsystemctl daemon-reload\n\
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

/// The commands of the move, and those of the way back.
fn both_ways(said: &str) -> (String, String) {
    let (_, steps) = said.split_once("\n\n").unwrap();
    let (forth, back) = steps.split_once("# To go back:").unwrap();
    (forth.split_once('\n').unwrap().1.to_owned(), back.to_owned())
}

const DROP_IN: &str = "/etc/systemd/system/vault-unseal.service.d/shares.conf";

#[test]
fn failed_move_leaves_nothing_that_the_old_unit_would_not_start_with() {
    let files = Files::with_script(OLD_SCRIPT);
    let (forth, _) = both_ways(&files.said(true));
    // Neither unit starts with the drop-in, as where a credential cannot be read, and ours cannot be disabled.
    let systemctl = format!(
        "systemctl() {{ case $* in enable*) test -e {OLD} && test ! -e {DROP_IN} ;; disable*) test -e {OLD} ;; esac; }}\n"
    );
    let output = files.shell(&(systemctl + &forth));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("\nThe move failed, and the old unit is back. "), "{said}");
    assert_eq!(fs::read_to_string(files.at(OLD)).unwrap(), OLD_UNIT);

    let output = files.shell(&("systemctl() { test \"$1\" != enable; }\n".to_owned() + &forth));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("\nThe move failed, and the old unit did not start again. "), "{said}");
    assert_eq!(fs::read_to_string(files.at(OLD)).unwrap(), OLD_UNIT);
}

#[test]
fn file_that_appears_where_the_old_unit_is_put_away_stops_the_move_with_advice() {
    let files = Files::with_script(OLD_SCRIPT);
    let (forth, _) = both_ways(&files.said(true));
    files.put(&format!("{OLD}.old"), "of the administrator", 0o644);
    let output = files.shell(&forth);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.ends_with("For new ones: vault-unseal check\n"), "{said}");
    assert_eq!(
        (output.status.success(), fs::read_to_string(files.at(OLD)).unwrap().as_str()),
        (false, OLD_UNIT)
    );
    // It is no earlier move, and one beside it is.
    let said = files.said(true);
    assert!(!said.contains("put away before"), "{said}");
    files.put(&format!("{OLD}.old2"), OLD_UNIT, 0o644);
    let said = files.said(true);
    assert!(said.contains("put away before"), "{said}");
}

#[test]
fn drop_ins_of_the_administrator_stay_and_those_of_the_move_go() {
    let files = Files::with_script(OLD_SCRIPT);
    let theirs = "[Service]\nNice=5\n";
    files.put(DROP_IN, theirs, 0o644);
    let (forth, back) = both_ways(&files.said(true));
    let second = DROP_IN.replace("shares.conf", "shares2.conf");
    files.paste(&forth);
    assert!(files.at(&second).exists());
    files.paste(&back);
    assert!(!files.at(&second).exists());
    assert_eq!(fs::read_to_string(files.at(DROP_IN)).unwrap(), theirs);

    // The way back of a second move takes the drop-in of the first.
    fs::remove_file(files.at(DROP_IN)).unwrap();
    files.paste(&both_ways(&files.said(true)).0);
    files.put(OLD, OLD_UNIT, 0o644);
    let (forth, back) = both_ways(&files.said(true));
    assert!(files.at(DROP_IN).exists() && forth.contains("The share file stays as it is"), "{forth}");
    files.paste(&forth);
    files.paste(&back);
    assert!(!files.at(DROP_IN).exists());
}

#[test]
fn a_share_file_that_cannot_be_read_stops_the_move_before_its_first_step() {
    let files = Files::with_script(OLD_SCRIPT);
    for (content, said) in [
        ("{}", "cannot use the shares in /etc/vault/unseal.json: "),
        ("U2FsdGVkX19hYmNkZWZnaGlqa2xtbm9w\n", "cannot use the shares in /etc/vault/unseal.json: "),
    ] {
        files.put("/etc/vault/unseal.json", content, 0o600);
        let text = files.said(true);
        assert!(text.contains(said) && !text.contains("# 1.") && !text.contains("systemctl"), "{text}");
    }
    fs::remove_file(files.at("/etc/vault/unseal.json")).unwrap();
    let text = files.said(true);
    assert!(text.contains("cannot read shares from /etc/vault/unseal.json: there is no such file"), "{text}");
    assert!(!text.contains("# 1."), "{text}");
}

#[test]
fn only_root_is_shown_steps() {
    let text = Files::with_script(OLD_SCRIPT).said(false);
    assert!(
        text.contains("The steps of the move: sudo vault-unseal check") && !text.contains("# 1."),
        "{text}"
    );
}

#[test]
fn a_move_without_a_unit_of_ours_is_not_ready() {
    let server = shut();
    let files = Files::with_script(&OLD_SCRIPT.replace("https://${SERVER}:8200", &server.url()));
    fs::remove_file(files.at(SHIPPED)).unwrap();
    files.put(
        "/etc/vault-unseal/config.toml",
        &crate::files::configuration(&server, "shares = { credential = \"shares\" }"),
        0o644,
    );
    assert!(files.before_takeover().starts_with("exit 4\n"), "{}", files.before_takeover());
}

#[test]
fn a_timer_and_a_path_that_start_the_old_unit_go_with_it_and_come_back() {
    let files = Files::with_script(OLD_SCRIPT);
    let units = "/etc/systemd/system";
    fs::remove_file(files.at(&format!("{units}/multi-user.target.wants/vault-unseal.service"))).unwrap();
    files.put(&format!("{units}/vault-unseal.timer"), "[Timer]\nOnBootSec=1min\n", 0o644);
    files.enable("vault-unseal.timer");
    files.put(&format!("{units}/reboot.path"), "[Path]\nPathChanged=/x\nUnit=vault-unseal.service\n", 0o644);
    files.put(&format!("{units}/backup.timer"), "[Timer]\nOnCalendar=daily\n", 0o644);
    is_as_in("takeover-timer.txt", &files.said(true));

    // Whoever moved only the service is told.
    fs::remove_file(files.at(OLD)).unwrap();
    is_as_in("takeover-timer-left.txt", &files.said(true));
}

/// A machine whose package of lrstanley's was replaced by ours: its unit went, its configuration stays.
fn with_old_config(config: &str) -> Files {
    let files = Files::new();
    files.put("/etc/vault-unseal.yaml", config, 0o600);
    files
}

/// Its example, filled in: two of three shares, as its documentation wants them spread.
fn old_config(nodes: &str) -> String {
    let shares = shares_of_nobody(3, 3);
    format!(
        "---\n# named environment\nenvironment: home\ncheck_interval: 15s\nvault_nodes:\n{nodes}unseal_tokens:\n  - {}\n  - {}\n\
         tls:\n  ca_cert_path: /etc/vault/tls/vault-ca.crt\n  server_name: vault.home\n  client_cert: |\n    -----BEGIN\n    x\n\
         notify:\n  max_elapsed: 2m\n  urls:\n    - \"discord://token@id\"\n",
        shares[0], shares[1],
    )
}

#[test]
fn configuration_of_another_program_of_our_name_is_moved() {
    let files = with_old_config(&old_config("  - https://10.0.0.1:8200\n  - https://vault.home\n  - x\n"));
    files.put("/etc/vault/tls/vault-ca.crt", "", 0o644);
    is_as_in("takeover-yaml.txt", &files.said(true));
    let said = files.said(false);
    assert!(
        said.contains("The steps of the move: sudo vault-unseal check") && !said.contains("# 1."),
        "{said}"
    );

    // With a unit of the administrator's own that starts it.
    files.put(
        OLD,
        "[Service]\nExecStart=/usr/local/bin/vault-unseal --config=/etc/vault-unseal.yaml\n",
        0o644,
    );
    let said = files.said(true);
    assert!(
        said.contains("starts another program of this name with /etc/vault-unseal.yaml, not vault-unseal"),
        "{said}"
    );
    assert!(said.contains(&format!("\n  mv {OLD} {OLD}.old &&\n")), "{said}");
}

#[test]
fn configuration_of_another_program_without_shares_leads_nowhere() {
    for wrong in ["unseal_tokens:\n  - your-token\n", "unseal_tokens: |\n  a\n  b\n", "unseal_tokens: *x\n"] {
        let files = with_old_config(&format!("vault_nodes:\n  - https://10.0.0.1:8200\n{wrong}"));
        let said = files.said(true);
        assert!(said.contains("Its shares cannot be read, see below.") && !said.contains("# 1."), "{said}");
    }
}

#[test]
fn the_steps_from_another_program_lead_to_a_service_that_has_its_shares() {
    let server = shut();
    let files =
        with_old_config(&old_config(&format!("  - {}\n", server.url())).replace("tls:", "tls_of_nobody:"));
    let before = fs::read(files.at("/etc/vault-unseal.yaml")).unwrap();
    let said = files.said(true);
    let (forth, back) = both_ways(&said);
    let done = files.paste(&forth);
    assert_eq!(
        done,
        "vault-unseal check --takeover\nsystemctl daemon-reload\nsystemctl enable --now vault-unseal.service\n"
    );
    // Whoever has stopped before the last step finds what is left.
    let said = files.said(true);
    assert!(
        said.contains("The configuration is written already.") && said.contains("another program"),
        "{said}"
    );
    assert!(!files.before_takeover().contains("another program"));
    files.enable("vault-unseal.service");
    let said = files.said(true);
    assert!(!said.contains("another program"), "{said}");
    assert!(said.contains("2 shares") && said.contains("/etc/vault-unseal.yaml"), "{said}");
    assert_eq!(fs::read(files.at("/etc/vault-unseal.yaml")).unwrap(), before);
    files.paste(&back);
    assert!(!files.at(DROP_IN).exists());
}
