//! A root directory with the files of a machine: units, scripts, share files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use vault_unseal::cli::Checked;
use vault_unseal::config::{Environment, Origin, Overrides};
use vault_unseal::report::Style;

use crate::support::home::shares_of_nobody;
use crate::support::hostile::Hostile;
use crate::{Normal, health, says, seal};

pub(crate) const SHIPPED: &str = "/usr/lib/systemd/system/vault-unseal.service";
pub(crate) const WAIT: &str = "/usr/lib/systemd/system/vault-unsealed-wait.service";
pub(crate) const OLD: &str = "/etc/systemd/system/vault-unseal.service";
pub(crate) const CONFIG: &str = "/etc/vault-unseal/config.toml";
pub(crate) const SHARES: &str = "/etc/vault-unseal/shares.json";

/// What a shell script of this kind is started by.
pub(crate) const OLD_UNIT: &str = "\
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
pub(crate) const OLD_SCRIPT: &str = "\
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
pub(crate) struct Files {
    pub(crate) root: tempfile::TempDir,
}

impl Files {
    /// One with our unit where a package puts it.
    pub(crate) fn new() -> Self {
        let files = Self { root: crate::support::directory::named("vault-unseal-") };
        files.put(SHIPPED, include_str!("../../systemd/vault-unseal.service"), 0o644);
        files
    }

    /// One that a shell script unseals.
    pub(crate) fn with_script(script: &str) -> Self {
        let files = Self::new();
        files.put(OLD, OLD_UNIT, 0o644);
        files.enable("vault-unseal.service");
        files.put("/etc/vault/vault-unseal.sh", script, 0o755);
        files.put("/etc/vault/unseal.json", &json!({ "keys": shares_of_nobody(5, 3) }).to_string(), 0o600);
        files
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    pub(crate) fn put(&self, path: &str, text: &str, mode: u32) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // One that its owner may not write can be put anew all the same.
        let _ = fs::remove_file(&path);
        fs::write(&path, text).unwrap();
        chmod(&path, mode);
    }

    /// Links a unit of /etc to a target, as `systemctl enable` does.
    pub(crate) fn enable(&self, unit: &str) {
        let wants = self.at("/etc/systemd/system/multi-user.target.wants");
        fs::create_dir_all(&wants).unwrap();
        std::os::unix::fs::symlink(format!("/etc/systemd/system/{unit}"), wants.join(unit)).unwrap();
    }

    /// As a person reads what `check --takeover` says.
    pub(crate) fn before_takeover(&self) -> String {
        let origin = Origin::Standard(self.root.path().to_owned());
        let checked =
            Checked::before_takeover(&origin, &Environment::default(), &Overrides::default(), true).unwrap();
        let normal = Normal::default().directory(self.root.path(), "");
        format!("exit {}\n{}", checked.exit().code(), normal.text(&checked.table(Style::PLAIN)))
    }

    pub(crate) fn check(&self, as_root: bool) -> Checked {
        let origin = Origin::Standard(self.root.path().to_owned());
        Checked::of(&origin, &Environment::default(), &Overrides::default(), as_root).unwrap()
    }

    /// As a person reads it.
    pub(crate) fn said(&self, as_root: bool) -> String {
        let checked = self.check(as_root);
        let normal = Normal::default().directory(self.root.path(), "");
        format!("exit {}\n{}", checked.exit().code(), normal.text(&checked.table(Style::PLAIN)))
    }

    /// Runs commands with `bash -eu`, whose `/etc` is ours, and whose `systemctl` and `vault-unseal` only tell.
    pub(crate) fn shell(&self, commands: &str) -> Output {
        let root = self.root.path().to_str().unwrap();
        let stubs =
            "set -eu\nsystemctl() { echo \"systemctl $*\"; }\nvault-unseal() { echo \"vault-unseal $*\"; }\n";
        let script = stubs.to_owned() + &commands.replace("/etc/", &format!("{root}/etc/"));
        Command::new("bash").args(["-c", &script]).output().unwrap()
    }

    /// Runs commands that succeed.
    pub(crate) fn paste(&self, commands: &str) -> String {
        let root = self.root.path().to_str().unwrap();
        let output = self.shell(commands);
        assert!(output.status.success(), "{commands}\n{}", String::from_utf8_lossy(&output.stderr));
        // The unit and the configuration speak of the machine's own paths.
        for path in [
            CONFIG,
            "/etc/systemd/system/vault-unseal.service.d/shares.conf",
            "/etc/systemd/system/vault-unseal.service.d/ca.conf",
            "/etc/systemd/system/vault-unsealed-wait.service.d/ca.conf",
        ] {
            if let Ok(text) = fs::read_to_string(self.at(path)) {
                fs::write(self.at(path), text.replace(root, "")).unwrap();
            }
        }
        String::from_utf8(output.stdout).unwrap()
    }
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn shut() -> Hostile {
    says(&health(true, true, &json!({})), &seal(&json!({})))
}

pub(crate) fn configuration(server: &Hostile, more: &str) -> String {
    format!("[[cluster]]\nnodes = [\"{}\"]\n{more}\n", server.url())
}
