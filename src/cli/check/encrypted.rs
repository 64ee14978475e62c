//! A credential that is encrypted on disk: what really protects it, and whether systemd will be able to open it.

use super::finding::{Findings, Severity};
use super::protection::{self, enroll_credential, missing};
use crate::cli::machine::Machine;
use crate::external::quote;
use crate::shares::home::{self, CredentialKind};
use crate::shares::{FileRefusal, Loaded, ShareError};
use std::path::Path;

/// The shares in it, if they can be had from here.
pub(super) async fn check(
    machine: &Machine,
    path: &Path,
    name: &str,
    subject: &str,
    findings: &mut Findings,
) -> Option<Loaded> {
    let file = quote::sentence(path);
    let kind = match home::credential_kind(&machine.at(path)) {
        Ok(Some(kind)) => kind,
        Ok(None) => {
            let command = enroll_credential(machine, "FILE", path, name);
            findings.add(
                Severity::Problem,
                subject,
                "credential-not-encrypted",
                format!("credential \"{name}\": {file} is no encrypted credential, and systemd refuses it"),
                Some(format!("Make it anew: {command} --force")),
            );
            return None;
        }
        Err(ShareError::File { cause: FileRefusal::Missing, .. }) => {
            let advice = format!("Make it: {}", enroll_credential(machine, "FILE", path, name));
            missing(path, name, advice, subject, findings);
            return None;
        }
        Err(ShareError::File { cause: FileRefusal::Denied { .. }, .. }) if !machine.as_root => {
            findings.add(
                Severity::Warning,
                subject,
                "credential-not-looked-into",
                format!(
                    "credential \"{name}\": it comes from {file}, encrypted, which only root can look into"
                ),
                Some("sudo vault-unseal check".to_owned()),
            );
            return None;
        }
        Err(error) => {
            findings.explain(Severity::Problem, subject, &error);
            return None;
        }
    };
    // The keys are root's, and of this machine.
    let loaded = if machine.as_root && machine.is_this_one() {
        open(path, name, &kind, subject, findings).await
    } else {
        findings.good(subject, format!("credential \"{name}\", from {file}, encrypted, not opened"));
        None
    };
    protection::credential(machine, &kind, path, name, subject, findings);
    loaded
}

/// Opens it as systemd will, off the loop.
async fn open(
    path: &Path,
    name: &str,
    kind: &CredentialKind,
    subject: &str,
    findings: &mut Findings,
) -> Option<Loaded> {
    let (at, by, keys) = (path.to_owned(), name.to_owned(), kind.clone());
    let opened = tokio::task::spawn_blocking(move || home::open_credential(&at, &by, &keys)).await.ok()?;
    match opened {
        Ok(loaded) => {
            let shares = super::finding::shares(loaded.shares.count());
            findings
                .good(subject, format!("{shares} in credential \"{name}\", from {}", quote::sentence(path)));
            Some(loaded)
        }
        Err(error) => {
            findings.explain(Severity::Problem, subject, &error);
            None
        }
    }
}
