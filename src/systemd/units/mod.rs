//! What unit files and their drop-ins say: systemd.unit(5) and systemd.syntax(7), as far as a service is concerned.
//!
//! Read from the files, below any root directory, so that nothing here needs a running systemd. What systemd was told
//! and has not read again yet (`daemon-reload`) is therefore seen as well.

mod syntax;

pub use syntax::{CommandLine, CredentialOrigin};

use crate::files::{self, below};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use syntax::Assignment;
use zeroize::Zeroizing;

/// A file with unit settings: a unit, or one of its drop-ins. No Debug and no Clone: somebody may have written a share
/// into it (`SetCredential=`, a command line).
pub struct UnitFile {
    /// Where it is, as the machine below the root directory knows it.
    pub path: PathBuf,
    /// Whether it is empty or a link to `/dev/null`: then nothing of that name can be started.
    pub masked: bool,
    assignments: Vec<Assignment>,
}

impl UnitFile {
    /// Every file of that name that systemd would find, and then of its template; the first is the one that counts.
    pub fn all(root: &Path, name: &str) -> Vec<Self> {
        let (directories, template) = (directories(root), template(name));
        let names = [name].into_iter().chain(template.as_deref());
        let paths = names.flat_map(|name| directories.iter().map(move |directory| directory.join(name)));
        paths.filter_map(|path| Self::read(root, &path)).collect()
    }

    /// The drop-ins of a unit, in the order in which they apply.
    pub fn drop_ins(root: &Path, name: &str) -> Vec<Self> {
        drop_ins(root, name)
            .iter()
            .filter_map(|path| Self::read(root, path))
            .filter(|file| !file.masked)
            .collect()
    }

    /// `None` when there is no such file, or it cannot be read: then systemd's own view cannot be known here.
    fn read(root: &Path, path: &Path) -> Option<Self> {
        let file = resolve(root, path)?;
        let masked = file == Path::new("/dev/null");
        let text = if masked { Zeroizing::default() } else { files::text(&below(root, &file))? };
        let masked = masked || text.is_empty();
        Some(Self { path: path.to_owned(), masked, assignments: syntax::parse(&text) })
    }

    /// A file with this text; and every assignment in it: section, key and value. For tests/fuzz.
    #[cfg(feature = "fuzzing")]
    pub fn fuzzed(path: &Path, text: &str) -> (Self, Vec<[String; 3]>) {
        let assignments = syntax::parse(text);
        let plain = assignments.iter().map(|it| [it.section.clone(), it.key.clone(), it.value.to_string()]);
        let plain = plain.collect();
        (Self { path: path.to_owned(), masked: false, assignments }, plain)
    }

    /// The names of all settings in `[Service]`, with repetitions.
    pub fn service_keys(&self) -> impl Iterator<Item = &str> {
        self.service().map(|(key, _)| key)
    }

    /// The value of a setting in any section of this file alone, such as `Unit=` in `[Timer]`.
    pub fn value_in(&self, section: &str, key: &str) -> Option<&str> {
        let named = self.assignments.iter().rfind(|it| it.section == section && it.key == key);
        named.map(|assignment| assignment.value.as_str()).filter(|value| !value.is_empty())
    }

    /// What a setting such as `ExecStart=` of this file alone starts.
    pub fn commands(&self, key: &str) -> Vec<CommandLine> {
        effective(self.service(), key).into_iter().filter_map(CommandLine::parse).collect()
    }

    /// Whether it starts our daemon: a program `vault-unseal`, told to `run`.
    pub fn starts_us(&self) -> bool {
        self.commands("ExecStart").iter().any(|command| {
            command.name() == "vault-unseal" && command.arguments.iter().any(|argument| argument == "run")
        })
    }

    /// Whether all that it says is where to load the credential of this name from: without it nothing else changes.
    pub fn only_loads(&self, credential: &str) -> bool {
        matches!(self.assignments.as_slice(), [only] if only.section == "Service" && only.key == "LoadCredential")
            && syntax::credential_names(self.service(), "") == [credential]
    }

    /// Whether an administrator put it there, and not a package.
    pub fn is_local(&self) -> bool {
        ["/etc", "/run", "/usr/local"].iter().any(|directory| self.path.starts_with(directory))
    }

    /// Every assignment in `[Service]`, in its order.
    fn service(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.assignments
            .iter()
            .filter(|assignment| assignment.section == "Service")
            .map(|assignment| (assignment.key.as_str(), assignment.value.as_str()))
    }
}

/// A unit as it applies: one file, and its drop-ins on top.
pub struct Unit {
    /// Under which it is started; an instance is not called as its file.
    name: String,
    files: Vec<UnitFile>,
}

impl Unit {
    /// The unit that systemd would start under this name; `None` when there is none or it is masked.
    pub fn load(root: &Path, name: &str) -> Option<Self> {
        let file = UnitFile::all(root, name).into_iter().next().filter(|file| !file.masked)?;
        let unit = Self::new(file, UnitFile::drop_ins(root, name));
        Some(Self { name: name.to_owned(), ..unit })
    }

    /// A unit file and the drop-ins that apply to it, in their order.
    pub fn new(file: UnitFile, drop_ins: Vec<UnitFile>) -> Self {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut files = vec![file];
        files.extend(drop_ins);
        Self { name, files }
    }

    /// The effective values of a setting in `[Service]` that takes several: an empty assignment drops those before.
    pub fn values(&self, key: &str) -> Vec<&str> {
        effective(self.service(), key)
    }

    /// The effective value of a setting in `[Service]` that takes one; an empty one is the default again.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.service()
            .filter(|(name, _)| *name == key)
            .last()
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    /// Whether a setting of `[Service]` is on, in one of systemd's words for it.
    pub fn is_on(&self, key: &str) -> bool {
        let on = |value: &str| ["1", "yes", "true", "on"].iter().any(|word| value.eq_ignore_ascii_case(word));
        self.value(key).is_some_and(on)
    }

    /// What a setting such as `ExecStart=` starts.
    pub fn commands(&self, key: &str) -> Vec<CommandLine> {
        self.values(key).into_iter().filter_map(CommandLine::parse).collect()
    }

    /// Where the service gets the credential of this name from; `None` when nothing gives it.
    pub fn credential(&self, name: &str) -> Option<CredentialOrigin> {
        syntax::credential_origin(self.service(), name, &self.name)
    }

    /// The same of a credential that is an entry of a directory that the unit loads.
    pub fn credential_in_directory(&self, name: &str) -> Option<CredentialOrigin> {
        syntax::credential_in_directory(self.service(), name, &self.name)
    }

    /// The names of all credentials that come from files, and of the directories that are loaded.
    pub fn loaded_credentials(&self) -> Vec<String> {
        syntax::credential_names(self.service(), &self.name)
    }

    /// Every assignment in `[Service]`, in the order in which they apply.
    fn service(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.files.iter().flat_map(UnitFile::service)
    }
}

/// The values of a list setting after all assignments.
fn effective<'a>(assignments: impl Iterator<Item = (&'a str, &'a str)>, key: &str) -> Vec<&'a str> {
    let mut values = Vec::new();
    for (_, value) in assignments.filter(|(name, _)| *name == key) {
        if value.is_empty() {
            values.clear();
        } else {
            values.push(value);
        }
    }
    values
}

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
fn directories(root: &Path) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    let mut directories = Vec::new();
    for directory in DIRECTORIES {
        let Ok(real) = fs::canonicalize(below(root, Path::new(directory))) else { continue };
        if !seen.contains(&real) {
            seen.push(real);
            directories.push(PathBuf::from(directory));
        }
    }
    directories
}

/// The drop-ins of a unit in the order of their names; of several with one name the first directory's counts.
fn drop_ins(root: &Path, unit: &str) -> Vec<PathBuf> {
    let mut found: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for directory in drop_in_directories(unit) {
        for above in directories(root) {
            let directory = above.join(&directory);
            let entries = fs::read_dir(below(root, &directory)).into_iter().flatten().flatten();
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
fn template(unit: &str) -> Option<String> {
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
        let at = below(root, &path);
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

#[cfg(test)]
mod tests;
