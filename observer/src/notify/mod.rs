//! Tells people what happens to the servers.

mod settings;

pub use settings::NotifySettings;

use crate::cli::NotifyArguments;
use vault_unseal::cli::Exit;

/// `vault-unseal-observer notify`.
pub fn run(_options: &NotifyArguments) -> Exit {
    Exit::Failed
}
