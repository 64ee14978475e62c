//! The text of what a unit starts: shell scripts, and commands that stand in the unit itself.

use super::script::Script;
use crate::cli::machine::Machine;
use crate::external::{ExternalText, could_be_secret};
use crate::files;
use crate::systemd::units::{CommandLine, Unit};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// No script that unseals comes near; larger files are programs.
const LARGEST: usize = 64 * 1024;

/// What a unit starts, as far as it can be read.
#[derive(Default)]
pub(in crate::cli::check) struct Program {
    /// The first program, which may be the shell of a script.
    pub(in crate::cli::check) first: Option<ExternalText>,
    /// The scripts that were read.
    pub(in crate::cli::check) scripts: Vec<PathBuf>,
    /// What they and the unit say.
    pub(in crate::cli::check) says: Script,
}

impl Program {
    /// Reads what the settings of these names start. The unit's environment counts as assignments before the script.
    pub(in crate::cli::check) fn of(machine: &Machine, unit: &Unit, settings: &[&str]) -> Self {
        let commands: Vec<CommandLine> = settings.iter().flat_map(|key| unit.commands(key)).collect();
        if commands.is_empty() {
            return Self::default();
        }
        let mut text = environment(machine, unit);
        let mut scripts = Vec::new();
        for command in &commands {
            for word in std::iter::once(&command.program).chain(&command.arguments) {
                text.push_str(word);
                text.push('\n');
                for path in word.split_whitespace().map(Path::new).filter(|path| path.is_absolute()) {
                    if let Some(script) = read_script(machine, path) {
                        text.push_str(&script);
                        text.push('\n');
                        scripts.push(path.to_owned());
                    }
                }
            }
        }
        let mut says = Script::read(&text);
        says.paths.retain(|path| !scripts.contains(path));
        let first = commands.first().map(|command| {
            let program = command.program.as_str();
            ExternalText::new(if could_be_secret(program) { "…" } else { program })
        });
        Self { first, scripts, says }
    }
}

fn environment(machine: &Machine, unit: &Unit) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for value in unit.values("Environment") {
        text.extend([value.trim_matches(['"', '\'']), "\n"]);
    }
    for file in unit.values("EnvironmentFile") {
        text.extend(
            read(&machine.at(Path::new(file.trim_start_matches('-')))).as_ref().map(|file| file.as_str()),
        );
        text.push('\n');
    }
    text
}

/// The text of an executable that is text, or of what is called a script. Never of data: that is where shares are.
fn read_script(machine: &Machine, path: &Path) -> Option<Zeroizing<String>> {
    let metadata = machine.look(path)?;
    let called = path.extension().is_some_and(|extension| extension == "sh" || extension == "bash");
    let executable = metadata.permissions().mode() & 0o111 != 0;
    (called || executable).then(|| read(&machine.at(path))).flatten()
}

fn read(path: &Path) -> Option<Zeroizing<String>> {
    let bytes = files::read_unjudged(path, LARGEST).ok()?;
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}
