//! `vault-unseal-observer check`.

use super::CheckArguments;
use crate::credentials::{GivenCredentials, NOTIFIER};
use crate::document::DocumentError;
use crate::exporter::ExporterSettings;
use crate::notify::{self, Notify, NotifySettings};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use vault_unseal::cli::{Exit, say};
use vault_unseal::explain::{Explain, Explanation};
use vault_unseal::external::quote::sentence;
use vault_unseal::observe;
use vault_unseal::report::render;
use vault_unseal::systemd::RUNNING_CREDENTIALS;

/// The exporter's unit.
const EXPORTER: &str = "vault-unseal-exporter.service";

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
    if let Some(settings) = exporter {
        findings.of_exporter(&settings);
    }
    let notify = NotifySettings::read(&options.notify_config);
    let notify = findings.judge(&options.notify_config, "the notifier is not started", notify);
    if let Some(settings) = &notify {
        findings.of_notifier(settings);
    }
    match observe::snapshot(&options.observe_socket) {
        Ok(snapshot) => {
            let many = snapshot.nodes.len();
            let servers = if many == 1 { "server is" } else { "servers are" };
            Findings::good(&options.observe_socket, format_args!("{many} {servers} watched"));
            let known = snapshot.clusters.iter().map(|cluster| cluster.name.to_string()).collect();
            for notify in notify.iter().flat_map(|settings| &settings.targets) {
                findings.of_clusters(notify, &known);
            }
        }
        Err(error) => findings.bad(&error),
    }
    if findings.problems == 0 { Exit::Done } else { Exit::Problems }
}

impl Findings {
    /// Where systemd puts the credentials of a service it sees to who reads them.
    fn of_exporter(&mut self, settings: &ExporterSettings) {
        let service = format!("{RUNNING_CREDENTIALS}/{EXPORTER}/");
        let key = settings.tls.as_ref().map(|tls| tls.key.to_string_lossy().into_owned());
        let credential = key.as_deref().and_then(|key| key.strip_prefix(&service));
        let problem = match credential {
            Some(name) => {
                GivenCredentials::of(Path::new("/"), EXPORTER).and_then(|given| given.problem(name))
            }
            None => settings.judge_files().err(),
        };
        if let Some(problem) = problem {
            self.bad(&problem);
        }
    }

    fn of_notifier(&mut self, settings: &NotifySettings) {
        let given = GivenCredentials::of(Path::new("/"), NOTIFIER);
        for target in &settings.targets {
            if let Err(error) = notify::check_target(target, true) {
                self.bad(&error);
            }
            for name in target.target.credentials() {
                match &given {
                    None => say(format_args!(
                        "not checked: whether {NOTIFIER} is given the credential \"{name}\""
                    )),
                    Some(given) => {
                        if let Some(problem) = given.problem(name) {
                            self.bad(&problem);
                        }
                    }
                }
            }
        }
    }

    /// A misspelt cluster would never be told of.
    fn of_clusters(&mut self, notify: &Notify, known: &BTreeSet<String>) {
        for cluster in notify.rules.clusters.iter().flatten().filter(|cluster| !known.contains(*cluster)) {
            let there_are: Vec<_> = known.iter().map(String::as_str).collect();
            self.bad(&Explanation::new(
                "config-unknown-cluster",
                format!("{}: the daemon watches no cluster \"{cluster}\"", notify.name),
                format!("It watches: {}.", there_are.join(", ")),
            ));
        }
    }
}
