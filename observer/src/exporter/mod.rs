//! The daemon's metrics, over TCP or in a file.

mod settings;

pub use settings::ExporterSettings;

use crate::cli::ExporterArguments;
use vault_unseal::cli::Exit;

/// `vault-unseal-observer exporter`.
pub fn run(_options: &ExporterArguments) -> Exit {
    Exit::Failed
}
