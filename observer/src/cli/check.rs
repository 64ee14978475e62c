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
use vault_unseal::cli::{Exit, Findings, Severity, Topic, findings_table};
use vault_unseal::external::json_line;
use vault_unseal::external::quote::sentence;
use vault_unseal::observe;
use vault_unseal::report::Style;
use vault_unseal::systemd::RUNNING_CREDENTIALS;

/// The exporter's unit.
const EXPORTER: &str = "vault-unseal-exporter.service";

/// Judges both configurations and looks whether the daemon can be observed.
pub(super) fn check(options: &CheckArguments) -> Exit {
    let mut findings = Findings::default();
    let mut exporter = findings.about("exporter");
    let path = &options.exporter_config;
    let absent = "the exporter listens on this machine alone";
    if let Some(settings) = judge(path, absent, ExporterSettings::read(path), &mut exporter) {
        of_exporter(&settings, &mut exporter);
    }
    let path = &options.notify_config;
    let mut topic = findings.about("notify");
    let notify = judge(path, "the notifier is not started", NotifySettings::read(path), &mut topic);
    if let Some(settings) = &notify {
        of_notifier(settings, &mut topic);
    }
    match observe::snapshot(&options.observe_socket) {
        Ok(snapshot) => {
            let known = snapshot.clusters.iter().map(|cluster| cluster.name.to_string()).collect();
            for notify in notify.iter().flat_map(|settings| &settings.targets) {
                of_clusters(notify, &known, &mut topic);
            }
            let many = snapshot.nodes.len();
            let servers = if many == 1 { "server is" } else { "servers are" };
            let socket = sentence(&options.observe_socket);
            findings.about("daemon").good(format!("{socket}: {many} {servers} watched"));
        }
        Err(error) => findings.about("daemon").explain(Severity::Problem, &error),
    }
    let text = if options.json {
        json_line(&findings).map(|text| text + "\n")
    } else {
        Ok(findings_table(&findings, Style::of(&io::stdout())))
    };
    match text.map(|text| write!(io::stdout(), "{text}")) {
        Ok(Ok(())) if findings.worst() == Severity::Problem => Exit::Problems,
        Ok(Ok(())) => Exit::Done,
        _ => Exit::Failed,
    }
}

/// A configuration was read; what it says, if it is there and good.
fn judge<T: Display>(
    path: &Path,
    absent: &str,
    read: Result<T, DocumentError>,
    topic: &mut Topic<'_>,
) -> Option<T> {
    match read {
        Ok(settings) => {
            topic.good(format!("{}: {settings}", sentence(path)));
            return Some(settings);
        }
        Err(DocumentError::Missing(_)) => topic.good(format!("{}: there is none, {absent}", sentence(path))),
        Err(error) => topic.explain(Severity::Problem, &error),
    }
    None
}

/// Where systemd puts the credentials of a service it sees to who reads them.
fn of_exporter(settings: &ExporterSettings, topic: &mut Topic<'_>) {
    let service = format!("{RUNNING_CREDENTIALS}/{EXPORTER}/");
    let key = settings.tls.as_ref().map(|tls| tls.key.to_string_lossy().into_owned());
    let credential = key.as_deref().and_then(|key| key.strip_prefix(&service));
    let problem = match credential {
        Some(name) => GivenCredentials::of(Path::new("/"), EXPORTER).and_then(|given| given.problem(name)),
        None => settings.judge_files().err(),
    };
    if let Some(problem) = problem {
        topic.add(Severity::Problem, problem);
    }
}

fn of_notifier(settings: &NotifySettings, topic: &mut Topic<'_>) {
    let given = GivenCredentials::of(Path::new("/"), NOTIFIER);
    for target in &settings.targets {
        topic.succeeded(notify::check_target(target, true));
        for name in target.target.credentials() {
            match &given {
                None => topic.note(
                    "not-checked",
                    format!("{NOTIFIER} is not installed: whether it is given the credential \"{name}\" is not checked"),
                ),
                Some(given) => {
                    if let Some(problem) = given.problem(name) {
                        topic.add(Severity::Problem, problem);
                    }
                }
            }
        }
    }
}

/// A misspelt cluster would never be told of.
fn of_clusters(notify: &Notify, known: &BTreeSet<String>, topic: &mut Topic<'_>) {
    for cluster in notify.rules.clusters.iter().flatten().filter(|cluster| !known.contains(*cluster)) {
        let there_are: Vec<_> = known.iter().map(String::as_str).collect();
        topic.problem(
            "config-unknown-cluster",
            format!("{}: the daemon watches no cluster \"{cluster}\"", notify.name),
            format!("It watches: {}.", there_are.join(", ")),
        );
    }
}
