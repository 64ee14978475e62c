//! What can be typed. The man page and the completions are made from these definitions too.

use crate::notify::SERVICE_METRICS;
use clap::{Args, Command, CommandFactory, Parser, Subcommand};
use std::path::{Path, PathBuf};
use vault_unseal::observe::SERVICE_SOCKET;

/// Where the exporter's configuration is.
pub(super) const EXPORTER_CONFIG: &str = "/etc/vault-unseal/exporter.toml";
/// Whether nobody named another one: then it need not exist.
pub(crate) fn exporter_config_is_default(path: &Path) -> bool {
    path == Path::new(EXPORTER_CONFIG)
}

/// Where the notifier's configuration is.
pub(super) const NOTIFY_CONFIG: &str = "/etc/vault-unseal/notify.toml";

/// Shows and tells what vault-unseal knows of its servers
///
/// Reads the observation socket of the daemon, and nothing else of it: no shares, no way to give orders.
#[derive(Debug, Parser)]
#[command(name = "vault-unseal-observer", version, max_term_width = 100, after_long_help = AFTER_HELP)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

impl Arguments {
    /// The definition of the command line, for whatever is made from it.
    pub fn command_line() -> Command {
        Self::command()
    }

    /// Parses the command line of this process.
    ///
    /// Errors: it is wrong, or asks for help or the version.
    pub fn of_process() -> Result<Self, clap::Error> {
        Self::try_parse()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0   done
  1   it failed
  2   the command line is wrong
  4   check: problems found
  78  the configuration is wrong

vault-unseal-observer(8) says more.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Serve the daemon's metrics over TCP, or write them to a file once
    Exporter(ExporterArguments),
    /// Tell people what happens to the servers, until stopped
    Notify(NotifyArguments),
    /// Judge the configuration of both, and whether the daemon can be observed
    Check(CheckArguments),
    /// Turn URLs of shoutrrr into targets of notify.toml
    ///
    /// Reads them from standard input, one a line, as lrstanley/vault-unseal has them in its configuration. What they name
    /// becomes a webhook, mail, or a URL for Apprise.
    Translate,
}

/// Options of `exporter`.
#[derive(Debug, Args)]
pub struct ExporterArguments {
    /// The configuration; without the file the exporter listens on this machine alone
    #[arg(long, value_name = "FILE", default_value = EXPORTER_CONFIG)]
    pub config: PathBuf,
    /// Write the metrics to this file for `node_exporter`'s textfile collector, and end
    #[arg(long, value_name = "FILE")]
    pub textfile: Option<PathBuf>,
    /// The daemon's observation socket
    #[arg(long, value_name = "PATH", default_value = SERVICE_SOCKET)]
    pub observe_socket: PathBuf,
    /// What the notifier says of itself
    #[arg(long, value_name = "FILE", default_value = SERVICE_METRICS)]
    pub notifier_metrics: PathBuf,
}

/// Options of `notify`.
#[derive(Debug, Args)]
pub struct NotifyArguments {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = NOTIFY_CONFIG)]
    pub config: PathBuf,
    /// Send a test message to every target, or to the one of this name, and end
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", conflicts_with = "dry_run")]
    pub test: Option<String>,
    /// Print what would be told of a recorded time, and end
    ///
    /// FILE has what `vault-unseal status --json --watch` printed: a document a line.
    #[arg(long, value_name = "FILE")]
    pub dry_run: Option<PathBuf>,
    /// The daemon's observation socket
    #[arg(long, value_name = "PATH", default_value = SERVICE_SOCKET)]
    pub observe_socket: PathBuf,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The exporter's configuration
    #[arg(long, value_name = "FILE", default_value = EXPORTER_CONFIG)]
    pub exporter_config: PathBuf,
    /// The notifier's configuration
    #[arg(long, value_name = "FILE", default_value = NOTIFY_CONFIG)]
    pub notify_config: PathBuf,
    /// The daemon's observation socket
    #[arg(long, value_name = "PATH", default_value = SERVICE_SOCKET)]
    pub observe_socket: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}
