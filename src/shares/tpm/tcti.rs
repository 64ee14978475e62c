//! Which TPM is meant, in the words of tpm2-tss (`device:/dev/tpmrm0`, `tabrmd:`, `swtpm:host=…,port=…`).

use std::path::{Path, PathBuf};

/// The kernel's resource manager: shares the TPM among its users and cleans up after them.
const DEVICE: &str = "/dev/tpmrm0";

/// The device through which the service, whose environment names no TPM, reaches the configured one; `None` where that is
/// no device of the kernel's.
pub fn device(configured: Option<&str>) -> Option<PathBuf> {
    let configured = configured.unwrap_or("device");
    let (kind, path) = configured.split_once(':').unwrap_or((configured, ""));
    (kind == "device").then(|| PathBuf::from(if path.is_empty() { DEVICE } else { path }))
}

/// The configured TPM, else that of tpm2-tools' variables, else the kernel's, else that of the daemon tpm2-abrmd.
pub(super) fn resolve(configured: Option<&str>) -> String {
    let variable = |name: &str| std::env::var(name).ok();
    choose(configured, variable, |path| Path::new(path).exists())
}

fn choose(
    configured: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
    exists: impl Fn(&str) -> bool,
) -> String {
    let set = |name| variable(name).filter(|text| !text.is_empty());
    let named = configured.map(str::to_owned).or_else(|| set("TPM2TOOLS_TCTI")).or_else(|| set("TCTI"));
    named.unwrap_or_else(|| {
        // Without the kernel's manager (before Linux 4.12) and with a bus, a daemon may be there instead.
        if !exists(DEVICE) && exists("/dev/tpm0") && exists("/run/dbus/system_bus_socket") {
            "tabrmd:".to_owned()
        } else {
            format!("device:{DEVICE}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_told_from_other_ways_to_a_tpm() {
        let shown = |configured| device(configured).map(|path| path.display().to_string());
        for configured in [None, Some("device"), Some("device:"), Some("device:/dev/tpmrm0")] {
            assert_eq!(shown(configured).as_deref(), Some("/dev/tpmrm0"), "{configured:?}");
        }
        assert_eq!(shown(Some("device:/dev/tpm0")).as_deref(), Some("/dev/tpm0"));
        for configured in ["tabrmd:", "swtpm:host=127.0.0.1,port=2321"] {
            assert_eq!(shown(Some(configured)), None);
        }
    }

    #[test]
    fn what_is_said_wins_and_then_the_kernel() {
        let nothing = |_: &str| None;
        let both = |name: &str| Some(format!("of {name}"));
        let tcti = |name: &str| (name == "TCTI").then(|| "of TCTI".to_owned());
        let empty = |name: &str| Some(if name == "TCTI" { "of TCTI".to_owned() } else { String::new() });
        assert_eq!(choose(Some("configured"), both, |_| true), "configured");
        assert_eq!(choose(None, both, |_| true), "of TPM2TOOLS_TCTI");
        assert_eq!(choose(None, tcti, |_| true), "of TCTI");
        assert_eq!(choose(None, empty, |_| true), "of TCTI");
        assert_eq!(choose(None, nothing, |_| true), "device:/dev/tpmrm0");
        assert_eq!(choose(None, nothing, |path| path != DEVICE), "tabrmd:");
        assert_eq!(choose(None, nothing, |_| false), "device:/dev/tpmrm0", "what is missing is named");
    }
}
