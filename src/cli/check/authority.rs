//! A credential with certificate authorities: whether both services are given it, and whether the running one has it as
//! it is now.

use super::finding::{Findings, Severity};
use super::readable::Access;
use super::running;
use crate::cli::machine::Machine;
use crate::config::{CaCredential, Loaded};
use crate::external::quote;
use crate::systemd::units::{CredentialOrigin, Unit};
use std::path::Path;

/// Who asks servers itself, beside the service.
pub(super) const WAIT: &str = "vault-unsealed-wait.service";
/// What an example names.
const EXAMPLE: &str = "/etc/vault/tls/vault-ca.crt";

/// Looks at those of all clusters, as root.
pub(super) fn check(machine: &Machine, loaded: &Loaded, unit: &Unit, findings: &mut Findings) {
    for cluster in &loaded.settings.clusters {
        let Some(CaCredential { name, .. }) = &cluster.tls.ca_credential else { continue };
        match unit.credential(name) {
            Some(CredentialOrigin::File { path, encrypted: false, .. }) if path.is_absolute() => {
                running::file(machine, name, &path, "tls", findings);
                waiting(machine, name, &path, findings);
            }
            Some(_) => {}
            None => findings.add(
                Severity::Problem,
                "tls",
                "credential-missing",
                format!("credential \"{name}\": vault-unseal.service does not give it to the service"),
                Some(format!("Name its file: {}", drop_in("vault-unseal", name, Path::new(EXAMPLE)))),
            ),
        }
    }
}

/// What waits for the servers has a sandbox of its own.
fn waiting(machine: &Machine, name: &str, path: &Path, findings: &mut Findings) {
    let Some(wait) = Unit::load(machine.root(), WAIT).filter(|wait| wait.credential(name).is_none()) else {
        return;
    };
    if Access::of(Some(&wait), machine).refusal(path).is_some() {
        findings.add(
            Severity::Warning,
            "tls",
            "wait-without-credential",
            format!(
                "{WAIT} is not given credential \"{name}\" and cannot read {}: vault-unsealed.target is not reached",
                quote::sentence(path)
            ),
            Some(format!("Name the file there as well: {}", drop_in("vault-unsealed-wait", name, path))),
        );
    }
}

fn drop_in(unit: &str, name: &str, path: &Path) -> String {
    match quote::load_credential(name, path) {
        Ok(value) => format!("systemctl edit {unit}, [Service], LoadCredential={value}"),
        Err(error) => format!("systemctl edit {unit}. {error}"),
    }
}
