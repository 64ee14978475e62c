//! Servers that misbehave, and the ways in which each is told apart; what no real server can be made to do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod accounts;
mod certificates;
mod echoes;
mod issuers;
mod keys;
mod nonsense;
mod privacy;
mod recorded;
mod results;
mod returns;
mod stopping;
#[path = "../support/mod.rs"]
mod support;
mod tls_files;
mod untrusted;

use std::process::Command;

use serde_json::{Value, json};

use support::process::{run, vault_unseal};

/// The one node of `status --json`.
fn status_of(command: &mut Command) -> Value {
    let output = run(command);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    support::status::status_document(&output.stdout)["nodes"][0].clone()
}

/// `status --json` of one address with these flags.
fn status(url: &str, flags: &[&str]) -> Command {
    status_within("20s", url, flags)
}

/// The same with a limit for the answer.
fn status_within(limit: &str, url: &str, flags: &[&str]) -> Command {
    let mut command = vault_unseal(&["status", "--json", "--nodes", url, "--request-timeout", limit]);
    command.args(flags);
    command
}

/// What went wrong, and that there is advice.
fn problem(command: &mut Command) -> String {
    let node = status_of(command);
    assert_eq!(node["state"], "unreachable", "{node}");
    assert!(node["problem"]["advice"].as_str().is_some_and(|advice| advice.len() > 20), "{node}");
    node["problem"]["kind"].as_str().unwrap().to_owned()
}

/// Health of a server that is initialised.
fn health(sealed: bool) -> Value {
    json!({"initialized": true, "sealed": sealed, "standby": sealed, "version": "2.7.2"})
}

/// Seal status of a sealed server with 5 shares.
fn sealed(t: usize, progress: usize, nonce: &str) -> Value {
    json!({"type": "shamir", "initialized": true, "sealed": true, "t": t, "n": 5, "progress": progress,
           "nonce": nonce, "migration": false, "recovery_seal": false, "version": "2.7.2"})
}

/// The answer to the last share.
fn unsealed(t: usize) -> Value {
    json!({"type": "shamir", "initialized": true, "sealed": false, "t": t, "n": 5, "progress": 0, "nonce": "",
           "migration": false, "recovery_seal": false, "version": "2.7.2"})
}
