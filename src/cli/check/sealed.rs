//! A file that the TPM sealed: whether the service gets to it and to the TPM, and whether the TPM opens it.

use super::finding::Topic;
use super::{protection, service};
use crate::cli::machine::Machine;
use crate::cluster::ShareSource;
use crate::explain::Explain as _;
use crate::external::quote::{self, Inexpressible, bind_path};
use crate::report::state::counted;
use crate::shares::tpm::{self, SealedFile, TpmError, TpmErrorKind};
use crate::shares::{FileRefusal, LoadedShares, ShareError};
use crate::systemd::access::ServiceAccess;
use crate::systemd::drop_in::DropIn;
use crate::systemd::units::{CredentialOrigin, Unit};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A sealed file as the configuration names it.
pub(super) struct Sealed<'a, 'b> {
    /// The file.
    pub(super) path: &'a Path,
    /// Which TPM.
    pub(super) tcti: Option<&'a str>,
    /// Where both are.
    pub(super) machine: &'a Machine,
    /// Where the findings go.
    pub(super) topic: &'a mut Topic<'b>,
}

impl Sealed<'_, '_> {
    /// The shares in it, if the TPM opens it for us. `unit` is the service's that reads it.
    pub(super) async fn check(mut self, unit: Option<&Unit>) -> Option<LoadedShares> {
        let machine = self.machine;
        let configured = machine.name(self.path);
        let handed = unit.and_then(|unit| handed_over(unit, &configured));
        let device = tpm::device(self.tcti);
        if let Some(unit) = unit {
            self.settings(unit, &configured, device.as_deref(), handed.is_some());
        }
        let usable =
            self.helper() && device.as_deref().is_none_or(|device| unit.is_none() || self.has_device(device));
        if let (Some(handed), Some(name)) = (&handed, configured.file_name().and_then(OsStr::to_str)) {
            service::compare_file(machine, name, handed, self.topic);
        }
        let read = handed.unwrap_or(configured);
        let blob = self.look(&read, unit.is_some())?;
        // A TPM is no part of a directory that stands for another machine.
        let loaded = if usable && (machine.is_this_one() || device.is_none()) {
            self.open(&read).await
        } else {
            let (shares, file) = (counted(blob.shares, "share"), quote::sentence(&read));
            self.topic.good(format!("{shares} in {file}, not opened"));
            None
        };
        protection::tpm2(&blob, self.topic);
        loaded
    }

    /// What the unit has to say so that the service gets the file and the device.
    fn settings(&mut self, unit: &Unit, file: &Path, device: Option<&Path>, handed: bool) {
        let lacking = lacking(self.machine, unit, file, device, handed);
        let Some(lacking) = self.topic.succeeded(lacking) else { return };
        let [first @ .., last] = lacking.as_slice() else { return };
        let list = if first.is_empty() { last.clone() } else { format!("{} and {last}", first.join(", ")) };
        let Some(drop_in) = self.topic.succeeded(DropIn::tpm2(file, device)) else { return };
        let steps = drop_in.steps(self.machine.root(), "");
        self.topic.problem(
            "unit-without-tpm",
            format!("the service cannot open {}: its unit lacks {list}", quote::sentence(file)),
            format!("{steps}Then: systemctl daemon-reload; systemctl restart vault-unseal"),
        );
    }

    /// Whether the executable is there that speaks with the TPM.
    fn helper(&mut self) -> bool {
        let here = if self.machine.is_this_one() || tpm::device(self.tcti).is_none() {
            tpm::find().map(|_| ())
        } else if self.machine.has_file(Path::new(tpm::INSTALLED)) {
            Ok(())
        } else {
            let text = format!("there is no {}, which speaks with the TPM", tpm::INSTALLED);
            Err(TpmError::new(TpmErrorKind::HelperMissing, text))
        };
        here.map_err(|refusal| {
            let (kind, advice) = refusal.explained(Some(self.path));
            self.topic.problem(kind, refusal.to_string(), advice);
        })
        .is_ok()
    }

    /// Whether the TPM's device is there.
    fn has_device(&mut self, device: &Path) -> bool {
        let there = self.machine.look(device).is_some();
        if !there {
            let text = format!("there is no TPM: {} is not there", quote::sentence(device));
            self.topic.problem(TpmErrorKind::Absent.word(), text, protection::ABSENT);
        }
        there
    }

    /// What the file says of itself.
    fn look(&mut self, file: &Path, by_service: bool) -> Option<tpm::Blob> {
        let name = quote::sentence(file);
        match tpm::look(&SealedFile::itself(&self.machine.at(file)), &self.machine.trusted) {
            Err(error @ ShareError::NotSealed(_)) => self.topic.problem(
                error.kind(),
                format!("there is no file {name}"),
                format!("Seal the shares: vault-unseal enroll FILE --tpm2{}", output(file)),
            ),
            Err(ShareError::File(_, FileRefusal::Denied { .. })) if by_service && !self.machine.as_root => {
                let message = format!("{name}, which the TPM sealed: only root can look into it");
                self.topic.warn("sealed-not-looked-into", message, "sudo vault-unseal check");
            }
            looked => return self.topic.succeeded(looked),
        }
        None
    }

    /// Lets the TPM open the file, off the loop.
    async fn open(&mut self, file: &Path) -> Option<LoadedShares> {
        let source = ShareSource::Tpm2 { path: self.machine.at(file), tcti: self.tcti.map(str::to_owned) };
        let trusted = Arc::clone(&self.machine.trusted);
        // Ends by itself: the wait for the TPM has a limit.
        match tokio::task::spawn_blocking(move || source.load(&trusted)).await.ok()? {
            Ok(loaded) => {
                let shares = counted(loaded.shares.count(), "share");
                self.topic.good(format!("{shares} in {}", quote::sentence(file)));
                Some(loaded)
            }
            Err(ref error @ ShareError::Tpm(_, ref cause))
                if cause.kind() == TpmErrorKind::Permission && !self.machine.as_root =>
            {
                self.topic.warn(error.kind(), error.to_string(), "sudo vault-unseal check");
                None
            }
            failed => self.topic.succeeded(failed),
        }
    }
}

/// The settings that the unit lacks for this file and this device; `handed` says that it gives the file already.
fn lacking(
    machine: &Machine,
    unit: &Unit,
    file: &Path,
    device: Option<&Path>,
    handed: bool,
) -> Result<Vec<String>, Inexpressible> {
    let mut lacking = match device {
        Some(device) => device_settings(machine, unit, device)?,
        None => Vec::new(),
    };
    if !handed && !reads(machine, unit, file) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        lacking.push(format!("LoadCredential={}", quote::load_credential(&name, file)?));
    }
    Ok(lacking)
}

/// The file whose copy systemd hands to the service in place of `file`.
fn handed_over(unit: &Unit, file: &Path) -> Option<PathBuf> {
    match unit.credential(file.file_name()?.to_str()?) {
        Some(CredentialOrigin::File { path, encrypted: false, .. }) if path.is_absolute() => Some(path),
        _ => None,
    }
}

/// What `enroll` has to be told of a file that is elsewhere than usual.
fn output(file: &Path) -> String {
    if file == Path::new("/etc/vault-unseal/shares.tpm2") {
        String::new()
    } else {
        format!(" --output {}", quote::shell(file))
    }
}

/// Whose device the TPM is on Debian (tpm-udev).
const GROUP: &str = "tss";

/// The settings that the unit lacks for using `device`, as a drop-in would have them.
///
/// Errors: no unit can name the device.
pub(super) fn device_settings(
    machine: &Machine,
    unit: &Unit,
    device: &Path,
) -> Result<Vec<String>, Inexpressible> {
    let mut lacking = Vec::new();
    let name = bind_path("BindPaths=", device)?;
    let private = unit.is_on("PrivateDevices");
    if private && !is_bound(unit, device) {
        lacking.push(format!("BindPaths=-{name}"));
    }
    let closed = private || unit.value("DevicePolicy").is_some_and(|policy| policy != "auto");
    // Without the setting every device is allowed; with it for another one, only that.
    if (closed || !unit.values("DeviceAllow").is_empty()) && !is_allowed(unit, device) {
        lacking.push(format!("DeviceAllow={name} rw"));
    }
    if unit.is_on("DynamicUser") && !is_member(machine, unit, device) {
        lacking.push(format!("SupplementaryGroups={GROUP}"));
    }
    Ok(lacking)
}

/// Whether the service can read the file itself, one that is still to be made too: it will be root's alone. With a user
/// of the administrator's choice that is his question.
pub(super) fn reads(machine: &Machine, unit: &Unit, file: &Path) -> bool {
    !unit.is_on("DynamicUser")
        || (machine.look(file).is_some()
            && ServiceAccess::of(Some(unit), machine.root()).refusal(&machine.name(file)).is_none())
}

/// Whether a device of the machine's own is shown in the service's `/dev`.
fn is_bound(unit: &Unit, device: &Path) -> bool {
    let paths = [unit.values("BindPaths"), unit.values("BindReadOnlyPaths")].concat();
    paths.iter().flat_map(|value| value.split_whitespace()).any(|path| {
        let source = path.trim_start_matches(['-', '+']).split(':').next().unwrap_or_default();
        device.starts_with(source)
    })
}

/// Whether the device may be read and written.
fn is_allowed(unit: &Unit, device: &Path) -> bool {
    unit.values("DeviceAllow").iter().any(|value| {
        let mut words = value.split_whitespace();
        let named = words.next().is_some_and(|word| Path::new(word) == device || is_class(word));
        let access = words.next().unwrap_or("rwm");
        named && access.contains('r') && access.contains('w')
    })
}

/// Whether a word names the kernel's class of the device (`char-tpm`), or every one.
fn is_class(word: &str) -> bool {
    word.strip_prefix("char-").is_some_and(|class| class == "*" || class.starts_with("tpm"))
}

/// Whether the service is in the device's group, or, while there is no device, in the usual one.
fn is_member(machine: &Machine, unit: &Unit, device: &Path) -> bool {
    match machine.look(device) {
        Some(metadata) => ServiceAccess::of(Some(unit), machine.root()).may(&metadata, 0o6),
        None => [unit.values("SupplementaryGroups"), unit.values("Group")]
            .iter()
            .flatten()
            .any(|names| names.split_whitespace().any(|name| name == GROUP)),
    }
}
