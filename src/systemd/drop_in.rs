//! The drop-ins that give sealed shares to the service: the examples of the package, fitted to other files and devices.

use crate::external::quote::{
    Inexpressible, bind_path, credential_name, device_unit, load_credential, shell,
};
use crate::files::below;
use std::fmt::Write as _;
use std::path::Path;

/// Where the package puts the examples.
const EXAMPLES: &str = "/usr/share/doc/vault-unseal/examples";
/// Where an administrator puts drop-ins of the service.
pub const DIRECTORY: &str = "/etc/systemd/system/vault-unseal.service.d";

/// What is added to the name of a drop-in that the steps of a move write, so that none of the administrator's is
/// written over. Of those that give one credential a later one counts.
pub const ENDINGS: [&str; 4] = [".conf", "2.conf", "3.conf", "4.conf"];

const TPM2: &str = include_str!("../../systemd/examples/tpm2.conf");
const TPM2_FILE: &str = "/etc/vault-unseal/shares.tpm2";
const TPM2_NAME: &str = "shares.tpm2";
const TPM2_DEVICE: &str = "/dev/tpmrm0";
const TPM2_UNIT: &str = "dev-tpmrm0.device";

const ENCRYPTED: &str = include_str!("../../systemd/examples/shares-encrypted.conf");
const ENCRYPTED_LOAD: &str = "shares:/etc/vault-unseal/shares.cred";

/// A drop-in of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropIn {
    /// The file among the examples that it is, or was made from.
    name: &'static str,
    /// Whether the example serves as it is.
    unchanged: bool,
    settings: Vec<String>,
}

impl DropIn {
    /// For a file that the TPM sealed, and the device of that TPM; `None` where the kernel has none for it.
    ///
    /// Errors: a unit cannot name the file or the device.
    pub fn tpm2(file: &Path, device: Option<&Path>) -> Result<Self, Inexpressible> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let load = load_credential(&name, file)?;
        let set = credential_name(&name)?;
        let unchanged = file == Path::new(TPM2_FILE) && device == Some(Path::new(TPM2_DEVICE));
        // udev tells systemd of resource managers alone.
        let waits =
            device.and_then(Path::file_name).is_some_and(|name| name.to_string_lossy().starts_with("tpmrm"));
        let device = match device {
            Some(device) => Some((bind_path("BindPaths=", device)?, device_unit(device)?)),
            None => None,
        };
        let lines = settings(TPM2).filter_map(|line| {
            if line.starts_with('[') {
                return Some(line.to_owned());
            }
            if line.contains("Credential=") {
                let (key, value) = line.split_once('=')?;
                let value =
                    if key == "LoadCredential" { load.clone() } else { value.replace(TPM2_NAME, &set) };
                return Some(format!("{key}={value}"));
            }
            let (device, unit) = device.as_ref()?;
            Some(line.replace(TPM2_DEVICE, device).replace(TPM2_UNIT, unit))
        });
        Ok(Self { name: "tpm2.conf", unchanged, settings: with_unit_section(lines, waits) })
    }

    /// For a credential of this name in a file that `systemd-creds` encrypted, with a TPM or without.
    ///
    /// Errors: a unit cannot name the file or the credential.
    pub fn encrypted(file: &Path, name: &str, tpm: bool) -> Result<Self, Inexpressible> {
        let load = load_credential(name, file)?;
        let unchanged = tpm && load == ENCRYPTED_LOAD;
        let lines = settings(ENCRYPTED).map(|line| line.replace(ENCRYPTED_LOAD, &load));
        Ok(Self { name: "shares-encrypted.conf", unchanged, settings: with_unit_section(lines, tpm) })
    }

    /// How it is put in place: a command where the example is there and serves as it is, else what to type into an
    /// editor, in several lines. `root` is the root directory of the machine; `as_whom` comes before each command.
    pub fn steps(&self, root: &Path, as_whom: &str) -> String {
        let example = Path::new(EXAMPLES).join(self.name);
        if self.unchanged && below(root, &example).is_file() {
            return format!("{as_whom}install -D -m 644 {} {DIRECTORY}/{}\n", shell(&example), self.name);
        }
        let mut text = format!("{as_whom}systemctl edit vault-unseal, with\n");
        for line in &self.settings {
            let _ = writeln!(text, "  {line}");
        }
        text
    }
}

/// The lines of an example without its comments and without empty ones.
fn settings(example: &'static str) -> impl Iterator<Item = &'static str> {
    example.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Leaves `[Unit]`, which waits for the device, out where nothing has to be waited for.
fn with_unit_section(lines: impl Iterator<Item = String>, waits: bool) -> Vec<String> {
    lines.skip_while(|line| !waits && line != "[Service]").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_that_serves_is_installed_and_any_other_is_typed() {
        let root = crate::testing::directory();
        let examples = root.path().join(EXAMPLES.trim_start_matches('/'));
        let device = Some(Path::new(TPM2_DEVICE));
        let tpm2 = DropIn::tpm2(Path::new(TPM2_FILE), device).unwrap();
        let typed = "\
sudo systemctl edit vault-unseal, with
  [Unit]
  Wants=dev-tpmrm0.device
  After=dev-tpmrm0.device
  [Service]
  BindPaths=-/dev/tpmrm0
  DeviceAllow=/dev/tpmrm0 rw
  SupplementaryGroups=tss
  LoadCredential=shares.tpm2:/etc/vault-unseal/shares.tpm2
  SetCredential=shares.tpm2:\\n
";
        assert_eq!(tpm2.steps(root.path(), "sudo "), typed, "no package, or one without its documentation");
        std::fs::create_dir_all(&examples).unwrap();
        for (name, text) in [("tpm2.conf", TPM2), ("shares-encrypted.conf", ENCRYPTED)] {
            std::fs::write(examples.join(name), text).unwrap();
        }
        assert_eq!(
            tpm2.steps(root.path(), "sudo "),
            "sudo install -D -m 644 /usr/share/doc/vault-unseal/examples/tpm2.conf \
             /etc/systemd/system/vault-unseal.service.d/tpm2.conf\n"
        );
        let steps = |drop_in: Result<DropIn, Inexpressible>| drop_in.unwrap().steps(root.path(), "");
        let elsewhere = Path::new("/srv/keys/of.pi");
        assert_eq!(
            steps(DropIn::tpm2(elsewhere, Some(Path::new("/dev/tpmrm1")))),
            typed
                .replace("sudo ", "")
                .replace("tpmrm0", "tpmrm1")
                .replace("=shares.tpm2:", "=of.pi:")
                .replace("/etc/vault-unseal/shares.tpm2", "/srv/keys/of.pi")
        );
        let without = steps(DropIn::tpm2(Path::new(TPM2_FILE), None));
        assert_eq!(
            without,
            "systemctl edit vault-unseal, with\n  [Service]\n  LoadCredential=shares.tpm2:/etc/vault-unseal/shares.tpm2\
             \n  SetCredential=shares.tpm2:\\n\n"
        );
        let raw = steps(DropIn::tpm2(Path::new(TPM2_FILE), Some(Path::new("/dev/tpm0"))));
        assert!(raw.contains("BindPaths=-/dev/tpm0") && !raw.contains("[Unit]"), "{raw}");

        let cred = Path::new("/etc/vault-unseal/shares.cred");
        assert!(steps(DropIn::encrypted(cred, "shares", true)).starts_with("install -D"));
        assert_eq!(
            steps(DropIn::encrypted(cred, "shares", false)),
            "systemctl edit vault-unseal, with\n  [Service]\n  \
             LoadCredentialEncrypted=shares:/etc/vault-unseal/shares.cred\n"
        );
        assert_eq!(
            steps(DropIn::encrypted(elsewhere, "held", true)),
            "systemctl edit vault-unseal, with\n  [Unit]\n  Wants=dev-tpmrm0.device\n  After=dev-tpmrm0.device\n  \
             [Service]\n  LoadCredentialEncrypted=held:/srv/keys/of.pi\n"
        );
        let odd = steps(DropIn::tpm2(Path::new("/srv/50% off/a b"), Some(Path::new("/dev/tpm-rm 1"))));
        for line in [
            "BindPaths=-\"/dev/tpm-rm 1\"",
            "DeviceAllow=\"/dev/tpm-rm 1\" rw",
            "LoadCredential=a b:/srv/50%% off/a b",
            "SetCredential=a b:\\n",
        ] {
            assert!(odd.lines().any(|said| said.trim() == line), "{line}\n{odd}");
        }
    }

    #[test]
    fn path_with_a_line_break_is_no_second_directive() {
        let path = Path::new("/srv/a\nExecStartPre=/bin/sh -c id\nX=b");
        assert!(DropIn::tpm2(path, None).is_err());
        assert!(DropIn::tpm2(Path::new(TPM2_FILE), Some(path)).is_err());
        assert!(DropIn::encrypted(path, "shares", false).is_err());
        assert!(DropIn::encrypted(Path::new("/srv/a"), "a\nb", false).is_err());
    }
}
