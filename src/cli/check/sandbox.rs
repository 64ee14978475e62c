//! What a unit has to say so that its sandbox lets the service use a device and a file.

use super::readable::Access;
use crate::cli::machine::Machine;
use crate::external::quote::{Inexpressible, bind_path};
use crate::systemd::units::Unit;
use std::path::Path;

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
