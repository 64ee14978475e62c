//! Tells people what happens to the servers.
//!
//! Each second the daemon's snapshot is compared with what each target was told (`ledger`): what is so and was not told, and
//! what was told and is no longer so, makes a message. No event is needed for that, so none can be lost.

mod desk;
mod dry_run;
pub mod event;
mod keeper;
mod ledger;
mod looks;
mod memory;
mod message;
mod metrics;
#[cfg(test)]
mod schema_tests;
mod seen;
mod settings;
mod target;
mod tellers;
#[cfg(test)]
mod tests;
mod tracker;
mod well;

pub use metrics::SERVICE_METRICS;
pub use settings::{Notify, NotifySettings, Rules};
pub use target::Target;

use crate::cli::{self, NotifyArguments};
use crate::service::Looking;
use looks::Looker;
use message::Message;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;
use vault_unseal::cli::{Exit, fail, say};
use vault_unseal::explain::Explanation;
use vault_unseal::observe;
use vault_unseal::report::render;
use vault_unseal::systemd::journal;

/// As many threads as there may be beside the loop's own: files, names, mail.
const MOST_THREADS: usize = 32;

/// `vault-unseal-observer notify`.
pub fn run(options: &NotifyArguments) -> Exit {
    if options.dry_run.is_none() && options.test.is_none() {
        journal::start_as("vault-unseal-notify", tracing::level_filters::LevelFilter::INFO);
    }
    let settings = match NotifySettings::read(&options.config) {
        Ok(settings) => settings,
        Err(error) => return fail(&error, Exit::Config),
    };
    if let Some(path) = &options.dry_run {
        return dry_run::print(path, &settings);
    }
    let runtime = match cli::runtime(MOST_THREADS) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let ended = match &options.test {
        Some(name) => test(&runtime, name, &settings, &options.observe_socket),
        None => tellers::run(&runtime, options, settings),
    };
    // A thread that waits for a dead name server must not hold up the end.
    runtime.shutdown_background();
    ended
}

/// What a target needs besides the file: what is not there.
pub(crate) fn check_target(notify: &Notify, looking: Looking<'_>) -> Result<(), Explanation> {
    notify.target.check(looking).map_err(|error| named(&notify.name, &error))
}

fn check(settings: &NotifySettings) -> Result<(), Explanation> {
    settings.targets.iter().try_for_each(|notify| check_target(notify, Looking::Service))
}

/// Of which target it is told.
fn named(name: &str, error: &Explanation) -> Explanation {
    Explanation {
        kind: error.kind,
        message: format!("{name}: {}", error.message),
        advice: error.advice.clone().filter(|advice| !advice.is_empty()),
    }
}

/// Sends a test to all targets, or to that of this name.
fn test(runtime: &Runtime, name: &str, settings: &NotifySettings, socket: &Path) -> Exit {
    let targets: Vec<_> =
        settings.targets.iter().filter(|notify| name.is_empty() || notify.name == name).collect();
    if targets.is_empty() {
        let names: Vec<_> = settings.targets.iter().map(|notify| notify.name.as_str()).collect();
        let advice = format!("There are: {}.", names.join(", "));
        return fail(
            &Explanation::usage(format!("there is no target of the name \"{name}\""), advice),
            Exit::Usage,
        );
    }
    let host = host();
    let mut exit = Exit::Done;
    for notify in targets {
        let told = match notify.target.ping() {
            None => runtime.block_on(notify.target.tell(&Message::test(now()), &host)),
            // A service is not told that all is well for a test.
            Some(ping) => {
                let answer = observe::snapshot(socket);
                let look = Looker::default().look(Duration::ZERO, now(), answer.as_ref().map(Clone::clone));
                let well = look.well.for_all(&notify.rules);
                runtime.block_on(ping.tell(well.as_ref().copied().map_err(String::as_str)))
            }
        };
        match told {
            Ok(()) => drop(writeln!(io::stdout(), "ok    {} ({})", notify.name, notify.target.kind())),
            Err(undelivered) => {
                say(render(&named(&notify.name, &undelivered.why)));
                exit = Exit::Failed;
            }
        }
    }
    exit
}

/// This machine's name.
fn host() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = name.chars().filter(fits).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

/// The time, since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
