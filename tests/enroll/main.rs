//! `vault-unseal enroll`: what it reads, where it puts it, what it never loses, and that the daemon unseals a real server
//! from it. With the feature `tpm` also what it seals to a (software) TPM.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod credentials;
mod formats;
#[allow(dead_code, reason = "files are searched here, and no processes")]
#[path = "../secrets/needles.rs"]
mod needles;
mod plain;
mod refusals;
mod shred;
mod sources;
mod split;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tpm")]
mod tpm2;
mod writing;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use support::home::{Home, unhex};
use support::output::{document, succeeds, text};
use support::private::are_root;
use support::process::vault_unseal;

/// `vault-unseal enroll` with these arguments, in the directory of `home`.
fn enroll(home: &Home, arguments: &[&str]) -> Command {
    let mut command = vault_unseal(&["enroll"]);
    command.args(arguments).current_dir(home.directory());
    command
}

/// Compares with `snapshots/<name>`; the directory of `home` is `/home/admin`.
fn is_as_in(name: &str, home: &Home, actual: &str) {
    let actual = actual.replace(home.directory().to_str().unwrap(), "/home/admin");
    support::output::is_as_in(&format!("tests/enroll/snapshots/{name}"), actual);
}

/// The shares in a plain file, as bytes.
fn stored(path: &Path) -> Vec<Vec<u8>> {
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    document["keys"].as_array().unwrap().iter().map(|share| unhex(share.as_str().unwrap())).collect()
}

fn bytes(shares: &[String]) -> Vec<Vec<u8>> {
    shares.iter().map(|share| unhex(share)).collect()
}

/// Every file in a directory, hidden ones too.
fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
