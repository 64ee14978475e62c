//! What `./x demo` shows: a real OpenBao server is initialised, restarted, killed and sealed by its operator, and
//! `vault-unseal` unseals it every time. Takes the path of the daemon's binary.
//!
//! Everything happens on loopback and in a temporary directory. What is measured is measured from outside, by a
//! client of the demo's own.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a demo that cannot go on says so by a panic, as the tests under it do"
)]

mod probe;
#[path = "../tests/support/mod.rs"]
mod support;
mod timeline;

use std::env;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use probe::Probe;
use serde_json::json;
use support::certs::Authority;
use support::process::Daemon;
use support::server::{Builder, Init, Server, is_active};
use timeline::Timeline;

fn main() {
    // What goes wrong here is for a person to read, and everything is dropped, so ended and removed, all the same.
    panic::set_hook(Box::new(|why| {
        let payload = why.payload();
        let text =
            payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
        eprintln!("\nThe demo failed: {}", text.unwrap_or("it cannot tell why"));
    }));
    let vault_unseal = env::args_os().nth(1).map_or(env!("CARGO_BIN_EXE_vault-unseal").into(), PathBuf::from);
    let timeline = Timeline::begin();

    let authority = Authority::new("Private CA of the demo");
    let mut server = Builder::new().tls(&authority).start();
    timeline.event(&format!("OpenBao {} started on {}", version(&server), server.url()));
    let init = server.init(5, 3);
    timeline.event("initialised: 5 key shares, any 3 of them unseal it");
    let configuration = configure(&server, &init);
    timeline.event("shares.json (mode 0600, no root token in it) and config.toml written");

    let mut probe = Probe::of_sealed(&server);
    let daemon = Daemon::start(&mut command(&vault_unseal, &configuration, &["run"]));
    timeline.event("vault-unseal started");
    wait(&vault_unseal, &configuration, &daemon);
    timeline.unsealed(&probe.unsealed());

    server.stop();
    timeline.event("server stopped with SIGTERM, as by systemctl restart");
    probe = Probe::of_dead(&server);
    server.start();
    timeline.back(&probe.unsealed());

    server.kill();
    timeline.event("server killed with SIGKILL, as by a crash");
    probe = Probe::of_dead(&server);
    server.start();
    timeline.back(&probe.unsealed());

    server.seal(&init.root_token);
    probe = Probe::of_sealed(&server);
    timeline.event("sealed by an operator");
    timeline.unsealed(&probe.unsealed());

    // Unsealed, it elects itself within a second or two; only then does it serve.
    server.wait_until(is_active);
    println!("\n$ vault-unseal status");
    let status = command(&vault_unseal, &configuration, &["status"]).status();
    assert!(status.is_ok_and(|status| status.success()), "vault-unseal status failed");
    drop(daemon);
}

/// Of the server, as its health tells.
fn version(server: &Server) -> String {
    server.health()["version"].as_str().unwrap_or("of an unknown version").to_owned()
}

/// Writes what an operator writes: the shares, and a configuration that names them. Beside the server's own files.
fn configure(server: &Server, init: &Init) -> PathBuf {
    let shares = server.directory().join("shares.json");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&shares).unwrap();
    writeln!(file, "{:#}", json!({"unseal_keys_b64": init.keys_base64, "unseal_threshold": init.threshold}))
        .unwrap();
    let configuration = server.directory().join("config.toml");
    let (url, shares, ca) = (server.url(), shares.display(), server.ca_file());
    let text = format!(
        "[[cluster]]\nnodes  = [\"{url}\"]\nshares = {{ file = \"{shares}\" }}\ntls    = {{ ca_file = \"{}\" }}\n",
        ca.display()
    );
    fs::write(&configuration, text).unwrap();
    configuration
}

/// `vault-unseal` with this configuration and nothing else that could change what it does.
fn command(vault_unseal: &Path, configuration: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(vault_unseal);
    command.arg("--config").arg(configuration).args(arguments).stdin(Stdio::null()).env_clear();
    for look in ["TERM", "NO_COLOR"] {
        if let Some(value) = env::var_os(look) {
            command.env(look, value);
        }
    }
    command
}

/// As a script would wait: `vault-unseal wait` ends with 0 once all servers are unsealed.
fn wait(vault_unseal: &Path, configuration: &Path, daemon: &Daemon) {
    let waited = command(vault_unseal, configuration, &["wait", "--timeout", "60s"]).output().unwrap();
    let output = daemon.lines();
    let last = output.iter().skip(output.len().saturating_sub(10));
    let last = last.fold(String::new(), |text, line| text + "\n  " + &line.text);
    assert!(
        waited.status.success(),
        "vault-unseal wait: {}\nThe last lines of vault-unseal run:{last}",
        String::from_utf8_lossy(&waited.stderr)
    );
}
