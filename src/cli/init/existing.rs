//! Whether shares for a cluster exist on this machine: whoever initialises one of its servers makes them worthless.

use crate::accounts::Trusted;
use crate::cli::check::machine::Machine;
use crate::config::Cluster;
use crate::shares::Source;
use crate::systemd::units::CredentialOrigin;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// Where systemd looks for credentials that a unit names without a path (systemd.exec(5), `LoadCredential=`).
const STORES: [&str; 8] = [
    "/etc/credstore",
    "/run/credstore",
    "/usr/local/lib/credstore",
    "/usr/lib/credstore",
    "/etc/credstore.encrypted",
    "/run/credstore.encrypted",
    "/usr/local/lib/credstore.encrypted",
    "/usr/lib/credstore.encrypted",
];

/// The source of a cluster's shares, if there is anything in it, or nobody can say that there is not. Blocks on the file
/// system.
pub(super) fn shares<'a>(cluster: &'a Cluster, trusted: &Arc<Trusted>) -> Option<&'a Source> {
    let source = cluster.shares.as_ref()?;
    let there = match source {
        Source::File(path) | Source::Tpm2 { path, .. } => may_exist(path),
        Source::Credential(name) => credential(name, trusted),
    };
    there.then_some(source)
}

/// What the installed service would get under this name.
fn credential(name: &str, trusted: &Arc<Trusted>) -> bool {
    let machine = Machine::new(Path::new("/"), true, Arc::clone(trusted), false);
    match machine.service().and_then(|service| service.unit.credential(name)) {
        None => false,
        Some(CredentialOrigin::Unit | CredentialOrigin::Specifier(_)) => true,
        Some(CredentialOrigin::File { path, .. }) if path.is_absolute() => may_exist(&path),
        Some(CredentialOrigin::File { path, .. }) => {
            STORES.iter().any(|store| may_exist(&Path::new(store).join(&path)))
        }
    }
}

/// False only where it is certain that there is nothing.
fn may_exist(path: &Path) -> bool {
    !matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound)
}
