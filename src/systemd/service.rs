//! What the service manager says of a service: `systemctl show` (systemctl(1)). Whoever may run it is told.

use super::units::UnitFile;
use crate::explain::Explain;
use crate::external::ExternalText;
use crate::external::quote::sentence;
use crate::ordered;
use crate::program::printed;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Our own service.
pub const SERVICE: &str = "vault-unseal.service";

/// How long `systemctl` may take.
const LIMIT: Duration = Duration::from_secs(5);
/// What is asked for (org.freedesktop.systemd1(5)).
const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainStatus";

/// A service as the service manager has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceState {
    name: String,
    /// Their values, by the names of [`PROPERTIES`].
    properties: BTreeMap<String, String>,
}

impl ServiceState {
    /// Asks for the state of a unit. `None` without systemd, or where it does not answer. Blocks for up to 5 s.
    pub fn of(unit: &str) -> Option<Self> {
        let (status, said) = printed("systemctl", &["show", "--no-pager", PROPERTIES, "--", unit], LIMIT)?;
        status.success().then(|| Self::parse(unit, &String::from_utf8_lossy(&said)))
    }

    fn parse(unit: &str, text: &str) -> Self {
        let properties = text.lines().filter_map(|line| line.split_once('='));
        let shown = |(name, value): (&str, &str)| (name.to_owned(), ExternalText::new(value).to_string());
        Self { name: unit.to_owned(), properties: ordered::map(properties.map(shown)) }
    }

    fn property(&self, name: &str) -> &str {
        self.properties.get(name).map(String::as_str).unwrap_or_default()
    }

    /// What an administrator must know of it; `None` when it runs and starts with the machine, or is not installed.
    pub fn problem(&self) -> Option<ServiceProblem> {
        let unit_file = self.property("UnitFileState");
        let kind = match (self.property("LoadState"), self.property("ActiveState"), self.property("SubState"))
        {
            ("masked", ..) => Kind::Masked,
            ("loaded", "failed", _) => Kind::Failed,
            ("loaded", "activating", "auto-restart" | "auto-restart-queued") => Kind::Restarting,
            ("loaded", "inactive" | "deactivating", _) => Kind::Stopped { enabled: unit_file == "enabled" },
            ("loaded", "active" | "reloading", _) => match unit_file {
                "disabled" => Kind::Disabled,
                "enabled-runtime" | "linked-runtime" => Kind::EnabledForNow,
                _ => return None,
            },
            _ => return None,
        };
        let why = match self.property("Result") {
            "exit-code" => format!("exit code {}", self.property("ExecMainStatus")),
            result => result.to_owned(),
        };
        Some(ServiceProblem { unit: self.name.clone(), kind, why })
    }
}

/// The unit file that an administrator, or a configuration tool, put in the place of our own, so that another program is
/// started under its name: at the next start, if this runs. `None` where ours counts, or is masked. Reads unit files.
pub fn shadow(root: &Path) -> Option<ServiceProblem> {
    let first = UnitFile::all(root, SERVICE).into_iter().next()?;
    (!first.masked && first.is_local() && !first.starts_us()).then(|| ServiceProblem {
        unit: SERVICE.to_owned(),
        kind: Kind::Shadowed,
        why: sentence(&first.path),
    })
}

/// Why a service does not do its work, or will not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceProblem {
    unit: String,
    kind: Kind,
    /// How it ended last; of one in whose place another is, where that is.
    why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Masked,
    Failed,
    Restarting,
    Stopped { enabled: bool },
    Disabled,
    EnabledForNow,
    Shadowed,
}

impl ServiceProblem {
    /// Nothing unseals now.
    pub fn is_down(&self) -> bool {
        !matches!(self.kind, Kind::Disabled | Kind::EnabledForNow | Kind::Shadowed)
    }

    /// It was started, and could not go on.
    pub fn is_failure(&self) -> bool {
        matches!(self.kind, Kind::Failed | Kind::Restarting)
    }

    /// Its kind, what is so, and what to do about it.
    fn explained(&self) -> (&'static str, String, String) {
        let Self { unit, kind, why } = self;
        let name = unit.strip_suffix(".service").unwrap_or(unit);
        let sealed = "a sealed server stays sealed";
        match kind {
            Kind::Masked => (
                "service-masked",
                format!("{unit} is masked and cannot be started: {sealed}"),
                format!("systemctl unmask {name}; systemctl enable --now {name}"),
            ),
            Kind::Failed => (
                "service-failed",
                format!("{unit} has failed ({why}): {sealed}"),
                format!("See why: journalctl -u {name}. After the fix: systemctl restart {name}"),
            ),
            Kind::Restarting => (
                "service-restarting",
                format!("{unit} fails again and again ({why}): {sealed}"),
                format!("See why: journalctl -u {name}"),
            ),
            Kind::Stopped { enabled: true } => (
                "service-not-running",
                format!("{unit} is not running: {sealed}"),
                format!("systemctl start {name}"),
            ),
            Kind::Stopped { enabled: false } => (
                "service-not-running",
                format!("{unit} is disabled and not running: {sealed}"),
                format!("systemctl enable --now {name}"),
            ),
            Kind::Disabled => (
                "service-disabled",
                format!("{unit} runs but is disabled: it does not start with the machine"),
                format!("systemctl enable {name}"),
            ),
            Kind::EnabledForNow => (
                "service-disabled",
                format!("{unit} is enabled until the next boot only: then it does not start"),
                format!("systemctl enable {name}"),
            ),
            Kind::Shadowed => (
                "unit-shadowed",
                format!("{why} takes the place of {unit} and starts another program"),
                "The steps of the move: sudo vault-unseal check. If an Ansible role wrote that file, it does so at each \
                 run, unless vault_unseal_service is false."
                    .to_owned(),
            ),
        }
    }
}

impl std::error::Error for ServiceProblem {}

impl fmt::Display for ServiceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explained().1)
    }
}

impl Explain for ServiceProblem {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, _, advice) = self.explained();
        (kind, Some(advice.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(active: &str, sub: &str, file: &str, more: &str) -> Option<&'static str> {
        let text =
            format!("LoadState=loaded\nActiveState={active}\nSubState={sub}\nUnitFileState={file}\n{more}");
        ServiceState::parse("vault-unseal.service", &text).problem().map(|problem| problem.kind())
    }

    #[test]
    fn service_that_runs_and_is_enabled_has_no_problem() {
        assert_eq!(problem("active", "running", "enabled", "Result=success"), None);
        assert_eq!(problem("activating", "start", "enabled", ""), None);
        assert_eq!(problem("reloading", "reload", "enabled", ""), None);
        assert_eq!(problem("active", "running", "static", ""), None);
    }

    #[test]
    fn service_that_does_not_run_or_will_not_has_one() {
        for (active, sub, file, kind) in [
            ("failed", "failed", "enabled", "service-failed"),
            ("inactive", "dead", "enabled", "service-not-running"),
            ("inactive", "dead", "disabled", "service-not-running"),
            ("activating", "auto-restart", "enabled", "service-restarting"),
            ("active", "running", "disabled", "service-disabled"),
            ("active", "running", "enabled-runtime", "service-disabled"),
        ] {
            assert_eq!(problem(active, sub, file, "Result=exit-code"), Some(kind), "{active} {sub} {file}");
        }
        let masked = ServiceState::parse("a.service", "LoadState=masked\nActiveState=inactive");
        assert_eq!(masked.problem().map(|problem| problem.kind()), Some("service-masked"));
        let missing = ServiceState::parse("a.service", "LoadState=not-found\nActiveState=inactive");
        assert_eq!(missing.problem(), None);
    }

    #[test]
    fn failed_service_is_told_with_its_exit_code() {
        let text =
            "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainStatus=78\n";
        let problem = ServiceState::parse("vault-unseal.service", text).problem().map(|it| it.to_string());
        let text = "vault-unseal.service has failed (exit code 78): a sealed server stays sealed";
        assert_eq!(problem.as_deref(), Some(text));
    }
}
