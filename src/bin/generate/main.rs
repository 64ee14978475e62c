//! Writes the manual pages and the shell completions into a directory.
//!
//! The pages are the texts in `man/` with what the code knows put in: verbs and options from the definitions of
//! the command line, keys from the table of the configuration. What would be missing from a page is an error.

#![forbid(unsafe_code)]

mod page;

use clap::Command;
use page::{Problem, bold, completions, entry, escape, fill, italic, paragraph};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vault_unseal::cli::Arguments;
use vault_unseal::config::keys::{KEYS, Key, Kind, Scope};
use vault_unseal::unseal::State;

const COMMAND_PAGE: &str = include_str!("../../../man/vault-unseal.8");
const CONFIGURATION_PAGE: &str = include_str!("../../../man/vault-unseal.toml.5");

fn main() -> ExitCode {
    page::main(generate)
}

fn generate(directory: &Path) -> Result<Vec<PathBuf>, Problem> {
    let mut command = Arguments::command_line();
    let mut files = completions(&command, directory)?;
    // Gives every verb its whole name and the options that all verbs have.
    command.build();
    for (name, text) in
        [("vault-unseal.8", command_page(&command)?), ("vault-unseal.toml.5", configuration_page()?)]
    {
        files.push(page::write(directory, name, text)?);
    }
    Ok(files)
}

fn command_page(command: &Command) -> Result<String, Problem> {
    let text = page::command_page(COMMAND_PAGE, command)?;
    for state in State::WORDS {
        if !text.contains(&format!("\n.B {}\n", escape(state))) {
            return Err(format!("man/vault-unseal.8 does not explain the state {state}").into());
        }
    }
    Ok(text)
}

fn configuration_page() -> Result<String, Problem> {
    let text = fill(CONFIGURATION_PAGE, |mark| {
        let scope = match mark.strip_prefix("keys ")? {
            "top" => Scope::Top,
            "everywhere" => Scope::Everywhere,
            "cluster" => Scope::Cluster,
            "shares" => Scope::Shares,
            "tls" => Scope::Tls,
            _ => return None,
        };
        Some(keys(scope))
    })?;
    match missing(&text) {
        Some(key) => Err(format!("man/vault-unseal.toml.5 does not describe {key}").into()),
        None => Ok(text),
    }
}

/// The keys that stand in one table.
fn keys(scope: Scope) -> String {
    KEYS.iter().filter(|key| key.scope == scope).map(|key| described_key(key)).collect()
}

/// A key that a page does not describe.
fn missing(page: &str) -> Option<String> {
    KEYS.iter().find(|key| !page.contains(&term(key))).map(|key| key.path())
}

fn described_key(key: &Key) -> String {
    let default = key.default.written();
    let example = Some(key.example).filter(|text| !text.is_empty() && default.as_deref() != Some(text));
    let facts = [
        default.as_ref().map(|default| format!("Default: `{default}`.")),
        example.map(|example| format!("Example: `{} = {example}`.", key.name)),
        key.variable.map(|variable| format!("Environment: `{variable}`.")),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    let mut text = entry(&term(key), key.documentation);
    if !facts.is_empty() {
        text.push_str(".IP\n");
        text.push_str(&paragraph(&facts.join(" ")));
    }
    text
}

/// The name, and what the value is.
fn term(key: &Key) -> String {
    let value = match key.kind {
        Kind::Word(words) => {
            let words: Vec<String> = words.iter().map(|word| bold(&format!("\"{word}\""))).collect();
            words.join(" | ")
        }
        Kind::Boolean => format!("{} | {}", bold("true"), bold("false")),
        kind => italic(kind.word()),
    };
    format!("{} = {value}", bold(key.name))
}
