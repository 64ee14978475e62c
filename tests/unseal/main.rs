//! The daemon keeps real servers unsealed, whatever happens to them, to their rounds, their certificates
//! and to the daemon's own configuration.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod addresses;
mod certificates;
mod clocks;
mod control;
mod damage;
mod formats;
mod full_disk;
mod given;
mod hangs;
mod holds;
mod lasting;
mod metrics;
mod misfits;
mod notify;
mod observe;
mod outsiders;
mod pins;
mod presence;
mod raft;
mod reload;
mod restarts;
mod rounds;
mod seals;
mod seals_itself;
mod shares;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
mod swapped;
mod thousand;
mod told;
