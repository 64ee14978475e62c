//! The service: the unit that systemd would start, whether others do its work as well, and what runs now.

use super::finding::{Severity, Topic};
use super::takeover::{OLD_CONFIG, OldSetup, Program, steps, triggers};
use crate::cli::arguments::SOCKET;
use crate::cli::daemon_status::DaemonStatus;
use crate::cli::machine::{InstalledService, Machine, OWN_UNITS, SERVICE};
use crate::cluster::ShareSource;
use crate::explain::Explanation;
use crate::external::quote;
use crate::files;
use crate::ordered;
use crate::shares::ShareSet;
use crate::systemd::service::ServiceState;
use crate::systemd::units::{Unit, UnitFile};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a unit starts, itself or around its own program: a hook of `vault.service` unseals as well.
const STARTS: [&str; 3] = ["ExecStart", "ExecStartPre", "ExecStartPost"];

/// Looks at the units of the machine.
pub(super) fn check(machine: &Machine, ours: Option<&InstalledService>, topic: &mut Topic<'_>) {
    // The first file counts; the others are not even read by systemd.
    if let Some(first) = UnitFile::all(machine.root(), SERVICE).into_iter().next() {
        if first.masked {
            masked(&first.path, topic);
        } else if first.starts_us() {
            triggered(machine, topic);
            unconfigured(machine, ours, topic);
        } else if first.is_local() {
            shadowed(machine, first, ours, topic);
        }
    }
    rivals(machine, topic);
}

fn masked(path: &Path, topic: &mut Topic<'_>) {
    let runtime = if path.starts_with("/run") { " --runtime" } else { "" };
    topic.problem(
        "unit-masked",
        format!("{SERVICE} cannot be started: {} masks it", quote::sentence(path)),
        format!("systemctl unmask{runtime} {SERVICE}"),
    );
}

fn shadowed(machine: &Machine, old: UnitFile, ours: Option<&InstalledService>, topic: &mut Topic<'_>) {
    let path = old.path.clone();
    let (this, program) = OldSetup::from(machine, Some(old), ours);
    let starts = match (program.scripts.as_slice(), this.config()) {
        (_, Some(config)) => format!("another program of this name with {}", quote::sentence(config)),
        ([], None) => program.first.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string),
        (scripts, None) => {
            scripts.iter().map(|script| quote::sentence(script)).collect::<Vec<_>>().join(", ")
        }
    };
    let place = match ours {
        Some(ours) => format!(". It takes the place of {}", quote::sentence(&ours.path)),
        None => ", and no unit of vault-unseal's own is installed".to_owned(),
    };
    let message = format!("{} starts {starts}, not vault-unseal{place}", quote::sentence(&path));
    if machine.moving && ours.is_some() {
        topic.good(format!("{message}; expected before the move"));
        return;
    }
    let shadowed = |remedy: &str| topic.problem("unit-shadowed", message, remedy);
    match &this.refusal {
        // A share file that only root can read is not handed over unread.
        None if !machine.as_root => shadowed("The steps of the move: sudo vault-unseal check"),
        None => {
            shadowed("The steps of the move are below.");
            topic.steps(steps(&this));
        }
        Some(refusal) => {
            shadowed(
                "Leave it in place until its share file can be read, see below. Then check prints the steps of the move.",
            );
            topic.explain(Severity::Problem, refusal);
        }
    }
}

/// The configuration of another program of our name, whose package ours took the place of.
fn unconfigured(machine: &Machine, ours: Option<&InstalledService>, topic: &mut Topic<'_>) {
    // Until the last of its steps, which are printed for what is left of them.
    if machine.moving || machine.is_enabled(SERVICE) || !machine.has_file(Path::new(OLD_CONFIG)) {
        return;
    }
    let message = format!(
        "{OLD_CONFIG} is the configuration of another program of this name, and the move from it is not done"
    );
    let mut found = |remedy: &str| topic.warn("old-configuration", message.as_str(), remedy);
    if !machine.as_root {
        found("The steps of the move: sudo vault-unseal check");
        return;
    }
    let (this, _) = OldSetup::from(machine, None, ours);
    match &this.refusal {
        None => {
            found("The steps of the move are below.");
            topic.steps(steps(&this));
        }
        Some(refusal) => {
            found("Its shares cannot be read, see below. Once they can, check prints the steps of the move.");
            topic.explain(Severity::Problem, refusal);
        }
    }
}

/// What still starts our service, as it started another of its name before.
fn triggered(machine: &Machine, topic: &mut Topic<'_>) {
    for trigger in triggers(machine) {
        topic.warn(
            "unit-trigger",
            format!(
                "{} starts {SERVICE} as well, also when it was stopped on purpose",
                quote::sentence(&trigger.path)
            ),
            format!("systemctl disable --now {}", quote::shell(Path::new(&trigger.name))),
        );
    }
}

/// Other units that submit shares to servers.
fn rivals(machine: &Machine, topic: &mut Topic<'_>) {
    for name in own_units(machine) {
        let Some(unit) = Unit::load(machine.root(), &name).filter(|_| is_wanted(machine, &name)) else {
            continue;
        };
        for setting in STARTS {
            let program = Program::of(machine, &unit, &[setting]);
            if !program.says.unseals {
                continue;
            }
            let by = match program.scripts.first() {
                Some(script) => format!("by {}", quote::sentence(script)),
                None => format!("in {setting}="),
            };
            let word = quote::shell(Path::new(&name));
            let how = match setting {
                "ExecStart" => format!(": systemctl disable --now {word}"),
                hook => format!(", take its {hook}= out: systemctl cat {word}"),
            };
            topic.warn(
                "unit-rival",
                format!("{} submits shares as well, {by}", quote::sentence(Path::new(&name))),
                format!("Two do no harm, but one is enough. Once vault-unseal runs{how}"),
            );
            break;
        }
    }
}

/// The services that administrators wrote or changed, without our own.
fn own_units(machine: &Machine) -> BTreeSet<String> {
    let files = OWN_UNITS.iter().flat_map(|units| machine.entries(Path::new(units)));
    let names = files.filter_map(|path| {
        let name = path.file_name()?.to_str()?;
        let unit = name.strip_suffix(".d").unwrap_or(name);
        (unit.ends_with(".service") && unit != SERVICE).then(|| unit.to_owned())
    });
    ordered::set(names)
}

/// Whether something starts it: a target or a service that wants it, a timer, or that it is not theirs alone (a
/// package's unit that was changed).
fn is_wanted(machine: &Machine, name: &str) -> bool {
    let timer = name.strip_suffix(".service").map(|stem| format!("{stem}.timer"));
    let timed =
        timer.is_some_and(|timer| UnitFile::all(machine.root(), &timer).iter().any(|file| !file.masked));
    let elsewhere = UnitFile::all(machine.root(), name).iter().any(|file| !file.is_local());
    timed || elsewhere || machine.is_enabled(name)
}

/// Where systemd keeps the credentials of services that run (systemd.exec(5)).
const CREDENTIALS: &str = "/run/credentials";

/// Asks systemd for the state of the service, and the daemon for what it knows, which is returned.
pub(super) async fn running(machine: &Machine, topic: &mut Topic<'_>) -> DaemonStatus {
    if !machine.is_this_one() {
        return DaemonStatus::default();
    }
    // A unit of that name which is not ours, or is masked, is told with the other units.
    let is_ours =
        UnitFile::all(machine.root(), SERVICE).first().is_some_and(|file| !file.masked && file.starts_us());
    let state = tokio::task::spawn_blocking(|| ServiceState::of(SERVICE)).await.ok().flatten();
    if let Some(problem) = state.and_then(|state| state.problem()).filter(|_| is_ours) {
        // Before the first start, a check is what comes first.
        let severity = if problem.is_failure() { Severity::Problem } else { Severity::Warning };
        topic.explain(severity, &problem);
    }
    let daemon = DaemonStatus::at(Path::new(SOCKET)).await;
    if let Some(refused) = &daemon.reload_refused {
        let message = format!("the daemon runs with an older configuration: {}", refused.message);
        topic.add(
            Severity::Warning,
            Explanation { kind: "reload-refused", message, advice: refused.advice.clone() },
        );
    }
    daemon
}

/// The copy of a credential that the running service has.
fn copy(machine: &Machine, name: &str) -> Option<PathBuf> {
    let path = Path::new(CREDENTIALS).join(SERVICE).join(name);
    (machine.as_root && machine.has_file(&path)).then(|| machine.at(&path))
}

/// Whether the running service has other shares than those that it would get at a start.
pub(super) fn compare_shares(machine: &Machine, name: &str, now: &ShareSet, topic: &mut Topic<'_>) {
    let Some(copy) = copy(machine, name) else { return };
    let is_same = ShareSource::load_unjudged(&copy).is_ok_and(|running| running.shares.is_same_as(now));
    if !is_same {
        outdated(name, topic);
    }
}

/// The same for a credential that is a file as it is.
pub(super) fn compare_file(machine: &Machine, name: &str, path: &Path, topic: &mut Topic<'_>) {
    let Some(copy) = copy(machine, name) else { return };
    let read = |path: &Path| files::read_unjudged(path, files::LARGEST).ok();
    let (Some(running), Some(now)) = (read(&copy), read(&machine.at(path))) else { return };
    if *running != *now {
        outdated(name, topic);
    }
}

fn outdated(name: &str, topic: &mut Topic<'_>) {
    topic.warn(
        "credential-outdated",
        format!(
            "credential \"{name}\": the running service still uses an older copy, which systemd made when it started"
        ),
        "A reload does not renew it: systemctl restart vault-unseal",
    );
}
