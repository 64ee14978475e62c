//! Keeps HashiCorp Vault and OpenBao servers unsealed.
//!
//! The binary `vault-unseal` is a thin shell over this library; `docs/architecture.md` shows the way of one
//! poll through these modules.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// They panic when nobody reads any more: `cli::start::say` and `write!` do not.
#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod accounts;
pub mod api;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod control;
pub mod discovery;
pub mod explain;
pub mod external;
pub mod files;
mod listener;
pub mod observe;
pub mod ordered;
pub mod process;
mod program;
pub mod report;
pub mod shares;
pub mod systemd;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod unseal;
pub mod vault;
pub mod watch;
