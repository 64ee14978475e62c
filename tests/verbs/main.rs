//! What each verb prints and how it exits, kept in `snapshots/` as a person sees it. `SNAPSHOTS=overwrite` writes
//! them anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod check;
mod closed;
mod files;
mod help;
mod machine;
mod outside;
mod pi;
mod refusals;
mod sealed;
mod status;
#[path = "../support/mod.rs"]
mod support;
mod takeover;
mod wait;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use support::hostile::{Behaviour, HEALTH, Hostile, SEAL_STATUS, UNSEAL};
use support::process::run;
use support::server::Server;

/// Compares with `snapshots/<name>`.
fn is_as_in(name: &str, actual: &str) {
    support::output::is_as_in(&format!("tests/verbs/snapshots/{name}"), actual.to_owned());
}

/// What the servers that are made up say.
const FAKE_VERSION: &str = "2.7.2";

/// Leaves out of a text what differs from run to run.
struct Normal {
    replaced: Vec<(String, String)>,
}

impl Default for Normal {
    fn default() -> Self {
        Self { replaced: Vec::new() }.version(FAKE_VERSION)
    }
}

impl Normal {
    /// Servers become 127.0.0.1:10001 and so on: as long as they were, so that columns stay.
    fn servers<'a>(mut self, urls: impl IntoIterator<Item = &'a str>) -> Self {
        for (number, url) in urls.into_iter().enumerate() {
            let address = url.split_once("://").unwrap().1;
            self.replaced.push((address.to_owned(), format!("127.0.0.1:{}", 10001 + number)));
        }
        self
    }

    fn directory(mut self, path: &Path, name: &str) -> Self {
        self.replaced.push((path.to_str().unwrap().to_owned(), name.to_owned()));
        self
    }

    /// Its version becomes the word, in a column as wide as its title.
    fn real(self, server: &Server) -> Self {
        self.version(server.health()["version"].as_str().unwrap())
    }

    fn version(mut self, version: &str) -> Self {
        self.replaced.push((format!("{version:<7} "), "VERSION ".to_owned()));
        self.replaced.push((version.to_owned(), "VERSION".to_owned()));
        self
    }

    fn text(&self, text: &str) -> String {
        let text = self.replaced.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        let lines = text.lines().map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" ") + "\n");
        lines.collect()
    }

    /// Exit code, standard output and standard error, each where there is one.
    fn output(&self, output: &Output) -> String {
        let mut text = format!("exit {}\n", output.status.code().unwrap());
        for (name, stream) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !stream.is_empty() {
                text = text + "--- " + name + "\n" + &self.text(&String::from_utf8_lossy(stream));
            }
        }
        text
    }

    fn run(&self, command: &mut Command) -> String {
        self.output(&run(command))
    }
}

/// Points in time become DATE.
fn word(word: &str) -> String {
    let is_date = |part: &str| part.len() == 20 && part.ends_with('Z') && part.as_bytes()[10] == b'T';
    let bare = word.trim_end_matches(['.', ',', ')']);
    if is_date(bare) { word.replace(bare, "DATE") } else { word.to_owned() }
}

/// Health with further fields.
fn health(initialized: bool, sealed: bool, more: &Value) -> Value {
    let mut body =
        json!({"initialized": initialized, "sealed": sealed, "standby": false, "version": FAKE_VERSION});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    body
}

/// Seal status of a sealed server with 5 shares of which 3 are needed, with further fields.
fn seal(more: &Value) -> Value {
    let mut body = json!({"type": "shamir", "initialized": true, "sealed": true, "t": 3, "n": 5, "progress": 0,
                          "nonce": "", "migration": false, "recovery_seal": false, "version": FAKE_VERSION});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    body
}

/// Seal status of a server without keys.
fn bare() -> Value {
    seal(&json!({"initialized": false, "t": 0, "n": 0}))
}

/// Scripts a server.
fn script(server: &Hostile, health: &Value, seal: &Value) {
    server.on(HEALTH, [Behaviour::json(299, health)]);
    server.on(SEAL_STATUS, [Behaviour::json(200, seal)]);
    server.on(UNSEAL, [Behaviour::json(200, seal)]);
}

/// A server that says this of itself.
fn says(health: &Value, seal: &Value) -> Hostile {
    let server = Hostile::http();
    script(&server, health, seal);
    server
}
