//! A real server with TLS, three of five shares, and the daemon set up for it.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use super::support::certs::Authority;
use super::support::process::{Daemon, vault_unseal};
use super::support::server::{Builder, Init, Server, is_active};

/// OpenBao on raft storage behind a private CA, initialised 3 of 5 and sealed.
pub(crate) struct Ground {
    pub(crate) server: Server,
    pub(crate) init: Init,
    pub(crate) authority: Authority,
    files: tempfile::TempDir,
}

impl Ground {
    /// Starts it.
    pub(crate) fn new() -> Self {
        let authority = Authority::new("Benchmark CA");
        let server = Builder::new().tls(&authority).start();
        let init = server.init(5, 3);
        let files = crate::support::directory::named("limits-");
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o700)).unwrap();
        write(files.path().join("shares.json"), &init.json);
        write(files.path().join("ca.crt"), &authority.pem());
        Self { server, init, authority, files }
    }

    /// The daemon, watching these nodes; `extra` are further lines of its configuration.
    pub(crate) fn daemon(&self, nodes: &[String], extra: &str) -> Daemon {
        let (config, files) = (self.files.path().join("config.toml"), self.files.path().display());
        let text = format!(
            "[[cluster]]\nnodes = {nodes:?}\nshares = {{ file = \"{files}/shares.json\" }}\n\
             tls = {{ ca_file = \"{files}/ca.crt\" }}\n{extra}\n"
        );
        write(config.clone(), &text);
        Daemon::start(&mut vault_unseal(&["run", "--config", config.to_str().unwrap()]))
    }

    /// A power cut: afterwards the server runs and is sealed, or was unsealed by somebody already.
    pub(crate) fn restart(&mut self) {
        self.server.kill();
        self.server.start();
    }

    /// Waits until somebody has unsealed it and it serves.
    pub(crate) fn wait_until_unsealed(&self) {
        self.server.wait_until(is_active);
    }
}

/// Ends a daemon as systemd does.
pub(crate) fn stop(mut daemon: Daemon) {
    daemon.terminate();
    let status = daemon.exit_status(super::support::PATIENCE);
    assert!(status.success(), "{status}:\n{}", daemon.output());
}

/// Writes a file that is its owner's alone, in place of an earlier one.
pub(crate) fn write(path: PathBuf, text: &str) {
    let _ = fs::remove_file(&path);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}
