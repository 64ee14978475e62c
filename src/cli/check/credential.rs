//! Credentials, looked at from outside the service: where the unit takes them from, and what the service would get.
//!
//! Those with shares, as they are or encrypted, and those with certificate authorities, which both services need.

use super::finding::Topic;
use super::protection::{self, enroll_credential, missing};
use super::service;
use crate::cli::machine::{Machine, PLAIN_SHARES};
use crate::cluster::ShareSource;
use crate::config::{self, CaCredential};
use crate::explain::Explain;
use crate::external::{could_be_secret, quote};
use crate::report::state::counted;
use crate::shares::store::{self, CredentialKind};
use crate::shares::{self, FileRefusal, ShareError};
use crate::systemd::access::ServiceAccess;
use crate::systemd::units::{CredentialOrigin, Unit};
use std::path::Path;

/// The shares that the service would get under this name, if they can be looked at from here.
pub(super) async fn check(
    machine: &Machine,
    unit: &Unit,
    name: &str,
    topic: &mut Topic<'_>,
) -> Option<shares::LoadedShares> {
    let credential = format!("credential \"{name}\"");
    let unit_name = quote::credential_name(name).unwrap_or_else(|_| "NAME".to_owned());
    let usual = format!("systemctl edit vault-unseal, [Service], LoadCredential={unit_name}:{PLAIN_SHARES}");
    match unit.credential(name) {
        None => topic.problem(
            "credential-missing",
            format!("{credential}: vault-unseal.service does not give it to the service"),
            format!("Name its file: {usual}"),
        ),
        Some(CredentialOrigin::Unit) => topic.warn(
            "credential-in-unit",
            format!("{credential}: it stands in the unit itself, where everybody can read it"),
            format!("Put it into a file of root's with mode 0600: {usual}"),
        ),
        Some(CredentialOrigin::Specifier(path)) => {
            let from = quote::sentence(&path);
            topic.warn(
                "credential-not-looked-into",
                format!("{credential}: it comes from {from}, and only systemd knows what the % stands for"),
                format!("Write the path in full: {usual}"),
            );
        }
        Some(CredentialOrigin::File { path, encrypted, .. }) if !path.is_absolute() => {
            let what = if encrypted { "encrypted, " } else { "" };
            let from = match path.to_str() {
                Some(text) if could_be_secret(text) => "…".to_owned(),
                _ => quote::sentence(&path),
            };
            topic.note("credential-store", format!("{credential} from {from}, {what}not looked into"));
        }
        Some(CredentialOrigin::File { path, encrypted: true, .. }) => {
            return encrypted(machine, &path, name, topic).await;
        }
        Some(CredentialOrigin::File { path, .. }) if !machine.as_root => {
            let from = quote::sentence(&path);
            let message = format!("{credential}: it comes from {from}, which only root can look into");
            topic.warn("credential-not-looked-into", message, "sudo vault-unseal check");
            if machine.has_file(&path) {
                protection::plain(machine, &path, topic);
            }
        }
        Some(CredentialOrigin::File { path, .. }) => return file(machine, &path, name, topic),
    }
    None
}

/// Reads the file as systemd does, and judges it as a share file: who can read it has the shares.
fn file(machine: &Machine, path: &Path, name: &str, topic: &mut Topic<'_>) -> Option<shares::LoadedShares> {
    let at = machine.at(path);
    let source = ShareSource::File(at.clone());
    let loaded = match source.load(&machine.trusted) {
        Ok(loaded) => Ok(loaded),
        Err(ShareError::File(_, FileRefusal::Missing)) => {
            let advice = format!(
                "Put the shares there (install -m 600 FILE {}), or name the file that holds them: systemctl edit \
                 vault-unseal, [Service], LoadCredential={}:FILE",
                quote::shell(path),
                quote::credential_name(name).unwrap_or_else(|_| "NAME".to_owned())
            );
            missing(path, name, advice, topic);
            return None;
        }
        // Who else can read or write it is told beside all other credentials.
        Err(ShareError::File(at, _)) => ShareSource::load_unjudged(&at),
        Err(error) => Err(error),
    };
    let loaded = opened(loaded, path, name, topic)?;
    protection::plain(machine, path, topic);
    Some(loaded)
}

/// The shares in it, if they can be had from here.
async fn encrypted(
    machine: &Machine,
    path: &Path,
    name: &str,
    topic: &mut Topic<'_>,
) -> Option<shares::LoadedShares> {
    let file = quote::sentence(path);
    let kind = match store::credential_kind(&machine.at(path)) {
        Ok(Some(kind)) => kind,
        Ok(None) => {
            let command = enroll_credential(machine, "FILE", path, name);
            topic.problem(
                "credential-not-encrypted",
                format!("credential \"{name}\": {file} is no encrypted credential, and systemd refuses it"),
                format!("Make it anew: {command} --force"),
            );
            return None;
        }
        Err(ShareError::File(_, FileRefusal::Missing)) => {
            let advice = format!("Make it: {}", enroll_credential(machine, "FILE", path, name));
            missing(path, name, advice, topic);
            return None;
        }
        Err(ShareError::File(_, FileRefusal::Denied { .. })) if !machine.as_root => {
            topic.warn(
                "credential-not-looked-into",
                format!(
                    "credential \"{name}\": it comes from {file}, encrypted, which only root can look into"
                ),
                "sudo vault-unseal check",
            );
            return None;
        }
        Err(error) => return topic.succeeded(Err(error)),
    };
    // The keys are root's, and of this machine.
    let loaded = if machine.as_root && machine.is_this_one() {
        open(path, name, &kind, topic).await
    } else {
        topic.good(format!("credential \"{name}\", from {file}, encrypted, not opened"));
        None
    };
    protection::credential(machine, &kind, path, name, topic);
    loaded
}

/// Opens it as systemd will, off the loop.
async fn open(
    path: &Path,
    name: &str,
    kind: &CredentialKind,
    topic: &mut Topic<'_>,
) -> Option<shares::LoadedShares> {
    let (at, by, keys) = (path.to_owned(), name.to_owned(), kind.clone());
    let result = tokio::task::spawn_blocking(move || store::open_credential(&at, &by, &keys)).await.ok()?;
    opened(result, path, name, topic)
}

/// The shares of a credential that could be opened.
fn opened(
    result: Result<shares::LoadedShares, impl Explain>,
    path: &Path,
    name: &str,
    topic: &mut Topic<'_>,
) -> Option<shares::LoadedShares> {
    let loaded = topic.succeeded(result)?;
    let held = counted(loaded.shares.count(), "share");
    topic.good(format!("{held} in credential \"{name}\", from {}", quote::sentence(path)));
    Some(loaded)
}

/// Who asks servers itself, beside the service.
pub(super) const WAIT: &str = "vault-unsealed-wait.service";
/// What an example names.
const EXAMPLE: &str = "/etc/vault/tls/vault-ca.crt";

/// Looks at those of all clusters, as root.
pub(super) fn authorities(
    machine: &Machine,
    loaded: &config::LoadedConfig,
    unit: &Unit,
    topic: &mut Topic<'_>,
) {
    for cluster in &loaded.settings.clusters {
        let Some(CaCredential { name, .. }) = &cluster.tls.ca_credential else { continue };
        match unit.credential(name) {
            Some(CredentialOrigin::File { path, encrypted: false, .. }) if path.is_absolute() => {
                service::compare_file(machine, name, &path, topic);
                waiting(machine, name, &path, topic);
            }
            Some(_) => {}
            None => topic.problem(
                "credential-missing",
                format!("credential \"{name}\": vault-unseal.service does not give it to the service"),
                format!("Name its file: {}", drop_in("vault-unseal", name, Path::new(EXAMPLE))),
            ),
        }
    }
}

/// What waits for the servers has a sandbox of its own.
fn waiting(machine: &Machine, name: &str, path: &Path, topic: &mut Topic<'_>) {
    let Some(wait) = Unit::load(machine.root(), WAIT).filter(|wait| wait.credential(name).is_none()) else {
        return;
    };
    if ServiceAccess::of(Some(&wait), machine.root()).refusal(&machine.name(path)).is_some() {
        topic.warn(
            "wait-without-credential",
            format!(
                "{WAIT} is not given credential \"{name}\" and cannot read {}: vault-unsealed.target is not reached",
                quote::sentence(path)
            ),
            format!("Name the file there as well: {}", drop_in("vault-unsealed-wait", name, path)),
        );
    }
}

fn drop_in(unit: &str, name: &str, path: &Path) -> String {
    match quote::load_credential(name, path) {
        Ok(value) => format!("systemctl edit {unit}, [Service], LoadCredential={value}"),
        Err(error) => format!("systemctl edit {unit}. {error}"),
    }
}
