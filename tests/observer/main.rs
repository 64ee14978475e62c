//! The observer beside the real daemon and real servers: what people are told of states that servers were brought into,
//! and that nothing which a target does reaches the daemon.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod changes;
mod events;
mod faults;
mod mail;
mod names;
mod notified;
mod stage;
#[path = "../support/mod.rs"]
mod support;
