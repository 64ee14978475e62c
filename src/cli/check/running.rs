//! The service as it runs now: what systemd and the daemon itself say of it, and whether it has what the files say.

use super::finding::{Findings, Severity};
use crate::cli::arguments::SOCKET;
use crate::cli::machine::{Machine, SERVICE};
use crate::cli::told::Told;
use crate::files;
use crate::shares::{ShareSet, Source};
use crate::systemd::service::ServiceState;
use crate::systemd::units::UnitFile;
use std::path::{Path, PathBuf};

/// Where systemd keeps the credentials of services that run (systemd.exec(5)).
const CREDENTIALS: &str = "/run/credentials";

/// Asks systemd for the state of the service, and the daemon for what it knows, which is returned.
pub(super) async fn check(machine: &Machine, findings: &mut Findings) -> Told {
    if !machine.is_this_one() {
        return Told::default();
    }
    // A unit of that name which is not ours, or is masked, is told with the other units.
    let is_ours =
        UnitFile::all(machine.root(), SERVICE).first().is_some_and(|file| !file.masked && file.starts_us());
    let state = tokio::task::spawn_blocking(|| ServiceState::of(SERVICE)).await.ok().flatten();
    if let Some(problem) = state.and_then(|state| state.problem()).filter(|_| is_ours) {
        // Before the first start, a check is what comes first.
        let severity = if problem.is_failure() { Severity::Problem } else { Severity::Warning };
        findings.explain(severity, "service", &problem);
    }
    let told = Told::by_daemon_at(Path::new(SOCKET)).await;
    if let Some(refused) = &told.reload_refused {
        let message = format!("the daemon runs with an older configuration: {}", refused.message);
        findings.add(Severity::Warning, "service", "reload-refused", message, refused.advice.clone());
    }
    told
}

/// The copy of a credential that the running service has.
fn copy(machine: &Machine, name: &str) -> Option<PathBuf> {
    let path = Path::new(CREDENTIALS).join(SERVICE).join(name);
    (machine.as_root && machine.has_file(&path)).then(|| machine.at(&path))
}

/// Whether the running service has other shares than those that it would get at a start.
pub(super) fn shares(machine: &Machine, name: &str, now: &ShareSet, subject: &str, findings: &mut Findings) {
    let Some(copy) = copy(machine, name) else { return };
    let is_same = Source::load_unjudged(&copy).is_ok_and(|running| running.shares.is_same_as(now));
    if !is_same {
        outdated(name, subject, findings);
    }
}

/// The same for a credential that is a file as it is.
pub(super) fn file(machine: &Machine, name: &str, path: &Path, subject: &str, findings: &mut Findings) {
    let Some(copy) = copy(machine, name) else { return };
    let read = |path: &Path| files::read_unjudged(path, files::LARGEST).ok();
    let (Some(running), Some(now)) = (read(&copy), read(&machine.at(path))) else { return };
    if *running != *now {
        outdated(name, subject, findings);
    }
}

fn outdated(name: &str, subject: &str, findings: &mut Findings) {
    findings.add(
        Severity::Warning,
        subject,
        "credential-outdated",
        format!("credential \"{name}\": the running service still uses an older copy, which systemd made when it started"),
        Some("A reload does not renew it: systemctl restart vault-unseal".to_owned()),
    );
}
