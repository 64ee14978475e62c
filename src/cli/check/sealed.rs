//! A file that the TPM sealed: whether the service gets to it and to the TPM, and whether the TPM opens it.

use super::finding::{Findings, Severity};
use super::readable::Access;
use super::{protection, service};
use crate::cli::machine::{Machine, Place};
use crate::explain::Explain as _;
use crate::external::quote::{self, Inexpressible, bind_path};
use crate::shares::tpm::{self, SealedFile, TpmRefusal, TpmTrouble};
use crate::shares::{FileRefusal, Loaded, ShareError, Source};
use crate::systemd::drop_in::DropIn;
use crate::systemd::units::{CredentialOrigin, Unit};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A sealed file as the configuration names it.
pub(super) struct Sealed<'a> {
    /// The file.
    pub(super) path: &'a Path,
    /// Which TPM.
    pub(super) tcti: Option<&'a str>,
    /// What the findings are about.
    pub(super) subject: &'a str,
}

impl Sealed<'_> {
    /// The shares in it, if the TPM opens it for us.
    pub(super) async fn check(&self, place: &Place<'_>, findings: &mut Findings) -> Option<Loaded> {
        let Place { machine, .. } = place;
        let unit = place.unit();
        let configured = machine.name(self.path);
        let handed = unit.and_then(|unit| handed_over(unit, &configured));
        let device = tpm::device(self.tcti);
        if let Some(unit) = unit {
            self.settings(machine, unit, &configured, handed.is_some(), findings);
        }
        let usable = self.helper(machine, findings)
            && device
                .as_deref()
                .is_none_or(|device| unit.is_none() || self.device(machine, device, findings));
        if let (Some(handed), Some(name)) = (&handed, configured.file_name().and_then(OsStr::to_str)) {
            service::compare_file(machine, name, handed, self.subject, findings);
        }
        let read = handed.unwrap_or(configured);
        let blob = self.look(machine, &read, unit.is_some(), findings)?;
        // A TPM is no part of a directory that stands for another machine.
        let loaded = if usable && (machine.is_this_one() || device.is_none()) {
            self.open(machine, &read, findings).await
        } else {
            let message =
                format!("{} in {}, not opened", super::finding::shares(blob.shares), quote::sentence(&read));
            findings.good(self.subject, message);
            None
        };
        protection::tpm2(&blob, self.subject, findings);
        loaded
    }

    /// What the unit has to say so that the service gets the file and the device.
    fn settings(&self, machine: &Machine, unit: &Unit, file: &Path, handed: bool, findings: &mut Findings) {
        let device = tpm::device(self.tcti);
        let lacking = match lacking(machine, unit, file, device.as_deref(), handed) {
            Ok(lacking) => lacking,
            Err(error) => return findings.explain(Severity::Problem, self.subject, &error),
        };
        let [first @ .., last] = lacking.as_slice() else { return };
        let list = if first.is_empty() { last.clone() } else { format!("{} and {last}", first.join(", ")) };
        let steps = match DropIn::tpm2(file, device.as_deref()) {
            Ok(drop_in) => drop_in.steps(machine.root(), ""),
            Err(error) => return findings.explain(Severity::Problem, self.subject, &error),
        };
        findings.add(
            Severity::Problem,
            self.subject,
            "unit-without-tpm",
            format!("the service cannot open {}: its unit lacks {list}", quote::sentence(file)),
            Some(format!("{steps}Then: systemctl daemon-reload; systemctl restart vault-unseal")),
        );
    }

    /// Whether the executable is there that speaks with the TPM.
    fn helper(&self, machine: &Machine, findings: &mut Findings) -> bool {
        let here = if machine.is_this_one() || tpm::device(self.tcti).is_none() {
            tpm::find().map(|_| ())
        } else if machine.has_file(Path::new(tpm::INSTALLED)) {
            Ok(())
        } else {
            let text = format!("there is no {}, which speaks with the TPM", tpm::INSTALLED);
            Err(TpmRefusal::new(TpmTrouble::HelperMissing, text))
        };
        here.map_err(|refusal| self.refused(&refusal, findings)).is_ok()
    }

    /// Whether the TPM's device is there.
    fn device(&self, machine: &Machine, device: &Path, findings: &mut Findings) -> bool {
        let there = machine.look(device).is_some();
        if !there {
            let kind = TpmTrouble::Absent.word();
            let text = format!("there is no TPM: {} is not there", quote::sentence(device));
            findings.add(Severity::Problem, self.subject, kind, text, Some(protection::ABSENT.to_owned()));
        }
        there
    }

    fn refused(&self, refusal: &TpmRefusal, findings: &mut Findings) {
        let advice = refusal.advice(Some(self.path));
        findings.add(Severity::Problem, self.subject, refusal.kind(), refusal.to_string(), Some(advice));
    }

    /// What the file says of itself.
    fn look(
        &self,
        machine: &Machine,
        file: &Path,
        by_service: bool,
        findings: &mut Findings,
    ) -> Option<tpm::Blob> {
        let error = match tpm::look(&SealedFile::itself(&machine.at(file)), &machine.trusted) {
            Ok(blob) => return Some(blob),
            Err(error) => error,
        };
        let name = quote::sentence(file);
        match error {
            ShareError::NotSealed { .. } => findings.add(
                Severity::Problem,
                self.subject,
                error.kind(),
                format!("there is no file {name}"),
                Some(format!("Seal the shares: vault-unseal enroll FILE --tpm2{}", output(file))),
            ),
            ShareError::File { cause: FileRefusal::Denied { .. }, .. } if by_service && !machine.as_root => {
                findings.add(
                    Severity::Warning,
                    self.subject,
                    "sealed-not-looked-into",
                    format!("{name}, which the TPM sealed: only root can look into it"),
                    Some("sudo vault-unseal check".to_owned()),
                );
            }
            error => findings.explain(Severity::Problem, self.subject, &error),
        }
        None
    }

    /// Lets the TPM open the file, off the loop.
    async fn open(&self, machine: &Machine, file: &Path, findings: &mut Findings) -> Option<Loaded> {
        let source = Source::Tpm2 { path: machine.at(file), tcti: self.tcti.map(str::to_owned) };
        let trusted = Arc::clone(&machine.trusted);
        // Ends by itself: whoever waits for the TPM gives up after a while.
        let opened = tokio::task::spawn_blocking(move || source.load(&trusted)).await.ok()?;
        match opened {
            Ok(loaded) => {
                let shares = super::finding::shares(loaded.shares.count());
                findings.good(self.subject, format!("{shares} in {}", quote::sentence(file)));
                Some(loaded)
            }
            Err(error) => {
                let not_ours = matches!(&error, ShareError::Tpm { cause, .. } if cause.trouble() == TpmTrouble::Permission);
                if not_ours && !machine.as_root {
                    let remedy = Some("sudo vault-unseal check".to_owned());
                    findings.add(Severity::Warning, self.subject, error.kind(), error.to_string(), remedy);
                } else {
                    findings.explain(Severity::Problem, self.subject, &error);
                }
                None
            }
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
        || (machine.look(file).is_some() && Access::of(Some(unit), machine).refusal(file).is_none())
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
        Some(metadata) => Access::of(Some(unit), machine).may(&metadata, 0o6),
        None => [unit.values("SupplementaryGroups"), unit.values("Group")]
            .iter()
            .flatten()
            .any(|names| names.split_whitespace().any(|name| name == GROUP)),
    }
}
