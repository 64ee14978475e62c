//! URLs, passwords and keys: from a credential of the service, or a file that nobody else can read.

use crate::document::{DocumentError, Table, Written};
use crate::notify::settings::refused;
use crate::service::{Looking, NOTIFIER, how_to_give};
use std::path::{Path, PathBuf};
use vault_unseal::accounts::Trusted;
use vault_unseal::explain::Explanation;
use vault_unseal::external::quote::{sentence, shell};
use vault_unseal::files::{self, Content, FileRefusal};
use zeroize::Zeroizing;

/// Longest secret, in bytes.
const LONGEST: usize = 8 * 1024;

/// Where a secret is.
#[derive(Debug, Clone)]
pub(super) enum Secret {
    /// A credential of this service.
    Credential(String),
    /// A file.
    File(PathBuf),
}

/// What to do about a file that cannot be used: of one that is not there the daemon's words speak of shares.
pub(super) fn remedy(refusal: &FileRefusal, path: &Path) -> String {
    match (refusal, path.parent()) {
        (FileRefusal::Missing, Some(directory)) => {
            format!("Put it there, or correct the path. See what is there: ls -la {}", shell(directory))
        }
        _ => refusal.explained(path).1,
    }
}

impl Secret {
    /// The secret of this key; `None` if the key is not written.
    pub(super) fn read(table: &Table<'_>, key: &'static str) -> Result<Option<Self>, DocumentError> {
        if let Ok(Some(Written { place, .. })) = table.text(key) {
            return Err(refused(
                &place,
                "config-secret",
                "this is a secret, and everybody may read the configuration",
                &format!(
                    "Put it into a file of root's with mode 0600, and write {key} = {{ credential = \"NAME\" }} with \
                     LoadCredential=NAME:FILE in the unit (systemctl edit vault-unseal-notify), or {key} = {{ file = \"/…\" }} \
                     if the user of the service can read it."
                ),
            ));
        }
        let Some(inner) = table.table(key)? else { return Ok(None) };
        let (credential, file) = (inner.text("credential")?, inner.path("file")?);
        inner.finish()?;
        match (credential, file) {
            (Some(Written { value, place }), None) => {
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
                if value.is_empty() || value.len() > 64 || value.starts_with('.') || !value.chars().all(fits)
                {
                    let advice = "Use letters, digits and . - _, as in LoadCredential=NAME:FILE.";
                    return Err(refused(&place, "config-name", "this is no name of a credential", advice));
                }
                Ok(Some(Self::Credential(value.to_owned())))
            }
            (None, Some(path)) => Ok(Some(Self::File(path.value))),
            _ => {
                let advice =
                    format!("Write {key} = {{ credential = \"NAME\" }} or {key} = {{ file = \"/…\" }}.");
                Err(refused(
                    inner.place(),
                    "config-secret",
                    "one of `credential` and `file` is needed",
                    &advice,
                ))
            }
        }
    }

    /// What it says, without the line's end. Blocks on the file.
    pub(super) fn open(&self) -> Result<Zeroizing<String>, Explanation> {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Credential(name) => match files::credentials_directory() {
                Some(directory) => directory.join(name),
                None => {
                    return Err(Explanation::new(
                        "target-secret",
                        format!("the credential \"{name}\" is not there: this process was given none"),
                        format!(
                            "{}. By hand: systemd-run --pipe --wait --property=LoadCredential={name}:FILE \
                             vault-unseal-observer notify --test",
                            how_to_give(NOTIFIER, name)
                        ),
                    ));
                }
            },
        };
        let bytes = files::read(&path, Content::PrivateKey, &Trusted::without_servers(), LONGEST).map_err(
            |refusal| {
                let advice = match self {
                    Self::Credential(name) => how_to_give(NOTIFIER, name),
                    Self::File(_) => remedy(&refusal, &path),
                };
                Explanation::new("target-secret", format!("{}: {refusal}", sentence(&path)), advice)
            },
        )?;
        let text = std::str::from_utf8(&bytes)
            .ok()
            .map(str::trim)
            .filter(|text| !text.is_empty() && !text.contains(char::is_control));
        match text {
            Some(text) => Ok(Zeroizing::new(text.to_owned())),
            None => Err(Explanation::new(
                "target-secret",
                format!("{}: this is not one line of text", sentence(&path)),
                "Write the URL, password or key into it, and nothing else.",
            )),
        }
    }

    /// The name of the credential, if it is one.
    pub(super) fn credential(&self) -> Option<&str> {
        match self {
            Self::Credential(name) => Some(name),
            Self::File(_) => None,
        }
    }

    /// What the service will find there, as far as whoever looks can tell. Credentials are the service's alone: by hand, root
    /// reads the file that one is made of, and others take it as given.
    pub(super) fn look(&self, looking: Looking<'_>) -> Result<Option<Zeroizing<String>>, Explanation> {
        match (self, looking) {
            (Self::Credential(name), Looking::ByHand(service)) => {
                let file = service.and_then(|service| service.file(name)).map(Self::File);
                file.map(|file| file.open()).transpose()
            }
            (Self::File(path), _) => {
                let remedy = "Let systemd hand it over: { credential = \"NAME\" } in the place of { file = … }, and in a drop-in \
                              (systemctl edit vault-unseal-notify), [Service], LoadCredential=NAME:FILE";
                looking.cannot_read(path, remedy)?;
                self.open().map(Some)
            }
            _ => self.open().map(Some),
        }
    }

    /// The same as [`Self::open`], off the loop.
    pub(super) async fn open_aside(&self) -> Result<Zeroizing<String>, Explanation> {
        let secret = self.clone();
        let opened = tokio::task::spawn_blocking(move || secret.open()).await;
        opened.unwrap_or_else(|_| Err(Explanation::without_advice("target-secret", "a secret was not read")))
    }
}
