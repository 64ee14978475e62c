//! Whether shares for a cluster exist on this machine: whoever initialises one of its servers makes them worthless.

use crate::accounts::Trusted;
use crate::cli::machine::Machine;
use crate::shares::Source;
use crate::systemd::units::CredentialOrigin;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a look at files may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Whether there is anything in the source of a cluster's shares, or nobody can say that there is not: a file system that
/// does not answer hides nothing for certain.
pub(super) async fn may_be_there(source: &Source, trusted: &Arc<Trusted>) -> bool {
    let (source, trusted) = (source.clone(), Arc::clone(trusted));
    let look = tokio::task::spawn_blocking(move || match &source {
        Source::File(path) | Source::Tpm2 { path, .. } => may_exist(path),
        Source::Credential(name) => credential(name, &trusted),
    });
    !matches!(tokio::time::timeout(LIMIT, look).await, Ok(Ok(false)))
}

/// What the installed service would get under this name.
fn credential(name: &str, trusted: &Arc<Trusted>) -> bool {
    let machine = Machine::new(Path::new("/"), true, Arc::clone(trusted), false);
    match machine.service().and_then(|service| service.unit.credential(name)) {
        None => false,
        Some(CredentialOrigin::Unit | CredentialOrigin::Specifier(_)) => true,
        Some(origin @ CredentialOrigin::File { .. }) => origin.places().iter().any(|path| may_exist(path)),
    }
}

/// False only where it is certain that there is nothing.
fn may_exist(path: &Path) -> bool {
    !matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound)
}
