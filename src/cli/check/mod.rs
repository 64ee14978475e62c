//! `vault-unseal check`: looks for problems and says how to mend them. Submits nothing, changes nothing.

mod cluster;
mod credential;
mod finding;
mod nodes;
mod observer;
mod protection;
mod readable;
mod sealed;
mod service;
mod takeover;

use super::arguments::CheckArguments;
use super::credentials::{self, MachineView};
use super::daemon_status::DaemonStatus;
use super::machine::{CheckedService, Machine, SERVICE};
use super::probe::names;
use super::start::runtime;
use super::status::json;
use super::{ConfigArguments, Exit};
use crate::config::{self, Environment, LoadedConfig, Origin, Overrides, Purpose};
use crate::external::{error, quote};
use crate::process;
use crate::report::Style;
use crate::systemd::units::Unit;
pub use finding::{Finding, Findings, Severity, Topic, findings_table};
use nodes::CheckedServers;
use rustix::process::geteuid;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
pub use takeover::notification_urls;

/// Checks everything and prints the findings.
pub(super) fn check(arguments: &ConfigArguments, options: &CheckArguments) -> Result<Exit, Exit> {
    // Shares are read below. `run` cannot do without; here it is a finding like another.
    let unprotected = process::protect_memory().err();
    let environment = Environment::of_process();
    let as_root = geteuid().is_root();
    let look = if options.takeover { Checked::before_takeover } else { Checked::of };
    let mut checked = look(&arguments.origin(), &environment, &arguments.overrides(), as_root)?;
    if let Some(error) = unprotected {
        checked.findings.about("this process").warn(
            "memory-unprotected",
            format!("the kernel does not let this process protect its memory: {}", error::io(&error)),
            "`run` refuses to start where it is so. Look at what confines it: a container, a seccomp filter.",
        );
    }
    let text = if options.json { checked.json() } else { Ok(checked.table(Style::of(&io::stdout()))) };
    match text.map(|text| write!(io::stdout(), "{text}")) {
        Ok(Ok(())) => Ok(checked.exit()),
        _ => Err(Exit::Failed),
    }
}

/// What a check found.
pub struct Checked {
    findings: Findings,
    exit: Exit,
}

impl Checked {
    /// Checks the configuration, the servers, and for the configuration of the service also its machine: the one whose
    /// root directory `origin` names. `as_root` says whether root looks, who can read what the service cannot.
    ///
    /// Errors: there is no event loop to be had; it was said on standard error.
    pub fn of(
        origin: &Origin,
        environment: &Environment,
        flags: &Overrides,
        as_root: bool,
    ) -> Result<Self, Exit> {
        Self::look(origin, environment, flags, as_root, false)
    }

    /// The same on a machine whose service is about to take the place of another of its name: that one is expected, and
    /// its settings do not count.
    ///
    /// Errors: as [`Checked::of`].
    pub fn before_takeover(
        origin: &Origin,
        environment: &Environment,
        flags: &Overrides,
        as_root: bool,
    ) -> Result<Self, Exit> {
        Self::look(origin, environment, flags, as_root, true)
    }

    fn look(
        origin: &Origin,
        environment: &Environment,
        flags: &Overrides,
        as_root: bool,
        moving: bool,
    ) -> Result<Self, Exit> {
        let loaded = config::load(origin, environment, flags, Purpose::Unseal);
        let root = match origin {
            Origin::Standard(root) => root,
            Origin::File(_) => Path::new("/"),
        };
        let trusted = loaded.as_ref().map(|loaded| Arc::clone(&loaded.settings.trusted)).unwrap_or_default();
        let machine = Machine::new(root, as_root, trusted, moving);
        let service = machine.service();
        let standard = matches!(origin, Origin::Standard(_));
        let place = CheckedService { machine: &machine, service: service.as_ref(), standard };
        let mut findings = Findings::default();
        match &loaded {
            Ok(loaded) => configured(loaded, &mut findings.about("configuration")),
            Err(error) => findings.about("configuration").explain(Severity::Problem, error),
        }
        // A file that --config names is not what the service of this machine reads.
        if standard {
            if let (Ok(loaded), Some(service)) = (&loaded, &service) {
                if as_root {
                    readable::check(&machine, loaded, &service.unit, &mut findings);
                    protection::plain_beside_sealed(
                        &machine,
                        loaded,
                        &service.unit,
                        &mut findings.about("shares"),
                    );
                    credential::authorities(&machine, loaded, &service.unit, &mut findings.about("tls"));
                }
                sources(&machine, loaded, &service.unit, &mut findings.about("credentials"));
            }
            observer::check(&machine, &mut findings);
            service::check(&machine, service.as_ref(), &mut findings.about("service"));
        }
        if let Ok(loaded) = &loaded {
            let runtime = runtime()?;
            findings.extend(runtime.block_on(clusters(loaded, &place)));
            runtime.shutdown_background();
        }
        let exit = match loaded {
            Err(_) => Exit::Config,
            Ok(_) if findings.worst() == Severity::Problem => Exit::Problems,
            Ok(_) => Exit::Done,
        };
        Ok(Self { findings, exit })
    }

    /// What the verb exits with: a configuration that is refused outweighs all other problems.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// For people: a table, and below it steps to paste.
    pub fn table(&self, style: Style) -> String {
        findings_table(&self.findings, style)
    }

    /// For machines: one line.
    pub fn json(&self) -> serde_json::Result<String> {
        json(&self.findings)
    }
}

/// Where the service's credentials come from.
fn sources(machine: &Machine, loaded: &LoadedConfig, unit: &Unit, topic: &mut Topic<'_>) {
    let directory = Path::new("/run/credentials").join(SERVICE);
    let view = MachineView { root: machine.root(), inside: false };
    for problem in credentials::judge(&loaded.settings, unit, &directory, &view) {
        // The old program reads the same file with the same mode: moving makes nothing worse.
        let tolerated = problem.refusal.is_none() || machine.moving && problem.is_readable_by_mode();
        let severity = if tolerated { Severity::Warning } else { Severity::Problem };
        topic.add(severity, problem.what);
    }
}

fn configured(loaded: &LoadedConfig, topic: &mut Topic<'_>) {
    let files: Vec<_> = loaded.sources.iter().map(|path| quote::sentence(path)).collect();
    let read = if files.is_empty() { "from the environment and flags".to_owned() } else { files.join(", ") };
    topic.good(read);
    for notice in &loaded.notices {
        topic.explain(Severity::Warning, notice);
    }
    if let Err(shortage) = process::allow_descriptors_for(loaded.settings.nodes()) {
        topic.explain(Severity::Warning, &shortage);
    }
}

async fn clusters(loaded: &LoadedConfig, place: &CheckedService<'_>) -> Findings {
    let mut findings = Findings::default();
    let daemon = match place.unit() {
        Some(_) => service::running(place.machine, &mut findings.about("service")).await,
        None => DaemonStatus::default(),
    };
    let mut seen = CheckedServers { daemon, ..CheckedServers::default() };
    let names = names(&loaded.settings).await;
    for settings in &loaded.settings.clusters {
        let several = loaded.settings.clusters.len() > 1;
        findings.extend(cluster::check(settings, &names, several, place, &mut seen).await);
    }
    nodes::identity(&seen, &mut findings).await;
    findings
}
