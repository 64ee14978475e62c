//! The ground the integration tests stand on: real servers, servers that misbehave on purpose, certificates of
//! every sort, and the daemon as a process. Blocking throughout, and independent of the code under test: a test
//! must not verify the crate with itself.
//!
//! Every test binary says `mod support;` and uses a part of it.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test binary compiles the whole of this module and uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on says so by a panic"
)]

pub mod certs;
pub mod clock;
pub mod directory;
pub mod dns;
pub mod fleet;
pub mod guarded;
pub mod home;
pub mod hostile;
pub mod http;
pub(crate) mod json_schema;
pub(crate) mod metrics_text;
pub mod network;

pub mod observer;
pub mod openssl;
pub mod output;
pub mod ports;
pub mod private;
pub mod process;
pub mod receiver;
pub mod recorded;
pub mod relay;
pub mod rustyvault;
pub mod server;
pub mod status;
pub mod swtpm;
pub mod tally;
pub mod watchdog;

use std::time::{Duration, Instant};

pub use tally::untested;

/// How long a test waits for something that is sure to happen before it gives up: long enough for a busy
/// machine, never a measurement.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer; `None` once the deadline has passed.
pub fn poll<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
