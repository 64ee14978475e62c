//! The machine that is checked: its files below a root directory, and who looks at them.

use crate::accounts::Trusted;
use crate::systemd::units::{Unit, UnitFile};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The service whose files and unit are checked.
pub(super) const SERVICE: &str = "vault-unseal.service";

/// A machine's files, and who looks at them.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Machine {
    root: PathBuf,
    /// Whether root looks, who can read what the service cannot.
    pub(super) as_root: bool,
    /// Who may own what is secret, and what says whom to trust.
    pub(super) trusted: Arc<Trusted>,
}

impl Machine {
    /// The machine whose root directory this is; `trusted` is who is trusted on it.
    pub(in crate::cli) fn new(root: &Path, as_root: bool, trusted: Arc<Trusted>) -> Self {
        Self { root: root.to_owned(), as_root, trusted }
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
        self.root.join(path.strip_prefix("/").unwrap_or(path))
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

    /// Our own unit with its drop-ins, even where another of its name is preferred; `None` when it is not installed.
    pub(in crate::cli) fn service(&self) -> Option<Service> {
        let drop_ins = UnitFile::drop_ins(&self.root, SERVICE);
        let file =
            UnitFile::all(&self.root, SERVICE).into_iter().find(|file| !file.masked && is_ours(file))?;
        let path = file.path.clone();
        Some(Service { path, unit: Unit::new(file, drop_ins) })
    }
}

/// Our own unit.
pub(in crate::cli) struct Service {
    /// Its file.
    pub(super) path: PathBuf,
    /// What it says.
    pub(in crate::cli) unit: Unit,
}

/// Whether a unit file starts our daemon: a program `vault-unseal`, told to `run`.
pub(super) fn is_ours(file: &UnitFile) -> bool {
    file.commands("ExecStart").iter().any(|command| {
        command.name() == "vault-unseal" && command.arguments.iter().any(|argument| argument == "run")
    })
}
