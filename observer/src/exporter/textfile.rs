//! The metrics in a file for `node_exporter`'s textfile collector: written once, and replaced as a whole.

use super::exposition;
use crate::cli::ExporterArguments;
use std::io;
use std::path::Path;
use vault_unseal::cli::{Exit, fail};
use vault_unseal::explain::Explanation;
use vault_unseal::external::error;
use vault_unseal::external::quote::{sentence, shell};
use vault_unseal::files;

/// Where Debian's `node_exporter` looks for files.
const COLLECTED: &str = "/var/lib/prometheus/node-exporter";

/// Writes what there is to export now. A daemon that does not answer is what the file then tells, and no failure.
pub(super) fn run(file: &Path, options: &ExporterArguments) -> Exit {
    let (metrics, _) = exposition::read_all(&options.observe_socket, &options.notifier_metrics);
    match files::replace_readable(file, &exposition::without_process(&metrics)) {
        Ok(()) => Exit::Done,
        Err(cause) => fail(&unwritten(file, &cause), Exit::Failed),
    }
}

fn unwritten(file: &Path, cause: &io::Error) -> Explanation {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let advice = match cause.kind() {
        io::ErrorKind::NotFound if directory == Path::new(COLLECTED) => {
            format!(
                "{COLLECTED} is made by prometheus-node-exporter. Install that, or name a directory that there is."
            )
        }
        io::ErrorKind::NotFound => format!("Make the directory: mkdir -p {}", shell(directory)),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => format!(
            "A service needs ReadWritePaths= for it as well. See who may write there: ls -ld {}",
            shell(directory)
        ),
        io::ErrorKind::IsADirectory => "Name a file in that directory that ends in .prom.".to_owned(),
        io::ErrorKind::StorageFull => format!("See how full it is: df {}", shell(directory)),
        _ => format!("Look at that directory: ls -ld {}", shell(directory)),
    };
    let message = format!("cannot write {}: {}", sentence(file), error::io(cause));
    Explanation::new("textfile", message, advice)
}
