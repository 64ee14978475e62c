//! Clusters of real OpenBao servers, each node with a network namespace and an address of its own, a daemon on each,
//! and everything that goes wrong between machines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod accounts;
mod chaos;
mod cluster;
mod custody;
mod holds;
mod joins;
mod network;
mod presence;
mod proxied;
mod proxies;
mod snapshots;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
mod swallowed;
