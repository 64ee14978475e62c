//! The core with its tests, those of `tests/heart` and its own, as one crate: what a change in it takes to build is two
//! seconds. `run` puts this in the place of `src/lib.rs`, in a copy.
#![allow(dead_code, unused_imports, missing_docs, reason = "what others than the core use of these folders is not here")]

extern crate self as vault_unseal;

pub mod api;
pub mod cluster;
pub mod explain;
pub mod external;
mod ordered;
#[cfg(test)]
mod testing;
pub mod unseal;

#[cfg(test)]
#[path = "../tests/heart/main.rs"]
mod heart;

pub mod report {
    pub mod message;
    pub mod state;
}

pub mod shares {
    mod consistency;
    mod share;
    mod split;
    pub use consistency::Plan;
    pub use share::{Share, ShareSet};
    pub use split::{Split, SplitRefusal};

    // A test of `share` says of these, too, that nothing prints them.
    pub struct LoadedShares;
    pub struct InitAnswer;
}

// Tests read addresses, and run at the pace of the defaults, which a test of tests/heart compares with this file.
mod config {
    mod address;
    mod redact;
    mod keys {
        pub(super) struct Key {
            pub(super) name: &'static str,
        }
        pub(super) const KEYS: &[Key] = &[];
    }
}

impl Default for cluster::Pace {
    fn default() -> Self {
        use cluster::Pace;
        use std::time::Duration;
        include!("../tests/prove/pace.rs")
    }
}
