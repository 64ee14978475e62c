//! Whether shares for a cluster exist on this machine: whoever initialises one of its servers makes them worthless.

use crate::accounts::Trusted;
use crate::cli::check::machine::Machine;
use crate::shares::Source;
use crate::systemd::units::CredentialOrigin;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

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

/// How long a look at files may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Whether there is anything in the source of a cluster's shares, or nobody can say that there is not. Blocks on the file
/// system.
pub(super) fn are_there(source: &Source, trusted: &Arc<Trusted>) -> bool {
    match source {
        Source::File(path) | Source::Tpm2 { path, .. } => may_exist(path),
        Source::Credential(name) => credential(name, trusted),
    }
}

/// The same off the loop; a file system that does not answer hides nothing for certain.
pub(super) async fn may_be_there(source: &Source, trusted: &Arc<Trusted>) -> bool {
    let (source, trusted) = (source.clone(), Arc::clone(trusted));
    let look = tokio::task::spawn_blocking(move || are_there(&source, &trusted));
    !matches!(tokio::time::timeout(LIMIT, look).await, Ok(Ok(false)))
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
