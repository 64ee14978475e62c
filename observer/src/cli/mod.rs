//! The command line: one file a verb.

mod arguments;
mod check;
mod translate;

pub(crate) use arguments::exporter_config_is_default;
pub use arguments::{Arguments, CheckArguments, ExporterArguments, NotifyArguments, Verb};

use crate::{exporter, notify};
use clap::error::ErrorKind;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use vault_unseal::cli::{Exit, fail};
use vault_unseal::explain::Explanation;
use vault_unseal::external::error;

/// Parses the command line and does what it says.
pub fn main() -> Exit {
    let arguments = match Arguments::of_process() {
        Ok(arguments) => arguments,
        Err(error) => {
            // To a closed pipe there is nothing left to say.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
                _ => Exit::Usage,
            };
        }
    };
    match arguments.verb {
        Verb::Exporter(options) => exporter::run(&options),
        Verb::Notify(options) => notify::run(&options),
        Verb::Check(options) => check::check(&options),
        Verb::Translate => translate::translate(),
    }
}

/// The loop that a service runs on: one thread, and so many short-lived ones for what blocks; or the exit code, after having
/// said why there is none.
pub(crate) fn runtime(most_threads: usize) -> Result<Runtime, Exit> {
    let built = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(most_threads)
        .thread_keep_alive(Duration::from_millis(100))
        .build();
    built.map_err(|cause| {
        let what = format!("cannot start the event loop: {}", error::io(&cause));
        fail(&Explanation::without_advice("loop", what), Exit::Failed)
    })
}
