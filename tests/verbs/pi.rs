//! The machine that the Ansible role of a Raspberry Pi cluster sets up: directories of the account vault that nobody else
//! enters, one key beside the root token, and a script whose `curl -k` is in a branch that is not taken.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::process::Command;

use serde_json::{Value, json};

use crate::files::{CONFIG, Files, OLD, SHIPPED, WAIT, chmod};
use crate::support::certs::{Authority, Validity};
use crate::support::home::shares_of_nobody;
use crate::support::private::are_root;
use crate::{Normal, health, is_as_in, says, seal};

/// As the role installs it.
const UNIT: &str = "\
[Unit]
Description=Vault Unseal
After=vault.service
Requires=vault.service
PartOf=vault.service

[Service]
Type=oneshot
User=vault
ExecStartPre=/bin/sleep 10
ExecStart=/bin/sh -c '/etc/vault/vault-unseal.sh'
RemainAfterExit=false

[Install]
WantedBy=multi-user.target vault.service
";

/// What it starts. Whether certificates are checked is said at its beginning.
const SCRIPT: &str = "\
#!/usr/bin/env sh
ADDRESS=@
SHARES=/etc/vault/unseal.json
LOG=/var/log/vault/vault-unseal.log
INSECURE=no

if [ yes = \"$INSECURE\" ]
then
  OPTIONS=\"-sk\"
else
  OPTIONS=\"-s\"
fi

while [ true = \"$(curl $OPTIONS $ADDRESS/v1/sys/health | jq .sealed)\" ]; do
  for share in $(jq -r '.keys[]' $SHARES); do
    curl $OPTIONS --request PUT --data \"{\\\"key\\\": \\\"$share\\\"}\" $ADDRESS/v1/sys/unseal >>$LOG
  done
  sleep 10
done
";

/// The role's machine, with a server at this address. As root its files belong to another account.
fn machine(address: &str) -> Files {
    let files = Files::new();
    files.put(WAIT, include_str!("../../systemd/vault-unsealed-wait.service"), 0o644);
    files.put(OLD, UNIT, 0o644);
    files.enable("vault-unseal.service");
    files.put("/etc/vault/vault-unseal.sh", &SCRIPT.replace('@', address), 0o744);
    files.put("/etc/vault/tls/vault-ca.crt", &Authority::new("Home CA").pem(), 0o644);
    files.put("/etc/vault/unseal.json", &answer(), 0o600);
    for directory in ["/etc/vault", "/etc/vault/tls"] {
        chmod(&files.at(directory), 0o750);
    }
    files
}

/// The commands of the move, without its title and the way back.
fn forth(said: &str) -> String {
    let (_, steps) = said.split_once("\n\n").unwrap();
    let (forth, _) = steps.split_once("# To go back:").unwrap();
    forth.lines().skip(1).fold(String::new(), |all, line| all + line + "\n")
}

/// Of an initialisation, by HTTP.
fn answer() -> String {
    let keys = shares_of_nobody(1, 1);
    json!({ "keys": keys, "keys_base64": [], "root_token": "hvs.nobody" }).to_string()
}

#[test]
fn script_whose_branch_without_verification_is_dead_is_said_to_verify() {
    let files = machine("https://vault.home:8200");
    let said = files.said(true);
    assert!(!said.contains("checked no certificate"), "{said}");
    is_as_in("takeover-pi.txt", &said);

    let skips = SCRIPT.replace("=no", "=yes").replace('@', "https://vault.home:8200");
    files.put("/etc/vault/vault-unseal.sh", &skips, 0o744);
    assert!(
        files.said(true).contains("# The script checked no certificate; this file was found on the machine.")
    );
}

#[test]
fn authority_in_a_closed_directory_is_handed_over_without_opening_it() {
    let files = machine("https://vault.home:8200");
    let steps = files.said(true);
    assert!(!steps.contains("chmod o") && !steps.contains("install -m 644"), "{steps}");
    files.paste(&forth(&steps));
    let said = files.said(true);
    assert!(!said.contains("cannot read /etc/vault/tls/vault-ca.crt"), "{said}");
    assert!(!said.contains("problem  tls"), "{said}");
    // It is the example, with what stands in for a file that is not there.
    let example = include_str!("../../systemd/examples/ca.conf");
    let drop_in = files.at("/etc/systemd/system/vault-unseal.service.d/ca.conf");
    assert_eq!(fs::read_to_string(drop_in).unwrap(), example[example.find("\n[Service]").unwrap() + 1..]);
    assert!(example.ends_with("\nSetCredential=ca:\\n\n"), "{example}");
    // What waits for servers has a sandbox of its own.
    fs::remove_file(files.at("/etc/systemd/system/vault-unsealed-wait.service.d/ca.conf")).unwrap();
    let said = files.said(true);
    assert!(said.contains("vault-unsealed-wait.service is not given credential \"ca\""), "{said}");
    assert!(said.contains("LoadCredential=ca:/etc/vault/tls/vault-ca.crt"), "{said}");
    fs::remove_file(files.at("/etc/systemd/system/vault-unseal.service.d/ca.conf")).unwrap();
    let said = files.said(true);
    assert!(
        said.contains("credential \"ca\": vault-unseal.service does not give it to the service"),
        "{said}"
    );
}

#[test]
fn ca_file_that_the_service_cannot_reach_is_answered_with_a_credential() {
    let files = machine("https://vault.home:8200");
    let configure = |tls: &str| {
        let text = format!(
            "[[cluster]]\nnodes = [\"https://127.0.0.1:1\"]\nshares = {{ credential = \"shares\" }}\ntls = {tls}\n"
        );
        files.put(CONFIG, &text, 0o644);
        files.said(true)
    };
    let said = configure("{ ca_file = \"/etc/vault/tls/vault-ca.crt\" }");
    let (_, remedy) = said.split_once("cannot read /etc/vault/tls/vault-ca.crt").unwrap();
    let value = remedy.split_once("LoadCredential=").unwrap().1.lines().next().unwrap();
    for unit in ["vault-unseal", "vault-unsealed-wait"] {
        let drop_in = format!("/etc/systemd/system/{unit}.service.d/ca.conf");
        files.put(&drop_in, &format!("[Service]\nLoadCredential={value}\n"), 0o644);
    }
    assert!(remedy.contains("ca_credential = \"ca\" in the place of ca_file"), "{remedy}");
    let said = configure("{ ca_credential = \"ca\" }");
    assert!(!said.contains("problem  tls") && !said.contains("warning  tls"), "{said}");
}

#[test]
fn ca_files_of_two_clusters_are_handed_over_under_two_names() {
    let files = machine("https://vault.home:8200");
    files.put("/etc/vault/tls/work.crt", &Authority::new("Work CA").pem(), 0o644);
    let cluster = |name: &str, port: u16, file: &str| {
        format!(
            "[[cluster]]\nname = \"{name}\"\nnodes = [\"https://127.0.0.1:{port}\"]\n\
             shares = {{ credential = \"{name}\" }}\ntls = {{ ca_file = \"/etc/vault/tls/{file}\" }}\n"
        )
    };
    files.put(CONFIG, &(cluster("home", 1, "vault-ca.crt") + &cluster("work", 2, "work.crt")), 0o644);
    let said = files.said(true);
    for (name, file) in [("home", "vault-ca.crt"), ("work", "work.crt")] {
        assert!(said.contains(&format!("ca_credential = \"ca-{name}\" in the place of ca_file")), "{said}");
        assert!(said.contains(&format!("LoadCredential=ca-{name}:/etc/vault/tls/{file}\n")), "{said}");
    }
}

#[test]
fn authority_that_others_can_write_is_a_problem_at_its_source() {
    let files = machine("https://vault.home:8200");
    let steps = files.said(true);
    files.paste(&forth(&steps));
    chmod(&files.at("/etc/vault/tls/vault-ca.crt"), 0o666);
    let said = files.said(true);
    assert!(
        said.contains("credential \"ca\" comes from /etc/vault/tls/vault-ca.crt: everybody may write it"),
        "{said}"
    );
}

#[test]
fn certificate_that_another_signed_is_not_taken_for_an_authority() {
    let files = machine("https://vault.home:8200");
    fs::remove_file(files.at("/etc/vault/tls/vault-ca.crt")).unwrap();
    let certificate = Authority::new("Somebody's CA").issue(&["vault.home"], Validity::Now);
    files.put("/etc/vault/tls/vault.crt", &certificate.chain_pem, 0o644);
    // By Let's Encrypt, for example, as the script trusted the system's authorities.
    let said = files.said(true);
    assert!(!said.contains("tls    =") && !said.contains("ca.conf"), "{said}");
    files.put(
        "/etc/vault/vault-unseal.sh",
        &SCRIPT.replace("=no", "=yes").replace('@', "https://vault.home:8200"),
        0o744,
    );
    let said = files.said(true);
    assert!(said.contains("#tls    = ") && !said.contains("ca.conf"), "{said}");
    // One that signed itself stays.
    files.put("/etc/vault/tls/vault.crt", &Authority::new("vault.home").pem(), 0o644);
    assert!(files.said(true).contains("LoadCredential=ca:/etc/vault/tls/vault.crt"), "{}", files.said(true));
}

#[test]
fn no_printed_command_changes_the_file_with_the_root_token() {
    let server = says(&health(true, true, &json!({})), &seal(&json!({ "t": 1, "n": 1 })));
    let files = machine(&server.url());
    let steps = files.said(true);
    files.paste(&forth(&steps));
    let file = files.at("/etc/vault/unseal.json");
    let content = fs::read_to_string(&file).unwrap();
    let said = files.check(true).json().unwrap();
    let document: Value = serde_json::from_str(&said).unwrap();
    let warning =
        document["findings"].as_array().unwrap().iter().find(|it| it["kind"] == "root-token").unwrap();
    let advice = warning["remedy"].as_str().unwrap();
    let command = advice.split_once("vault-unseal enroll ").unwrap().1;
    let words: Vec<&str> = command.split(' ').collect();
    assert_eq!(words[0], file.to_str().unwrap());
    assert!(!words.contains(&"--force") && !words.contains(&"--shred"), "{command}");

    if are_root() {
        chown(&file, Some(4243), Some(4243)).unwrap();
        chown(files.at("/etc/vault"), Some(4243), Some(4243)).unwrap();
    }
    let before = fs::metadata(&file).unwrap();
    let copy = files.at(words[words.iter().position(|word| *word == "--output").unwrap() + 1]);
    let output = Command::new(env!("CARGO_BIN_EXE_vault-unseal"))
        .args(["enroll", words[0], "--plain", "--threshold", "1", "--output", copy.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let after = fs::metadata(&file).unwrap();
    let facts = |it: &fs::Metadata| (it.uid(), it.gid(), it.mode(), it.ino(), it.mtime_nsec());
    assert_eq!(facts(&after), facts(&before));
    assert_eq!(fs::read_to_string(&file).unwrap(), content);
    let written: Value = serde_json::from_str(&fs::read_to_string(copy).unwrap()).unwrap();
    let given: Value = serde_json::from_str(&content).unwrap();
    assert_eq!((&written["keys"], written.get("root_token")), (&given["keys"], None));
}

#[test]
fn share_file_that_others_can_read_is_a_warning_before_the_move_and_a_problem_after() {
    let server = says(&health(true, true, &json!({})), &seal(&json!({ "t": 1, "n": 1 })));
    let files = machine(&server.url());
    chmod(&files.at("/etc/vault/unseal.json"), 0o644);
    let steps = files.said(true);
    let commands = forth(&steps);
    let (before, _) = commands.split_once("vault-unseal check --takeover").unwrap();
    files.paste(before);
    let said = files.before_takeover();
    assert!(said.contains("warning  credentials"), "{said}");
    assert!(said.contains("chmod 0600 /etc/vault/unseal.json"), "{said}");
    assert!(said.starts_with("exit 0\n") || !are_root(), "{said}");
    assert!(files.said(true).contains("problem  credentials"), "{}", files.said(true));
    // That others can write it is no matter of how the old program did it.
    chmod(&files.at("/etc/vault/unseal.json"), 0o666);
    assert!(files.before_takeover().contains("problem  credentials"), "{}", files.before_takeover());
}

#[test]
fn old_unit_that_a_role_restores_is_a_problem_and_put_away_again() {
    let server = says(&health(true, true, &json!({})), &seal(&json!({ "t": 1, "n": 1 })));
    let files = machine(&server.url());
    let move_over = |files: &Files| {
        let said = files.said(true);
        let steps = forth(&said);
        files.paste(&steps);
        said
    };
    move_over(&files);
    assert!(!files.at(OLD).exists());
    files.put(OLD, UNIT, 0o644);
    let said = files.said(true);
    assert!(said.contains(&format!("{OLD} starts /etc/vault/vault-unseal.sh, not vault-unseal")), "{said}");
    let url = server.url();
    is_as_in("takeover-pi-again.txt", &Normal::default().servers([url.as_str()]).text(&said));
    move_over(&files);
    assert!(!files.at(OLD).exists());
    assert_eq!(fs::read_to_string(files.at(&format!("{OLD}.old"))).unwrap(), UNIT);
    // A newer version of the role writes another file.
    let newer = UNIT.replace("10", "20");
    files.put(OLD, &newer, 0o644);
    let said = move_over(&files);
    assert_eq!(fs::read_to_string(files.at(&format!("{OLD}.old2"))).unwrap(), newer);
    assert_eq!(fs::read_to_string(files.at(&format!("{OLD}.old"))).unwrap(), UNIT);
    let back = said.split_once("# To go back:").unwrap().1;
    files.paste(back);
    assert_eq!(fs::read_to_string(files.at(OLD)).unwrap(), newer);
    assert!(files.at(SHIPPED).exists() && files.at(CONFIG).exists());
}
