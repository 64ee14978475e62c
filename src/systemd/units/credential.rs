//! Where a credential comes from: `LoadCredential=` and its relatives (systemd.exec(5)).

use super::syntax::expand;
use std::path::{Path, PathBuf};

/// Where systemd takes a credential from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialOrigin {
    /// A file.
    File {
        /// Absolute; or a plain name, which systemd looks up in its credential stores (`/etc/credstore` and others).
        path: PathBuf,
        /// Whether it is encrypted (`systemd-creds encrypt`).
        encrypted: bool,
        /// Whether the unit itself gives a value for when there is no such file.
        stand_in: bool,
    },
    /// A file whose path has a `%` specifier that only the running systemd knows; as it stands in the unit.
    Specifier(PathBuf),
    /// The text of the unit itself, `SetCredential=` or `SetCredentialEncrypted=`.
    Unit,
}

/// Where systemd looks for credentials that a unit names without a path (systemd.exec(5)).
const STORES: [&str; 4] = ["/etc", "/run", "/usr/local/lib", "/usr/lib"];

impl CredentialOrigin {
    /// Where its file may be, in the order in which systemd looks; nothing for what is none.
    pub fn places(&self) -> Vec<PathBuf> {
        match self {
            Self::File { path, .. } if path.is_absolute() => vec![path.clone()],
            Self::File { path, encrypted, .. } => {
                let store = if *encrypted { "credstore.encrypted" } else { "credstore" };
                STORES.iter().map(|parent| Path::new(parent).join(store).join(path)).collect()
            }
            Self::Specifier(_) | Self::Unit => Vec::new(),
        }
    }
}

/// Follows the assignments of `[Service]` in their order: the last one that names the credential counts.
pub(super) fn origin<'a>(
    assignments: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    name: &str,
    unit: &str,
) -> Option<CredentialOrigin> {
    let mut set = false;
    for (key, value) in assignments.clone() {
        match key {
            "SetCredential" | "SetCredentialEncrypted" if value.is_empty() => set = false,
            "SetCredential" | "SetCredentialEncrypted" => {
                set = set || value.split_once(':').is_some_and(|(id, _)| identifier(id, unit) == name);
            }
            _ => {}
        }
    }
    match loads(assignments, unit).into_iter().rfind(|load| load.id == name) {
        Some(load) => Some(load.origin(unit, None, set)),
        None => set.then_some(CredentialOrigin::Unit),
    }
}

/// The entry of a directory that is loaded: its credential has the assignment's name, `_` and the entry's.
pub(super) fn in_directory<'a>(
    assignments: impl Iterator<Item = (&'a str, &'a str)>,
    name: &str,
    unit: &str,
) -> Option<CredentialOrigin> {
    loads(assignments, unit).into_iter().rev().find_map(|load| {
        let entry = name.strip_prefix(&load.id)?.strip_prefix('_')?;
        Some(load.origin(unit, Some(entry), false))
    })
}

/// The names of all that is loaded.
pub(super) fn names<'a>(assignments: impl Iterator<Item = (&'a str, &'a str)>, unit: &str) -> Vec<String> {
    loads(assignments, unit).into_iter().map(|load| load.id).collect()
}

/// What one assignment loads.
struct Load {
    id: String,
    /// As it stands in the unit.
    path: String,
    encrypted: bool,
}

impl Load {
    fn origin(self, unit: &str, entry: Option<&str>, stand_in: bool) -> CredentialOrigin {
        let Some(path) = expand(&self.path, unit).map(PathBuf::from) else {
            return CredentialOrigin::Specifier(PathBuf::from(self.path));
        };
        let path = entry.map_or(path.clone(), |entry| path.join(entry));
        CredentialOrigin::File { path, encrypted: self.encrypted, stand_in }
    }
}

/// Both settings fill one table, which an empty assignment of either empties.
fn loads<'a>(assignments: impl Iterator<Item = (&'a str, &'a str)>, unit: &str) -> Vec<Load> {
    let mut loads = Vec::new();
    for (key, value) in assignments {
        match key {
            "LoadCredential" | "LoadCredentialEncrypted" if value.is_empty() => loads.clear(),
            "LoadCredential" | "LoadCredentialEncrypted" => {
                let (id, path) = value.split_once(':').unwrap_or((value, value));
                loads.push(Load {
                    id: identifier(id, unit),
                    path: unquoted(path).to_owned(),
                    encrypted: key == "LoadCredentialEncrypted",
                });
            }
            _ => {}
        }
    }
    loads
}

fn identifier(text: &str, unit: &str) -> String {
    expand(unquoted(text), unit).unwrap_or_else(|| unquoted(text).to_owned())
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}
