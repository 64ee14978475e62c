//! Gives the targets any bytes for a while, and says what came of it: `./x fuzz`. docs/development/testing.md says how to read
//! it.

mod compile;
#[path = "../../prove/src/patch.rs"]
mod patch;
mod planted;
mod run;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

/// Seconds for all targets together, in CI.
const SECONDS: u64 = 60;
/// With `--long`: four hours.
const LONG: u64 = 4 * 60 * 60;

const USAGE: &str = "usage: ./x fuzz [--seconds N | --long] [TARGET…]
       ./x fuzz planted [TARGET…]
       ./x fuzz again TARGET FILE…";

/// This package.
fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where everything goes that is built or found.
fn target_directory() -> io::Result<PathBuf> {
    let own = env::current_exe()?;
    Ok(own.ancestors().nth(2).unwrap_or(Path::new(".")).to_owned())
}

/// All targets: each has its seeds.
fn targets() -> io::Result<Vec<String>> {
    let entries = fs::read_dir(here().join("corpus"))?;
    let mut names: Vec<String> = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()?;
    names.sort();
    Ok(names)
}

fn main() -> ExitCode {
    match begin() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fuzz: {error}");
            ExitCode::from(2)
        }
    }
}

fn begin() -> io::Result<bool> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let mut words = arguments.iter().map(String::as_str).peekable();
    let mut seconds = SECONDS;
    let verb = words.next_if(|word| ["planted", "again"].contains(word));
    while let Some(option) = words.next_if(|word| word.starts_with('-')) {
        let number =
            |words: &mut dyn Iterator<Item = &str>| words.next()?.parse().ok().filter(|number| *number > 0);
        seconds = match (option, verb) {
            ("--seconds", None) => number(&mut words).ok_or_else(|| usage("--seconds takes a number"))?,
            ("--long", None) => LONG,
            _ => return Err(usage(&format!("there is no option {option}"))),
        };
    }
    let all = targets()?;
    let named: Vec<String> = words.map(str::to_owned).collect();
    let (of_targets, files) =
        named.split_at(if verb == Some("again") { named.len().min(1) } else { named.len() });
    if let Some(other) = of_targets.iter().find(|name| !all.contains(name)) {
        return Err(usage(&format!("there is no target '{other}'; these are: {}", all.join(" "))));
    }
    let chosen = if of_targets.is_empty() { all } else { of_targets.to_vec() };
    match verb {
        Some("planted") => planted::run(&chosen),
        Some(_) if files.is_empty() => Err(usage("again takes a target and the files to give it")),
        Some(_) => run::again(&compile::targets(here())?, &chosen, files),
        None => {
            let unfit = patch::any_unfit(&here().join("planted"), &here().join("../.."))?;
            Ok(run::all(&compile::targets(here())?, &chosen, seconds)? && !unfit)
        }
    }
}

fn usage(what: &str) -> io::Error {
    io::Error::other(format!("{what}\n{USAGE}"))
}
