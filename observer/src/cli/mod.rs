//! The command line: one file a verb.

mod arguments;
mod check;
mod given;
mod translate;

pub(crate) use arguments::exporter_config_is_default;
pub use arguments::{Arguments, CheckArguments, ExporterArguments, NotifyArguments, Verb};

use crate::{exporter, notify};
use clap::error::ErrorKind;
use vault_unseal::cli::Exit;

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
