//! The command line: one file a verb.

mod arguments;
mod check;
mod credentials;
mod enroll;
mod existing;
mod exit;
mod hold;
mod home_choice;
mod init;
mod look;
mod machine;
mod names;
mod outsiders;
mod prove;
mod reload;
mod run;
mod say;
mod scene;
mod start;
mod status;
mod told;
mod wait;

pub use arguments::{Arguments, ConfigArguments, Verb};
pub use check::Checked;
pub use enroll::EnrollArguments;
pub use exit::Exit;
pub use home_choice::HomeChoice;
pub use init::{InitArguments, RootToken};

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
            return if asked_for { Exit::Done } else { Exit::Usage };
        }
    };
    let config = arguments.config;
    match arguments.verb {
        Verb::Run => run::run(&config),
        Verb::Wait(options) => wait::wait(&config, &options),
        Verb::Status(options) => status::status(&config, &options),
        Verb::Hold(options) => hold::order(Order::Hold, &options),
        Verb::Resume(options) => hold::order(Order::Resume, &options),
        Verb::Reload(options) => reload::reload(&config, &options),
        Verb::Check(options) => check::check(&config, &options),
        Verb::Enroll(options) => enroll::enroll(&config, &options),
        Verb::Init(options) => init::init(&config, &options),
    }
}
