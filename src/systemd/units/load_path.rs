//! Where systemd looks for units and drop-ins (systemd.unit(5), "UNIT FILE LOAD PATH").

use super::inside;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// The directories of the system manager; what is found in an earlier one counts. Generators' are left out: no
/// generator makes the units that are looked at here.
const DIRECTORIES: [&str; 8] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// A chain of links that is longer leads nowhere.
const MOST_LINKS: usize = 16;

/// The directories there are, each once: `/lib` is often a link to `/usr/lib`.
pub(super) fn directories(root: &Path) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    let mut directories = Vec::new();
    for directory in DIRECTORIES {
        let Ok(real) = fs::canonicalize(root.join(inside(Path::new(directory)))) else { continue };
        if !seen.contains(&real) {
            seen.push(real);
            directories.push(PathBuf::from(directory));
        }
    }
    directories
}

/// The drop-ins of a unit in the order of their names; of several with one name the first directory's counts.
pub(super) fn drop_ins(root: &Path, unit: &str) -> Vec<PathBuf> {
    let mut found: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for directory in drop_in_directories(unit) {
        for above in directories(root) {
            let directory = above.join(&directory);
            let entries = fs::read_dir(root.join(inside(&directory))).into_iter().flatten().flatten();
            for name in entries.map(|entry| entry.file_name()) {
                if Path::new(&name).extension().is_some_and(|extension| extension == "conf") {
                    let path = directory.join(&name);
                    found.entry(name).or_insert(path);
                }
            }
        }
    }
    found.into_values().collect()
}

/// For `vault-unseal.service`: its own, `vault-.service.d` for all that begin alike, `service.d` for all services.
/// Those of an instance come before those of its template.
fn drop_in_directories(unit: &str) -> Vec<String> {
    let (stem, kind) = unit.rsplit_once('.').unwrap_or((unit, "service"));
    let (prefix, instance) = stem.find('@').map_or((stem, ""), |at| stem.split_at(at));
    let dashes: Vec<usize> = prefix.match_indices('-').map(|(at, _)| at).collect();
    let shorter = dashes.into_iter().rev().filter_map(|at| prefix.get(..=at));
    let prefixes: Vec<&str> =
        [prefix].into_iter().chain(shorter.filter(|shorter| *shorter != prefix)).collect();
    let instances: &[&str] = if instance.len() > 1 { &[instance, "@"] } else { &[instance] };
    let mut directories = Vec::new();
    for instance in instances {
        directories.extend(prefixes.iter().map(|prefix| format!("{prefix}{instance}.{kind}.d")));
    }
    directories.push(format!("{kind}.d"));
    directories
}

/// The template of an instance: `a@.service` of `a@b.service`.
pub(super) fn template(unit: &str) -> Option<String> {
    let (stem, kind) = unit.rsplit_once('.')?;
    let (prefix, instance) = stem.split_once('@')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{kind}"))
}

/// Follows the links of the last part of a path, as the machine below `root` would; `None` when it leads nowhere.
///
/// `/dev/null` is never opened below another root, where it need not exist.
pub fn resolve(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if path == Path::new("/dev/null") {
            return Some(path);
        }
        let at = root.join(inside(&path));
        match fs::read_link(&at) {
            Ok(target) => path = normal(&path.parent().unwrap_or(Path::new("/")).join(target)),
            Err(_) => return at.symlink_metadata().is_ok().then_some(path),
        }
    }
    None
}

/// Without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    use std::path::Component;
    path.components().fold(PathBuf::new(), |mut whole, part| {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            Component::CurDir => {}
            other => whole.push(other),
        }
        whole
    })
}
