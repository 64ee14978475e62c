//! `vault-unseal-observer check`.

use super::CheckArguments;
use crate::document::DocumentError;
use crate::exporter::ExporterSettings;
use crate::notify::NotifySettings;
use std::io::{self, Write};
use std::path::Path;
use vault_unseal::cli::{Exit, say};
use vault_unseal::explain::Explain;
use vault_unseal::external::quote::sentence;
use vault_unseal::observe;
use vault_unseal::report::render;

/// Judges both configurations and looks whether the daemon can be observed.
pub(super) fn check(options: &CheckArguments) -> Exit {
    let mut problems = 0;
    let mut told = |what: &str, problem: Option<&dyn Explain>| match problem {
        None => drop(writeln!(io::stdout(), "ok    {what}")),
        Some(error) => {
            problems += 1;
            say(render(error));
        }
    };
    let mut judge = |path: &Path, unit: &str, read: Result<String, DocumentError>| match read {
        Ok(what) => told(&format!("{}: {what}", sentence(path)), None),
        Err(DocumentError::Missing(_)) => {
            told(&format!("{}: there is none, and {unit} is not started", sentence(path)), None);
        }
        Err(error) => told("", Some(&error)),
    };
    let exporter = ExporterSettings::read(&options.exporter_config).map(|settings| settings.to_string());
    judge(&options.exporter_config, "vault-unseal-exporter.service", exporter);
    let notify = NotifySettings::read(&options.notify_config).map(|settings| settings.to_string());
    judge(&options.notify_config, "vault-unseal-notify.service", notify);
    match observe::snapshot(&options.observe_socket) {
        Ok(snapshot) => told(
            &format!("{}: {} servers are watched", sentence(&options.observe_socket), snapshot.nodes.len()),
            None,
        ),
        Err(error) => told("", Some(&error)),
    }
    if problems == 0 { Exit::Done } else { Exit::Problems }
}
