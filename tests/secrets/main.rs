//! Shares stay where they belong: in no memory after their use, in no log, and in nobody else's sight.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod exposure;
mod memory;
mod needles;
#[path = "../support/mod.rs"]
mod support;

/// The memory of a process that forbids it can be read by root alone.
fn are_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        support::untested("this needs root");
    }
    root
}
