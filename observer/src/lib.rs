//! Shows and tells what vault-unseal knows of its servers: metrics over TCP or in a file of `node_exporter`'s, and
//! notifications. A process of its own, without shares, so that telling can never stop unsealing.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// They panic when nobody reads any more: `vault_unseal::cli::say` and `write!` do not.
#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod cli;
pub mod document;
pub mod exporter;
pub mod notify;
mod service;
