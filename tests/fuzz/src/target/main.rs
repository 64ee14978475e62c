//! The fuzzer: gives one of the targets any bytes. Which one, `FUZZ_TARGET` says, as the library reads all arguments. A target
//! asserts what holds whatever it is given, and tells whether the bytes were accepted; with `FUZZ_SAY` that is printed.
#![no_main]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is a finding")]

mod api;
mod config;
mod control;
mod dns;
mod observe;
mod pem;
mod said;
mod shares;
mod tpm;
mod units;

use std::env;
use std::sync::LazyLock;

/// Whether it accepted what it was given.
type Target = fn(&[u8]) -> bool;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = env::var("FUZZ_TARGET").expect("FUZZ_TARGET is the name of a target");
    match name.as_str() {
        "api" => api::check,
        "config" => config::check,
        "control" => control::check,
        "dns" => dns::check,
        "observe" => observe::check,
        "pem" => pem::check,
        "shares" => shares::check,
        "tpm" => tpm::check,
        "units" => units::check,
        other => panic!("there is no target {other}"),
    }
});

static SAY: LazyLock<bool> = LazyLock::new(|| env::var_os("FUZZ_SAY").is_some());

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if (*TARGET)(data) && *SAY {
        eprintln!("accepted");
    }
});
