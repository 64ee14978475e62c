//! Shares sealed to a TPM 2.0: the helper on a real (software) TPM, judged by tpm2-tools, and the daemon over both that
//! and a real server. Needs swtpm, tpm2-tools, and the feature `tpm`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod bus;
mod corrupt;
mod cycle;
mod daemon;
mod helper;
mod linkage;
mod memory;
#[path = "../secrets/needles.rs"]
mod needles;
mod pcrs;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
mod tools;
mod troubles;

/// The memory of a process that forbids it can be read by root alone.
fn are_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        support::untested("this needs root");
    }
    root
}
