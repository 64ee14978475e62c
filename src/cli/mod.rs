//! The command line: one file a verb.

mod arguments;
mod check;
mod columns;
mod credentials;
mod daemon_status;
mod enroll;
mod events;
mod init;
mod machine;
mod next_steps;
mod node_table;
mod observed;
mod orders;
mod plugin;
mod probe;
mod run;
mod screen;
mod start;
mod startup_checks;
mod status;
mod status_line;
mod store_choice;
mod wait;

pub use arguments::{Arguments, ConfigArguments, Verb};
pub use check::{Checked, Finding, Findings, Severity, Topic, findings_table, notification_urls};
pub use enroll::EnrollArguments;
pub use init::{InitArguments, RootToken};
pub use start::{Exit, fail, say};
pub use store_choice::StoreChoice;

use crate::watch::Order;
use clap::error::ErrorKind;

/// Parses the command line and does what it says.
pub fn main() -> Exit {
    let arguments = match Arguments::of_process() {
        Ok(arguments) => arguments,
        Err(error) => {
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // To a closed pipe there is nothing left to say.
            let _ = error.print();
            // To monitoring, 2 is that a server is sealed.
            let of_plugin = std::env::args_os().any(|word| word == "--plugin");
            return match asked_for {
                true => Exit::Done,
                false if of_plugin => Exit::StillSealed,
                false => Exit::Usage,
            };
        }
    };
    let config = arguments.config;
    let ended = match arguments.verb {
        Verb::Run => run::run(&config),
        Verb::Wait(options) => Ok(wait::wait(&config, &options)),
        Verb::Status(options) => Ok(status::status(&config, &options)),
        Verb::Events(options) => events::events(&options),
        Verb::Hold(options) => orders::order(Order::Hold, &options),
        Verb::Resume(options) => orders::order(Order::Resume, &options),
        Verb::Reload(options) => orders::reload(&config, &options),
        Verb::Check(options) => check::check(&config, &options),
        Verb::Enroll(options) => enroll::enroll(&config, &options),
        Verb::Init(options) => init::init(&config, &options),
    };
    // Whoever failed has said why.
    ended.unwrap_or_else(|exit| exit)
}
