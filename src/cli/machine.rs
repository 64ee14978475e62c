//! The machine that is checked: its files below a root directory, who looks at them, and whether shares are there.

pub(super) use crate::systemd::SERVICE;

use crate::accounts::Trusted;
use crate::cluster::ShareSource;
use crate::files::below;
use crate::systemd::units::{CredentialOrigin, Unit, UnitFile};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where administrators put units.
pub(super) const OWN_UNITS: [&str; 3] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system"];

/// Where the configuration is.
pub(super) const CONFIG: &str = "/etc/vault-unseal/config.toml";
/// Where its further files are.
pub(super) const CONFIG_FRAGMENTS: &str = "/etc/vault-unseal/config.d";
/// Where the unit's own `LoadCredential=` looks for shares.
pub(super) const PLAIN_SHARES: &str = "/etc/vault-unseal/shares.json";

/// A machine's files, and who looks at them.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    root: PathBuf,
    /// Whether root looks, who can read what the service cannot.
    pub(super) as_root: bool,
    /// Who may own what is secret, and what says whom to trust.
    pub(super) trusted: Arc<Trusted>,
    /// Whether the service is about to take the place of another of its name: that one's settings do not count.
    pub(super) moving: bool,
}

impl Machine {
    /// The machine whose root directory this is; `trusted` is who is trusted on it, `moving` as the
    /// field.
    pub(super) fn new(root: &Path, as_root: bool, trusted: Arc<Trusted>, moving: bool) -> Self {
        Self { root: root.to_owned(), as_root, trusted, moving }
    }

    /// Whether it is the machine that we run on, whose devices and keys are at hand.
    pub(super) fn is_this_one(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Its root directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file of the machine is found from here; what lies below its root already stays as it is.
    pub(super) fn at(&self, path: &Path) -> PathBuf {
        if path.starts_with(&self.root) {
            return path.to_owned();
        }
        below(&self.root, path)
    }

    /// What the machine itself calls a file: the reverse of [`Machine::at`].
    pub(super) fn name(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).map_or_else(|_| path.to_owned(), |inside| Path::new("/").join(inside))
    }

    /// What the machine says of a file, links followed.
    pub(super) fn look(&self, path: &Path) -> Option<Metadata> {
        fs::metadata(self.at(path)).ok()
    }

    /// Whether there is such a file.
    pub(super) fn has_file(&self, path: &Path) -> bool {
        self.look(path).is_some_and(|metadata| metadata.is_file())
    }

    /// What is in a directory, by the machine's own paths.
    pub(super) fn entries(&self, directory: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.at(directory)).into_iter().flatten().flatten();
        entries.map(|entry| directory.join(entry.file_name())).collect()
    }

    /// Whether a unit is enabled: a link to it is in a target's, or another unit's, `.wants` or `.requires`.
    pub(super) fn is_enabled(&self, name: &str) -> bool {
        let wanted = |directory: &PathBuf| {
            let kind = directory.extension().is_some_and(|kind| kind == "wants" || kind == "requires");
            kind && self.at(&directory.join(name)).symlink_metadata().is_ok()
        };
        OWN_UNITS.iter().any(|units| self.entries(Path::new(units)).iter().any(wanted))
    }

    /// Our own unit with its drop-ins, even where another of its name is preferred; `None` when it is not installed.
    pub(super) fn service(&self) -> Option<InstalledService> {
        let mut drop_ins = UnitFile::drop_ins(&self.root, SERVICE);
        if self.moving {
            drop_ins.retain(|file| !is_foreign(file));
        }
        let file =
            UnitFile::all(&self.root, SERVICE).into_iter().find(|file| !file.masked && file.starts_us())?;
        let path = file.path.clone();
        Some(InstalledService { path, unit: Unit::new(file, drop_ins) })
    }
}

/// Our own unit.
pub(super) struct InstalledService {
    /// Its file.
    pub(super) path: PathBuf,
    /// What it says.
    pub(super) unit: Unit,
}

/// What `ExecStart=` and the rest of an old unit's drop-ins would do to ours.
const FOREIGN: [&str; 6] = ["Type", "User", "Group", "Environment", "EnvironmentFile", "WorkingDirectory"];

/// Whether a drop-in says how the old program runs, and not only where credentials are.
pub(super) fn is_foreign(file: &UnitFile) -> bool {
    file.service_keys().any(|key| key.starts_with("Exec") || FOREIGN.contains(&key))
}

/// Where the service lives whose credentials are looked at.
pub(super) struct CheckedService<'a> {
    /// Its machine.
    pub(super) machine: &'a Machine,
    /// Its unit, if it is installed.
    pub(super) service: Option<&'a InstalledService>,
    /// Whether the configuration is the service's own, and not a file that --config names.
    pub(super) standard: bool,
}

impl CheckedService<'_> {
    /// The unit of the service that runs with this configuration.
    pub(super) fn unit(&self) -> Option<&Unit> {
        self.service.filter(|_| self.standard).map(|service| &service.unit)
    }
}

/// How long a look at files may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Whether there is anything in the source of a cluster's shares, or nobody can say that there is not: a file system that
/// does not answer hides nothing for certain.
pub(super) async fn may_have_shares(source: &ShareSource, trusted: &Arc<Trusted>) -> bool {
    let (source, trusted) = (source.clone(), Arc::clone(trusted));
    let look = tokio::task::spawn_blocking(move || match &source {
        ShareSource::File(path) | ShareSource::Socket(path) | ShareSource::Tpm2 { path, .. } => {
            may_exist(path)
        }
        ShareSource::Credential(name) => credential(name, &trusted),
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
