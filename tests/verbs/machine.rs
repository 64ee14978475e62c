//! What `check` says about the machine it runs on, here a root directory with the files of one: units, share files,
//! and what the service of the machine cannot read.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use vault_unseal::cli::{Checked, Exit};
use vault_unseal::config::{Environment, Origin, Overrides};
use vault_unseal::report::style::Style;

use crate::support::home::{lines, shares_of_nobody};
use crate::support::hostile::Hostile;
use crate::{Normal, health, is_as_in, says, seal};

const SHIPPED: &str = "/usr/lib/systemd/system/vault-unseal.service";
const OLD: &str = "/etc/systemd/system/vault-unseal.service";
const CONFIG: &str = "/etc/vault-unseal/config.toml";
const SHARES: &str = "/etc/vault-unseal/shares.json";

/// What a shell script of this kind is started by.
const OLD_UNIT: &str = "\
[Unit]
Description=Unseal Vault
Requires=vault.service
After=vault.service
PartOf=vault.service

[Service]
Type=oneshot
ExecStartPre=/bin/sleep 10
ExecStart=/etc/vault/vault-unseal.sh
RemainAfterExit=yes

[Install]
WantedBy=multi-user.target vault.service
";

/// And what such a script is like.
const OLD_SCRIPT: &str = "\
#!/bin/sh
# Unseals the Vault of this machine. Was http://10.0.0.1:8200/v1/sys/unseal before.
SERVER=vault.home
URL=\"https://${SERVER}:8200\"
KEY_FILE=/etc/vault/unseal.json

until curl -sk \"$URL/v1/sys/health\" >/dev/null; do sleep 10; done
while [ \"$(curl -sk $URL/v1/sys/health | jq .sealed)\" = true ]; do
    for key in $(jq -r '.keys[]' $KEY_FILE); do
        curl -sk -X PUT -d \"{\\\"key\\\": \\\"$key\\\"}\" \"$URL/v1/sys/unseal\" >/dev/null
    done
    sleep 10
done
";

/// A machine's files.
struct Files {
    root: tempfile::TempDir,
}

impl Files {
    /// One with our unit where a package puts it.
    fn new() -> Self {
        let files = Self { root: tempfile::Builder::new().prefix("vault-unseal-").tempdir().unwrap() };
        files.put(SHIPPED, include_str!("../../systemd/vault-unseal.service"), 0o644);
        files
    }

    /// One that a shell script unseals.
    fn with_script(script: &str) -> Self {
        let files = Self::new();
        files.put(OLD, OLD_UNIT, 0o644);
        files.put("/etc/vault/vault-unseal.sh", script, 0o755);
        files.put("/etc/vault/unseal.json", &json!({ "keys": shares_of_nobody(5, 3) }).to_string(), 0o600);
        files
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    fn put(&self, path: &str, text: &str, mode: u32) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        chmod(&path, mode);
    }

    fn check(&self, as_root: bool) -> Checked {
        let origin = Origin::Standard { root: self.root.path().to_owned() };
        Checked::of(&origin, &Environment::default(), &Overrides::default(), as_root).unwrap()
    }

    /// As a person reads it.
    fn said(&self, as_root: bool) -> String {
        let checked = self.check(as_root);
        let normal = Normal::default().directory(self.root.path(), "");
        format!("exit {}\n{}", checked.exit().code(), normal.text(&checked.table(Style::PLAIN)))
    }

    /// Pastes commands into a shell whose `/etc` is ours, and whose `systemctl` and `vault-unseal` only tell.
    fn paste(&self, commands: &str) -> String {
        let root = self.root.path().to_str().unwrap();
        let stubs =
            "set -eu\nsystemctl() { echo \"systemctl $*\"; }\nvault-unseal() { echo \"vault-unseal $*\"; }\n";
        let script = stubs.to_owned() + &commands.replace("/etc/", &format!("{root}/etc/"));
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        // The unit and the configuration speak of the machine's own paths.
        for path in
            ["/etc/vault-unseal/config.toml", "/etc/systemd/system/vault-unseal.service.d/shares.conf"]
        {
            if let Ok(text) = fs::read_to_string(self.at(path)) {
                fs::write(self.at(path), text.replace(root, "")).unwrap();
            }
        }
        String::from_utf8(output.stdout).unwrap()
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn shut() -> Hostile {
    says(&health(true, true, &json!({})), &seal(&json!({})))
}

fn configuration(server: &Hostile, more: &str) -> String {
    format!("[[cluster]]\nnodes = [\"{}\"]\n{more}\n", server.url())
}

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
    assert!(!files.said(false).contains("the service cannot read"), "who is not root finds out by himself");

    // A group may read the key once a drop-in gives it to the service.
    let group =
        std::os::unix::fs::MetadataExt::gid(&fs::metadata(files.at("/etc/ssl/private/client.key")).unwrap());
    files.put("/etc/group", &format!("ssl-cert:x:{group}:\n"), 0o644);
    assert!(files.said(true).contains("cannot read /etc/ssl/private/client.key"));
    files.put(
        "/etc/systemd/system/vault-unseal.service.d/key.conf",
        include_str!("../../systemd/examples/client-key.conf"),
        0o644,
    );
    assert!(!files.said(true).contains("cannot read /etc/ssl/private/client.key"), "{}", files.said(true));
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
        text += &format!("# {title}\n");
        text.extend(
            said.lines().filter(|line| !line.contains(&"configuration  ")).map(|line| line.to_owned() + "\n"),
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
