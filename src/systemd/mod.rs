//! What we tell systemd and the journal, and what unit files tell us.

pub mod credentials;
pub mod drop_in;
pub mod journal;
pub mod notify;
pub mod service;
pub mod units;

use std::path::PathBuf;

/// Our own service.
pub const SERVICE: &str = "vault-unseal.service";

/// Where systemd put this process's credentials (systemd.exec(5)); `None` when it was given none.
pub fn credentials_directory() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").filter(|path| !path.is_empty()).map(PathBuf::from)
}
