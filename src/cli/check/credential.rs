//! A credential, looked at from outside the service: where the unit takes it from, and what the service would get.

use super::encrypted;
use super::finding::{Findings, Severity};
use super::protection::{self, missing};
use crate::cli::machine::Machine;
use crate::external::could_be_secret;
use crate::external::quote;
use crate::shares::{FileRefusal, Loaded, ShareError, Source};
use crate::systemd::units::{CredentialOrigin, Unit};
use std::path::Path;

/// The shares that the service would get under this name, if they can be looked at from here.
pub(super) async fn check(
    machine: &Machine,
    unit: &Unit,
    name: &str,
    subject: &str,
    findings: &mut Findings,
) -> Option<Loaded> {
    let mut add = |severity, kind, message: String, remedy: String| {
        findings.add(severity, subject, kind, format!("credential \"{name}\": {message}"), Some(remedy));
    };
    let unit_name = quote::credential_name(name).unwrap_or_else(|_| "NAME".to_owned());
    let drop_in =
        |path: &str| format!("systemctl edit vault-unseal, [Service], LoadCredential={unit_name}:{path}");
    match unit.credential(name) {
        None => add(
            Severity::Problem,
            "credential-missing",
            "vault-unseal.service does not give it to the service".to_owned(),
            format!("Name its file: {}", drop_in("/etc/vault-unseal/shares.json")),
        ),
        Some(CredentialOrigin::Unit) => add(
            Severity::Warning,
            "credential-in-unit",
            "it stands in the unit itself, where everybody can read it".to_owned(),
            format!(
                "Put it into a file of root's with mode 0600: {}",
                drop_in("/etc/vault-unseal/shares.json")
            ),
        ),
        Some(CredentialOrigin::Specifier(path)) => add(
            Severity::Warning,
            "credential-not-looked-into",
            format!("it comes from {}, and only systemd knows what the % stands for", quote::sentence(&path)),
            format!("Write the path in full: {}", drop_in("/etc/vault-unseal/shares.json")),
        ),
        Some(CredentialOrigin::File { path, encrypted, .. }) if !path.is_absolute() => {
            let what = if encrypted { "encrypted, " } else { "" };
            let from = match path.to_str() {
                Some(text) if could_be_secret(text) => "…".to_owned(),
                _ => quote::sentence(&path),
            };
            let message = format!("credential \"{name}\" from {from}, {what}not looked into");
            findings.add(Severity::Ok, subject, "credential-store", message, None);
        }
        Some(CredentialOrigin::File { path, encrypted: true, .. }) => {
            return encrypted::check(machine, &path, name, subject, findings).await;
        }
        Some(CredentialOrigin::File { path, .. }) if !machine.as_root => {
            add(
                Severity::Warning,
                "credential-not-looked-into",
                format!("it comes from {}, which only root can look into", quote::sentence(&path)),
                "sudo vault-unseal check".to_owned(),
            );
            if machine.has_file(&path) {
                protection::plain(machine, &path, subject, findings);
            }
        }
        Some(CredentialOrigin::File { path, .. }) => return file(machine, &path, name, subject, findings),
    }
    None
}

/// Reads the file as systemd does, and judges it as a share file: who can read it has the shares.
fn file(
    machine: &Machine,
    path: &Path,
    name: &str,
    subject: &str,
    findings: &mut Findings,
) -> Option<Loaded> {
    let at = machine.at(path);
    let source = Source::File(at.clone());
    let loaded = match source.load(&machine.trusted) {
        Ok(loaded) => Ok(loaded),
        Err(ShareError::File { cause: FileRefusal::Missing, .. }) => {
            let advice = format!(
                "Put the shares there (install -m 600 FILE {}), or name the file that holds them: systemctl edit \
                 vault-unseal, [Service], LoadCredential={}:FILE",
                quote::shell(path),
                quote::credential_name(name).unwrap_or_else(|_| "NAME".to_owned())
            );
            missing(path, name, advice, subject, findings);
            return None;
        }
        // Who else can read or write it is told beside all other credentials.
        Err(ShareError::File { path: at, .. }) => Source::load_unjudged(&at),
        Err(error) => Err(error),
    };
    match loaded {
        Ok(loaded) => {
            let shares = super::finding::shares(loaded.shares.count());
            findings
                .good(subject, format!("{shares} in credential \"{name}\", from {}", quote::sentence(path)));
            protection::plain(machine, path, subject, findings);
            Some(loaded)
        }
        Err(error) => {
            findings.explain(Severity::Problem, subject, &error);
            None
        }
    }
}
