//! How verbs begin and end: the configuration, the loop, what is said on standard error, exit codes.

use super::ConfigArguments;
use crate::config::{self, Environment, LoadedConfig, Purpose, Settings};
use crate::explain::Explain;
use crate::external::error;
use crate::files::{self, Slow};
use crate::process::{self, Protection};
use crate::report;
use crate::report::message::Message;
use crate::systemd::journal;
use crate::vault::TlsFileError;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tracing::level_filters::LevelFilter;

/// As many threads as there may be beside the loop's own: 32 look names up, and for each cluster two see to its shares
/// and one to its TLS files. With more clusters whose disks all hang, one waits for another.
const MOST_THREADS: usize = 256;

/// Says why on standard error, or under systemd as an error in the journal: once, and where journald may not know any more
/// whose message it is, on standard error as well, which it files under the unit in any case.
pub fn fail(error: &dyn Explain, exit: Exit) -> Exit {
    if journal::reads_our_stderr() {
        let line = report::in_one_line(error);
        journal::start(LevelFilter::INFO);
        tracing::error!(message_id = Message::Refused.id(), "{line}");
        if !journal::is_filed() {
            // With its priority: sd-daemon(3).
            say(format_args!("<3>{line}"));
        }
    } else {
        say(report::render(error));
    }
    exit
}

/// Keeps the memory of this process from others, or says why the kernel does not let it.
pub(super) fn protect_memory() -> Result<Protection, Exit> {
    process::protect_memory().map_err(|error| {
        let error = error::io(&error);
        say(format_args!("error: the kernel does not let this process protect its memory: {error}"));
        Exit::Failed
    })
}

/// The configuration, or the exit code after having said what is wrong with it.
pub(super) fn load(arguments: &ConfigArguments, purpose: Purpose) -> Result<LoadedConfig, Exit> {
    load_within(files::READ_LIMIT, arguments, purpose).unwrap_or_else(|| Err(fail(&Slow, Exit::Failed)))
}

/// The same; `None` when the files are not read within `limit`.
fn load_within(
    limit: Duration,
    arguments: &ConfigArguments,
    purpose: Purpose,
) -> Option<Result<LoadedConfig, Exit>> {
    let (origin, overrides) = (arguments.origin(), arguments.overrides());
    let read = move || config::load(&origin, &Environment::of_process(), &overrides, purpose);
    let loaded = files::within(limit, read)?;
    Some(loaded.map_err(|error| fail(&error, Exit::Config)))
}

/// The loop that everything runs on: one thread, and short-lived ones for names and files.
pub(super) fn runtime() -> Result<Runtime, Exit> {
    runtime_with(|builder| builder)
}

/// The same, with more options.
pub(super) fn runtime_with(options: impl FnOnce(&mut Builder) -> &mut Builder) -> Result<Runtime, Exit> {
    options(&mut Builder::new_current_thread())
        .enable_all()
        // Threads that resolve names and read files: made on demand, a bounded number for each purpose. TasksMax= in the
        // unit is above.
        .max_blocking_threads(MOST_THREADS)
        .thread_keep_alive(Duration::from_millis(100))
        .build()
        .map_err(|error| {
            say(format_args!("error: cannot start the event loop: {}", error::io(&error)));
            Exit::Failed
        })
}

/// Runs a verb that only looks at servers over the configuration; `None` when that is not read within `limit`, which
/// was said.
pub(super) fn with_settings(
    arguments: &ConfigArguments,
    limit: Option<Duration>,
    verb: impl AsyncFnOnce(&Settings) -> Result<Exit, TlsFileError>,
) -> Option<Exit> {
    let limit = limit.map_or(files::READ_LIMIT, |limit| limit.min(files::READ_LIMIT));
    let Some(loaded) = load_within(limit, arguments, Purpose::Observe) else {
        fail(&Slow, Exit::Failed);
        return None;
    };
    let ended = loaded.and_then(|loaded| {
        if let Err(shortage) = process::allow_descriptors_for(loaded.settings.nodes()) {
            say(report::render_warning(&shortage));
        }
        let runtime = runtime()?;
        let ended = runtime.block_on(verb(&loaded.settings));
        // A thread that waits for a dead name server must not hold up the end.
        runtime.shutdown_background();
        ended.map_err(|error| fail(&error, Exit::Config))
    });
    Some(ended.unwrap_or_else(|exit| exit))
}

/// Writes a line to standard error, which may have been closed: then nobody reads it, and what
/// the verb does and how it exits is the same. `eprintln!` would panic.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// How a verb ends. The exit codes of `status --plugin` mean what they mean to monitoring, where 3 is also a command line
/// that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// `wait`: not unsealed at the deadline. `status --exit-code`: not every server is unsealed.
    StillSealed = 3,
    /// `check`: problems were found.
    Problems = 4,
    /// The configuration makes no sense (`EX_CONFIG` of sysexits.h).
    Config = 78,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn unit_allows_more_tasks_than_there_are_threads() {
        for unit in [
            include_str!("../../systemd/vault-unseal.service"),
            include_str!("../../systemd/vault-unsealed-wait.service"),
        ] {
            let tasks = unit.lines().find_map(|line| line.strip_prefix("TasksMax=")).expect("a limit");
            let tasks: usize = tasks.parse().expect("a number");
            assert!(tasks > super::MOST_THREADS + 16, "{tasks}");
        }
    }
}
