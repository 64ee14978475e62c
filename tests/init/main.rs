//! `vault-unseal init`: where the shares of a real server go, to whom, and that none is lost whatever happens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod homes;
mod interrupted;
#[allow(dead_code, reason = "files are searched here, and no processes")]
#[path = "../secrets/needles.rs"]
mod needles;
mod offline;
mod refusals;
mod root_token;
#[path = "../support/mod.rs"]
mod support;
mod unstored;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use support::home::Home;
use support::hostile::{Behaviour, HEALTH, Hostile, SEAL_STATUS, UNSEAL};
use support::output::{document, succeeds, text};
use support::private::are_root;
use support::process::{Daemon, run};
use support::server::{Flavour, Server, is_active};

const INIT: &str = "PUT /v1/sys/init";

/// A directory with the configuration of this server, and nothing else.
fn home_of(url: &str) -> Home {
    let home = Home::new();
    home.configure(&[url], "");
    home
}

/// `vault-unseal init` with these arguments, in the directory of `home` and without a terminal.
fn init(home: &Home, arguments: &[&str]) -> Command {
    let verb = home.command(&["init"]);
    let mut command = Command::new("setsid");
    command.arg(verb.get_program()).args(verb.get_args()).args(arguments);
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(home.directory()).stdin(Stdio::null());
    command
}

/// The same on a terminal of its own: what is shown on it is standard output.
fn on_a_terminal(command: &Command) -> Command {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    // None of the words of these tests needs quoting.
    let line = words
        .map(|word| word.to_str().unwrap())
        .filter(|word| *word != "setsid")
        .collect::<Vec<_>>()
        .join(" ");
    let mut whole = Command::new("script");
    whole.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    whole.env_clear().env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh").stdin(Stdio::null());
    whole.current_dir(command.get_current_dir().unwrap());
    whole
}

/// Compares with `snapshots/<name>`; the directory of `home` is `/home/admin`, servers are 127.0.0.1:10001 and so on.
fn is_as_in(name: &str, home: &Home, servers: &[&str], actual: &str) {
    let mut actual = actual.replace(home.directory().to_str().unwrap(), "/home/admin");
    for (number, url) in servers.iter().enumerate() {
        let address = url.split_once("://").unwrap().1;
        actual = actual.replace(address, &format!("127.0.0.1:{}", 10001 + number));
    }
    // When an answer came, and to which port, is another time another.
    let hint = "see the server's log at ";
    while let Some((before, after)) = actual.split_once(hint).filter(|(_, after)| after.starts_with("20")) {
        let after = after.split_once(')').unwrap().1;
        actual = format!("{before}{hint}TIME (our port 40001){after}");
    }
    support::output::is_as_in(&format!("tests/init/snapshots/{name}"), actual);
}

/// The same where the client's commands are in it, which are Vault's in a run with Vault.
fn is_as_in_for_openbao(name: &str, home: &Home, server: &Server, actual: &str) {
    let mut actual = actual.to_owned();
    if Flavour::of_this_run().is_vault() {
        actual = actual.replace("VAULT_ADDR=", "BAO_ADDR=").replace(" vault ", " bao ");
        let of_openbao =
            "  (OpenBao 2.5.3 and newer: disable_unauthed_generate_root_endpoints = false in the listener)\n";
        let before = "generate-root, with enough shares\n";
        actual = actual.replace(before, &format!("{before}{of_openbao}"));
    }
    is_as_in(name, home, &[&server.url()], &actual);
}

/// The shares in a plain file, in hex.
fn stored(path: &Path) -> Vec<String> {
    let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    document["keys"].as_array().unwrap().iter().map(|share| share.as_str().unwrap().to_owned()).collect()
}

/// The words of a text that are shares in hex.
fn shares_in(text: &str) -> Vec<String> {
    let is_share = |word: &&str| word.len() >= 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_whitespace().filter(is_share).map(str::to_owned).collect()
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// The names in a home, without its configuration.
fn names(home: &Home) -> Vec<String> {
    let names = files(home.directory())
        .into_iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    names.filter(|name| name != "config.toml").collect()
}

/// The daemon unseals the server from this share file.
fn daemon_unseals(home: &Home, server: &Server, shares: &str) {
    home.configure(&[&server.url()], shares);
    let mut daemon: Daemon = home.run();
    server.wait_until(is_active);
    daemon.terminate();
    daemon.exit_status(support::PATIENCE);
}

/// A proxy between: passes everything on to the server.
fn proxy(server: &Server) -> Hostile {
    let proxy = Hostile::http();
    proxy.forward(server.address());
    for line in [INIT, "PUT /v1/auth/token/revoke-self", "PUT /v1/sys/wrapping/wrap"] {
        proxy.on(line, [Behaviour::Forward(server.address())]);
    }
    proxy
}

/// What a token may do: 200 when it is good.
fn looked_up(server: &Server, token: &str) -> u16 {
    let headers = [("X-Vault-Token", token)];
    server.client().request("GET", "/v1/auth/token/lookup-self", &headers, b"").unwrap().status
}

/// A server that says of itself that it is uninitialised or sealed.
fn says(initialized: bool, seal_type: &str) -> Hostile {
    let server = Hostile::http();
    let health =
        serde_json::json!({"initialized": initialized, "sealed": true, "standby": true, "version": "2.7.2"});
    let (t, n) = if initialized { (3, 5) } else { (0, 0) };
    let seal = serde_json::json!({"type": seal_type, "initialized": initialized, "sealed": true, "t": t, "n": n,
                                  "progress": 0, "nonce": "", "migration": false, "recovery_seal": false});
    server.on(HEALTH, [Behaviour::json(299, &health)]);
    server.on(SEAL_STATUS, [Behaviour::json(200, &seal)]);
    server.on(UNSEAL, [Behaviour::json(200, &seal)]);
    server
}

/// Whether these programs are here; `./x test` installs them.
fn has(programs: &[&str]) -> bool {
    let lacking: Vec<_> = programs.iter().filter(|name| !Path::new("/usr/bin").join(name).exists()).collect();
    if !lacking.is_empty() {
        support::untested(&format!("there is no {lacking:?}"));
    }
    lacking.is_empty()
}
