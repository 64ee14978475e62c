//! Files that others could have written, and files that would stall or starve whoever reads them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod authorities;
mod configuration;
mod credentials;
mod endless;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use support::process::run;

/// The kinds of what `check --json` finds wrong.
fn findings(command: &mut Command) -> Vec<String> {
    let output = run(command.arg("--json"));
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let findings = document["findings"].as_array().unwrap().iter();
    let wrong = findings.filter(|finding| finding["severity"] != "ok");
    wrong.map(|finding| finding["kind"].as_str().unwrap().to_owned()).collect()
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        support::untested("this needs root");
    }
    root
}
