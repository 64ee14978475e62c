//! What we tell systemd and the journal, and what unit files tell us.

pub mod credentials;
pub mod drop_in;
pub mod journal;
pub mod notify;
pub mod service;
pub mod units;

/// Our own service.
pub const SERVICE: &str = "vault-unseal.service";
