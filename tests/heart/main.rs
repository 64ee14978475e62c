//! The heart against a model of the server's unseal protocol, under simulated time.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod custody;
mod daemon;
mod fault;
mod histories;
mod holds;
mod model;
mod pace;
mod scenarios;
mod simulation;
mod states;
mod table;
mod waiting;
