//! `vault-unseal-observer check`.

use super::CheckArguments;
use crate::document::DocumentError;
use crate::exporter::ExporterSettings;
use crate::notify::{self, NotifySettings};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use vault_unseal::cli::{Exit, say};
use vault_unseal::explain::Explain;
use vault_unseal::external::quote::sentence;
use vault_unseal::observe;
use vault_unseal::report::render;

/// What was found.
#[derive(Default)]
struct Findings {
    problems: usize,
}

impl Findings {
    fn good(path: &Path, what: impl Display) {
        // Who no longer reads is told by the exit code.
        let _ = writeln!(io::stdout(), "ok    {}: {what}", sentence(path));
    }

    fn bad(&mut self, error: &dyn Explain) {
        self.problems += 1;
        say(render(error));
    }

    /// A configuration was read; what it says, if it is there and good.
    fn judge<T: Display>(&mut self, path: &Path, unit: &str, read: Result<T, DocumentError>) -> Option<T> {
        match read {
            Ok(settings) => {
                Self::good(path, &settings);
                return Some(settings);
            }
            Err(DocumentError::Missing(_)) => Self::good(path, format_args!("there is none, {unit}")),
            Err(error) => self.bad(&error),
        }
        None
    }
}

/// Judges both configurations and looks whether the daemon can be observed.
pub(super) fn check(options: &CheckArguments) -> Exit {
    let mut findings = Findings::default();
    let exporter = ExporterSettings::read(&options.exporter_config);
    let exporter =
        findings.judge(&options.exporter_config, "the exporter listens on this machine alone", exporter);
    if let Some(Err(error)) = exporter.map(|settings| settings.judge_files()) {
        findings.bad(&error);
    }
    let notify = NotifySettings::read(&options.notify_config);
    if let Some(settings) = findings.judge(&options.notify_config, "the notifier is not started", notify) {
        if let Err(error) = notify::check(&settings, true) {
            findings.bad(&error);
        }
    }
    match observe::snapshot(&options.observe_socket) {
        Ok(snapshot) => {
            let many = snapshot.nodes.len();
            let servers = if many == 1 { "server is" } else { "servers are" };
            Findings::good(&options.observe_socket, format_args!("{many} {servers} watched"));
        }
        Err(error) => findings.bad(&error),
    }
    if findings.problems == 0 { Exit::Done } else { Exit::Problems }
}
