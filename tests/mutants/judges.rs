//! What judges files, accounts and servers on this machine, and what its unit tests take. `run` puts this in the place of
//! `src/lib.rs`, in a copy.
#![allow(dead_code, unused_imports, missing_docs, reason = "what others use of these folders is not here")]

pub mod accounts;
pub mod api;
pub mod cluster;
pub mod config;
pub mod explain;
pub mod external;
pub mod files;
mod listener;
pub mod ordered;
pub mod process;
mod program;
pub mod report;
pub mod shares;
pub mod systemd;
#[cfg(test)]
mod testing;
pub mod unseal;

pub mod vault {
    pub mod peer;
}
