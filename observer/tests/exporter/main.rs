//! The exporter as a process, over the daemon's own side of the observation socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod exporter;
mod http;
mod takers;
mod textfile;
mod tls;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, mpsc};
use std::thread;
use tempfile::TempDir;
use vault_unseal::telemetry::Telemetry;

/// The daemon's observation socket, with one server behind it that was never asked. It listens until the test ends.
pub(crate) fn daemon(directory: &Path) -> PathBuf {
    let (listening, listens) = mpsc::channel();
    let runtime_directory = directory.to_owned();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let telemetry = Arc::new(Telemetry::default());
            telemetry.enter("home", "https://vault.home:8200");
            vault_unseal::observe::listen(&runtime_directory, telemetry, 24).unwrap();
            listening.send(()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    listens.recv().unwrap();
    vault_unseal::observe::socket(directory)
}

pub(crate) fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn observer() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vault-unseal-observer"));
    command.env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM");
    command
}

/// What it printed on standard error.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
