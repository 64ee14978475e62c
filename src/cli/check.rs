//! `vault-unseal check`: looks for problems and says how to mend them. Submits nothing, changes nothing.

mod cluster;
mod finding;
mod show;

use super::start::runtime;
use super::{ConfigArguments, Exit, arguments::CheckArguments};
use crate::config::{self, Environment, Loaded, Purpose};
use crate::{protect, report};
use finding::{Findings, Severity};
use std::io::{self, Write};

/// Checks everything and prints the findings.
pub(super) fn check(arguments: &ConfigArguments, options: &CheckArguments) -> Exit {
    // Shares are read below. A kernel that refuses is found by `run`, which cannot do without.
    let _ = protect::this_process();
    let environment = Environment::of_process();
    let loaded = config::load(&arguments.origin(), &environment, &arguments.overrides(), Purpose::Unseal);
    let mut findings = Findings::default();
    let exit = match &loaded {
        Ok(loaded) => match runtime() {
            Ok(runtime) => {
                let found = runtime.block_on(check_all(loaded));
                runtime.shutdown_background();
                findings.extend(found);
                if findings.worst() == Severity::Problem { Exit::Problems } else { Exit::Done }
            }
            Err(exit) => return exit,
        },
        Err(error) => {
            findings.explain(Severity::Problem, "configuration", error);
            Exit::Config
        }
    };
    if options.json {
        return super::status::print_json(&findings, exit);
    }
    let style = report::style::Style::of(&io::stdout());
    match write!(io::stdout(), "{}", show::table(&findings, style)) {
        Ok(()) => exit,
        Err(_) => Exit::Failed,
    }
}

async fn check_all(loaded: &Loaded) -> Findings {
    let mut findings = Findings::default();
    let files: Vec<_> = loaded.sources.iter().map(|path| path.display().to_string()).collect();
    let read = if files.is_empty() { "from the environment and flags".to_owned() } else { files.join(", ") };
    findings.good("configuration", read);
    for notice in &loaded.notices {
        findings.explain(Severity::Warning, "configuration", notice);
    }
    for settings in &loaded.settings.clusters {
        findings.extend(cluster::check(settings, loaded.settings.clusters.len() > 1).await);
    }
    findings
}
