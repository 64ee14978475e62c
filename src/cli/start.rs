//! What verbs begin with: the configuration, the loop, and the end when one of them fails.

use super::look::{Target, targets};
use super::say::say;
use super::{ConfigArguments, Exit};
use crate::config::{self, Environment, Loaded, Purpose};
use crate::descriptors;
use crate::explain::Explain;
use crate::report;
use crate::report::message::Message;
use crate::systemd::journal;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tracing::level_filters::LevelFilter;

/// Says why on standard error, or under systemd as an error in the journal.
pub(super) fn fail(error: &dyn Explain, exit: Exit) -> Exit {
    if journal::reads_our_stderr() {
        journal::start(LevelFilter::INFO);
        tracing::error!(message_id = Message::Refused.id(), "{}", report::error::in_one_line(error));
    } else {
        say(report::error::render(error));
    }
    exit
}

/// The configuration, or the exit code after having said what is wrong with it.
pub(super) fn load(arguments: &ConfigArguments, purpose: Purpose) -> Result<Loaded, Exit> {
    config::load(&arguments.origin(), &Environment::of_process(), &arguments.overrides(), purpose)
        .map_err(|error| fail(&error, Exit::Config))
}

/// Most threads for names and files. A name server that does not answer takes one for each node that is looked for, and
/// must leave some to the share sources of others.
const THREADS: usize = 4096;

/// The loop that everything runs on: one thread, and short-lived ones for names and files.
pub(super) fn runtime() -> Result<Runtime, Exit> {
    Builder::new_current_thread()
        .enable_all()
        // Threads that resolve names and read files: made on demand, however many of them hang.
        .max_blocking_threads(THREADS)
        .thread_keep_alive(Duration::from_millis(100))
        .build()
        .map_err(|error| {
            say(format_args!("error: cannot start the event loop: {error}"));
            Exit::Failed
        })
}

/// Runs a verb that only looks at servers over the servers of the configuration.
pub(super) fn with_targets(arguments: &ConfigArguments, verb: impl AsyncFnOnce(&[Target]) -> Exit) -> Exit {
    let loaded = match load(arguments, Purpose::Observe) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    if let Err(shortage) = descriptors::suffice_for(loaded.settings.nodes()) {
        say(report::error::render_warning(&shortage));
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let exit = match targets(&loaded.settings) {
        Ok(targets) => runtime.block_on(verb(&targets)),
        Err(error) => fail(&error, Exit::Config),
    };
    // A thread that waits for a dead name server must not hold up the end.
    runtime.shutdown_background();
    exit
}
