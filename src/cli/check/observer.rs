//! The observer's configurations: its own program knows what is right in them.

use super::finding::{Finding, Findings, Severity};
use crate::cli::machine::Machine;
use crate::external::quote;
use crate::observe::ObservedValue;
use crate::program::printed;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the package puts it.
const PROGRAM: &str = "/usr/bin/vault-unseal-observer";
const CONFIGURATIONS: [&str; 2] = ["/etc/vault-unseal/exporter.toml", "/etc/vault-unseal/notify.toml"];
/// How long it may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The one that came with this program, as from a tarball, or the package's.
fn program() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().map(|running| running.with_file_name("vault-unseal-observer"));
    [beside, Some(PathBuf::from(PROGRAM))].into_iter().flatten().find(|path| path.is_file())
}

/// Has them judged where there are any and root looks, who can read what they name. None of it keeps a server sealed.
pub(super) fn check(machine: &Machine, findings: &mut Findings) {
    let has = |path: &&str| machine.has_file(Path::new(path));
    if !machine.as_root || !machine.is_this_one() || !CONFIGURATIONS.iter().any(has) {
        return;
    }
    let Some(program) = program() else { return };
    let said = printed(&program, &["check", "--json"], LIMIT);
    let Some(document) = said.and_then(|(_, said)| serde_json::from_slice::<ObservedValue>(&said).ok())
    else {
        findings.about("observer").warn(
            "observer-check",
            format!("{} does not judge its configuration", quote::sentence(&program)),
            "See what it says: vault-unseal-observer check. Both packages must be of the same version.",
        );
        return;
    };
    for finding in document.items("findings") {
        let text = |name| finding.text(name).map(|text| format!("{text:.2000}"));
        let subject = text("subject").unwrap_or_default();
        // Whether it runs is told without it.
        if subject == "daemon" {
            continue;
        }
        let severity = if finding.is("severity", "ok") { Severity::Ok } else { Severity::Warning };
        findings.findings.push(Finding {
            severity,
            subject,
            kind: text("kind").unwrap_or_default().into(),
            message: text("message").unwrap_or_default(),
            remedy: finding.text("remedy").map(|text| text.paragraph()),
            steps: None,
        });
    }
}
