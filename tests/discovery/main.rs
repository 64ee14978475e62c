//! Nodes that the daemon and the verbs find by names in DNS, over real servers and a DNS server of the tests' own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod addresses;
mod changes;
mod failures;
mod place;
mod pods;
mod services;
#[path = "../support/mod.rs"]
mod support;
mod verbs;
