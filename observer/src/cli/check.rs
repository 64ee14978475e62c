//! `vault-unseal-observer check`.

use super::CheckArguments;
use super::arguments::{EXPORTER_CONFIG, NOTIFY_CONFIG};
use crate::document::DocumentError;
use crate::exporter::{ExporterSettings, TlsFiles};
use crate::notify::{self, Notify, NotifySettings};
use crate::service::{EXPORTER, Looking, NOTIFIER, Service};
use rustix::process::geteuid;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::Path;
use vault_unseal::cli::{Exit, Findings, Severity, Topic, findings_table};
use vault_unseal::explain::Explanation;
use vault_unseal::external::json_line;
use vault_unseal::external::quote::{sentence, shell};
use vault_unseal::observe;
use vault_unseal::report::Style;
use vault_unseal::systemd::RUNNING_CREDENTIALS;

/// Judges both configurations and looks whether the daemon can be observed.
pub(super) fn check(options: &CheckArguments) -> Exit {
    let mut findings = Findings::default();
    let mut exporter = findings.about("exporter");
    let path = &options.exporter_config;
    let service = Service::of(Path::new("/"), EXPORTER);
    let standard =
        Standard { path: Path::new(EXPORTER_CONFIG), absent: "the exporter listens on this machine alone" };
    let read = ExporterSettings::read(path);
    if let Some(settings) = judge(path, &standard, read, service.as_ref(), &mut exporter) {
        of_exporter(&settings, service.as_ref(), &mut exporter);
    }
    let path = &options.notify_config;
    let mut topic = findings.about("notify");
    let service = Service::of(Path::new("/"), NOTIFIER);
    let standard = Standard { path: Path::new(NOTIFY_CONFIG), absent: "the notifier is not started" };
    let notify = judge(path, &standard, NotifySettings::read(path), service.as_ref(), &mut topic);
    if let Some(settings) = &notify {
        of_notifier(settings, service.as_ref(), &mut topic);
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

/// The configuration that a service has, and what it does without one.
struct Standard {
    path: &'static Path,
    absent: &'static str,
}

/// A configuration was read; what it says, if it is there and good.
fn judge<T: Display>(
    path: &Path,
    standard: &Standard,
    read: Result<T, DocumentError>,
    service: Option<&Service>,
    topic: &mut Topic<'_>,
) -> Option<T> {
    let is_standard = path == standard.path;
    match read {
        Ok(settings) => {
            topic.good(format!("{}: {settings}", sentence(path)));
            // Another file is tried before it is put there.
            if let Some(service) = service.filter(|_| is_standard) {
                let remedy = format!("There is no secret in it: chmod 0644 {}", shell(path));
                if let Some(problem) = service.cannot_read(path, &remedy) {
                    topic.add(Severity::Problem, problem);
                }
            }
            return Some(settings);
        }
        // A link that leads nowhere is a mistake.
        Err(DocumentError::Missing(_)) if is_standard && fs::symlink_metadata(path).is_err() => {
            topic.good(format!("{}: there is none, {}", sentence(path), standard.absent));
        }
        Err(error) => topic.explain(Severity::Problem, &error),
    }
    None
}

fn of_exporter(settings: &ExporterSettings, service: Option<&Service>, topic: &mut Topic<'_>) {
    if let Some(tls) = &settings.tls {
        topic.succeeded(of_tls(tls, service));
    }
    for address in &settings.listen {
        let may_be_low = || service.is_none_or(|service| service.has_capability("CAP_NET_BIND_SERVICE"));
        match address.port() {
            0 => topic.warn(
                "port-any",
                format!("{address} is another port at each start: nobody who scrapes knows it"),
                "Name a port, such as 9412.",
            ),
            1..1024 if !may_be_low() => topic.problem(
                "port-reserved",
                format!("{EXPORTER} may not listen at {address}: ports below 1024 are root's"),
                "Take a port from 1024 on.",
            ),
            _ => {}
        }
        let absent = |error: io::Error| error.kind() == io::ErrorKind::AddrNotAvailable;
        if TcpListener::bind((address.ip(), 0)).is_err_and(absent) {
            topic.warn(
                "address-absent",
                format!("{} is not an address of this machine", address.ip()),
                "Name one that `ip address` shows. One that comes later is waited for.",
            );
        }
    }
}

/// As the service finds them. Where systemd puts its credentials it sees to who reads them.
fn of_tls(tls: &TlsFiles, service: Option<&Service>) -> Result<(), Explanation> {
    let directory = format!("{RUNNING_CREDENTIALS}/{EXPORTER}/");
    let handed_over = |path: &Path| {
        let name = path.to_str()?.strip_prefix(&directory)?;
        (!name.is_empty() && !name.contains('/')).then(|| name.to_owned())
    };
    // The file that a credential is made of; `None` where that cannot be told.
    let behind = |path: &Path, remedy: &str| match (handed_over(path), service) {
        (Some(name), Some(service)) => service.problem(&name).map_or_else(|| Ok(service.file(&name)), Err),
        (Some(_), None) => Ok(None),
        (None, _) => {
            Looking::ByHand(service).cannot_read(path, remedy)?;
            Ok((path.exists() || geteuid().is_root()).then(|| path.to_owned()))
        }
    };
    let open = format!("A certificate is not secret: chmod o+r {}", shell(&tls.certificate));
    let hand_over = format!(
        "Let systemd hand it over: systemctl edit {EXPORTER}, [Service], LoadCredential=exporter.key:{}, and key_file = \
         \"{directory}exporter.key\"",
        sentence(&tls.key)
    );
    let (certificate, key) = (behind(&tls.certificate, &open)?, behind(&tls.key, &hand_over)?);
    match (certificate, key) {
        (Some(certificate), Some(key)) => TlsFiles { certificate, key }.judge(),
        _ => Ok(()),
    }
}

fn of_notifier(settings: &NotifySettings, service: Option<&Service>, topic: &mut Topic<'_>) {
    for target in &settings.targets {
        topic.succeeded(notify::check_target(target, Looking::ByHand(service)));
        for name in target.target.credentials() {
            match service {
                None => topic.note(
                    "not-checked",
                    format!("{NOTIFIER} is not installed: whether it is given the credential \"{name}\" is not checked"),
                ),
                Some(service) => {
                    if let Some(problem) = service.problem(name) {
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
