//! Units that start a service: timers, paths and sockets.

use crate::cli::machine::{Machine, OWN_UNITS, SERVICE};
use crate::systemd::units::{UnitFile, resolve};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The kinds of units that start a service, the section that may name it, and under which key (systemd.timer(5),
/// systemd.path(5), systemd.socket(5)).
const KINDS: [(&str, &str, &str); 3] =
    [("timer", "Timer", "Unit"), ("path", "Path", "Unit"), ("socket", "Socket", "Service")];

/// A unit of the administrator's: one of our service's name, or one that starts it.
pub(in crate::cli::check) struct OldUnit {
    /// Its name.
    pub(in crate::cli::check) name: String,
    /// Its file.
    pub(in crate::cli::check) path: PathBuf,
    /// Whether it is enabled.
    pub(super) enabled: bool,
    /// Where its file leads if it is a link (`systemctl link`): then disabling removes it.
    pub(super) link: Option<PathBuf>,
}

impl OldUnit {
    /// The unit of this name in this file.
    pub(super) fn new(machine: &Machine, name: String, file: &UnitFile) -> Self {
        let path = file.path.clone();
        let is_link = fs::read_link(machine.at(&path)).is_ok();
        let link = is_link.then(|| resolve(machine.root(), &path)).flatten();
        Self { enabled: machine.is_enabled(&name), link, path, name }
    }
}

/// All that start our service, in the order of their names. Our packages bring none.
pub(in crate::cli::check) fn triggers(machine: &Machine) -> Vec<OldUnit> {
    let files = OWN_UNITS.iter().flat_map(|units| machine.entries(Path::new(units)));
    let names: BTreeSet<String> =
        files.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    names.into_iter().filter_map(|name| trigger(machine, name)).collect()
}

fn trigger(machine: &Machine, name: String) -> Option<OldUnit> {
    let (stem, kind) = name.rsplit_once('.')?;
    let (_, section, key) = KINDS.iter().find(|(known, ..)| *known == kind)?;
    let file = UnitFile::all(machine.root(), &name).into_iter().next().filter(|file| !file.masked)?;
    let is_ours = match file.value_in(section, key) {
        Some(service) => service == SERVICE,
        None => SERVICE.strip_suffix(".service") == Some(stem),
    };
    is_ours.then(|| OldUnit::new(machine, name, &file))
}
