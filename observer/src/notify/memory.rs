//! What every target was told, in the service's state directory: a restart tells nothing twice, and loses nothing.

use super::ledger::Ledger;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vault_unseal::explain::Explanation;
use vault_unseal::external::error;
use vault_unseal::external::quote::sentence;
use vault_unseal::files;

/// The file's name.
const NAME: &str = "told.json";
/// Longest file that is read, in bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The file, as it is written.
#[derive(Serialize)]
struct Kept<'a> {
    schema: u32,
    targets: &'a BTreeMap<String, Ledger>,
}

/// The file, as it is read.
#[derive(Debug, Default, Deserialize)]
struct Document {
    targets: BTreeMap<String, Ledger>,
}

/// Where it is kept.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    directory: Option<PathBuf>,
}

impl Memory {
    /// In `$STATE_DIRECTORY` (systemd.exec(5)); nowhere if that is not set, as by hand.
    pub(super) fn of_service() -> Self {
        let directory = std::env::var_os("STATE_DIRECTORY").filter(|path| !path.is_empty());
        Self { directory: directory.map(PathBuf::from) }
    }

    /// What was told; why not, where there is something that cannot be read. Blocks on the file.
    pub(super) fn read(&self) -> (BTreeMap<String, Ledger>, Option<Explanation>) {
        let Some(directory) = &self.directory else { return (BTreeMap::new(), None) };
        let path = directory.join(NAME);
        match read(&path) {
            Ok(document) => (document.map(|document| document.targets).unwrap_or_default(), None),
            Err(why) => {
                let what = format!("{}: {why}: what was told before is forgotten", sentence(&path));
                let advice = "What is wrong now is told again; the file is written anew.";
                (BTreeMap::new(), Some(Explanation::new("told-unreadable", what, advice)))
            }
        }
    }

    /// Keeps what was told, or says why not. Blocks on the file.
    pub(super) fn write(&self, targets: &BTreeMap<String, Ledger>) -> Result<(), Explanation> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let refused = |why: String| {
            Explanation::new(
                "told-unwritable",
                format!(
                    "{}: {why}: after a restart some of it is told again",
                    sentence(&directory.join(NAME))
                ),
                "Look at the room that is left: df, df -i.",
            )
        };
        let text =
            serde_json::to_vec(&Kept { schema: 1, targets }).map_err(|cause| refused(error::json(&cause)))?;
        let opened =
            rustix::fs::open(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let written = opened.map_err(Into::into).and_then(|opened| files::replace(opened, NAME, &text));
        written.map_err(|cause| refused(error::io(&cause)))
    }
}

fn read(path: &Path) -> Result<Option<Document>, String> {
    let words = |cause: &std::io::Error| error::io(cause);
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(words(&cause)),
    };
    if file.metadata().map_err(|cause| words(&cause))?.len() > LONGEST {
        return Err("it is larger than 16 MiB".to_owned());
    }
    serde_json::from_reader(std::io::BufReader::new(file)).map(Some).map_err(|cause| error::json(&cause))
}
