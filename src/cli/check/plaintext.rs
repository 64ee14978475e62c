//! Plain share files that were left beside sealed ones.

use super::finding::{Findings, Severity, shares};
use crate::cli::machine::Machine;
use crate::config::Loaded;
use crate::external::quote;
use crate::shares::home;
use crate::shares::tpm::{self, SealedFile};
use crate::shares::{Notice, Source};
use crate::systemd::units::{CredentialOrigin, Unit};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The most files of one directory that are looked into.
const MOST: usize = 100;

/// Looks into the directories of sealed shares. Only root can. Where the sealed file is not there, or is none, a plain one
/// may be the only copy, and nothing is said against it.
pub(super) fn check(machine: &Machine, loaded: &Loaded, unit: &Unit, findings: &mut Findings) {
    let (mut sealed, mut used) = (BTreeSet::new(), BTreeSet::new());
    for source in loaded.settings.clusters.iter().filter_map(|cluster| cluster.shares.as_ref()) {
        match source {
            Source::Tpm2 { path, .. } => {
                let path = machine.name(path);
                let file = SealedFile::itself(&machine.at(&path));
                if tpm::look(&file, &machine.trusted).is_ok() {
                    sealed.insert(path);
                }
            }
            Source::File(path) => drop(used.insert(machine.name(path))),
            Source::Credential(name) => match unit.credential(name) {
                Some(CredentialOrigin::File { path, encrypted: true, .. })
                    if home::credential_kind(&machine.at(&path)).is_ok_and(|kind| kind.is_some()) =>
                {
                    sealed.insert(path);
                }
                Some(CredentialOrigin::File { path, .. }) => drop(used.insert(path)),
                _ => {}
            },
        }
    }
    let directories: BTreeSet<&Path> =
        sealed.iter().filter(|path| path.is_absolute()).filter_map(|path| path.parent()).collect();
    for directory in directories {
        for path in files(machine, directory).into_iter().filter(|path| !used.contains(path)) {
            left(machine, &path, findings);
        }
    }
}

/// The regular files in a directory of the machine, in order.
fn files(machine: &Machine, directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(machine.at(directory)).into_iter().flatten().flatten();
    let regular = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut paths: Vec<_> = regular.take(MOST).map(|entry| directory.join(entry.file_name())).collect();
    paths.sort();
    paths
}

fn left(machine: &Machine, path: &Path, findings: &mut Findings) {
    let Ok(loaded) = Source::load_unjudged(&machine.at(path)) else { return };
    let shares = shares(loaded.shares.count());
    let (shown, file) = (quote::sentence(path), quote::shell(path));
    let token = loaded.notices.iter().any(|notice| matches!(notice, Notice::RootToken { .. }));
    let first = if token { "Keep the root token that is in it as well, if it is nowhere else. " } else { "" };
    findings.add(
        Severity::Warning,
        "shares",
        "plain-beside-sealed",
        format!("{shown} holds {shares} as they are, beside sealed ones: whoever reads the disk, or a backup of it, has them"),
        Some(format!(
            "{first}Once the service has unsealed a server with the sealed ones, and a copy is kept on another machine: \
             shred -u {file}"
        )),
    );
}
