//! Where a credential comes from: `LoadCredential=` and its relatives (systemd.exec(5)).

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
    /// The text of the unit itself, `SetCredential=` or `SetCredentialEncrypted=`.
    Unit,
}

/// Follows the assignments of `[Service]` in their order: the last one that names the credential counts.
pub(super) fn origin<'a>(
    assignments: impl Iterator<Item = (&'a str, &'a str)>,
    name: &str,
) -> Option<CredentialOrigin> {
    let mut loaded = None;
    let mut set = false;
    for (key, value) in assignments {
        match key {
            // Both fill one table, which an empty assignment of either empties.
            "LoadCredential" | "LoadCredentialEncrypted" if value.is_empty() => loaded = None,
            "SetCredential" | "SetCredentialEncrypted" if value.is_empty() => set = false,
            "LoadCredential" | "LoadCredentialEncrypted" => {
                let (id, path) = value.split_once(':').unwrap_or((value, value));
                if unquoted(id) == name {
                    loaded = Some((Path::new(unquoted(path)).to_owned(), key == "LoadCredentialEncrypted"));
                }
            }
            "SetCredential" | "SetCredentialEncrypted" => {
                set = set || value.split_once(':').is_some_and(|(id, _)| unquoted(id) == name);
            }
            _ => {}
        }
    }
    match loaded {
        Some((path, encrypted)) => Some(CredentialOrigin::File { path, encrypted, stand_in: set }),
        None => set.then_some(CredentialOrigin::Unit),
    }
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}
