//! Writes the manual pages and the shell completions into a directory.
//!
//! The pages are the texts in `man/` with what the code knows put in: verbs and options from the definitions of
//! the command line, keys from the table of the configuration. What would be missing from a page is an error.

#![forbid(unsafe_code)]

mod pages;

use clap::Command;
use clap_complete::Shell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};
use vault_unseal::cli::Arguments;
use vault_unseal::config::keys::Scope;
use vault_unseal::unseal::State;

/// What went wrong, for the person who builds.
type Problem = Box<dyn std::error::Error>;

const COMMAND_PAGE: &str = include_str!("../../../man/vault-unseal.8");
const CONFIGURATION_PAGE: &str = include_str!("../../../man/vault-unseal.toml.5");

fn main() -> ExitCode {
    let Some(directory) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: vault-unseal-generate DIRECTORY");
        return ExitCode::from(2);
    };
    match generate(&directory) {
        Ok(files) => {
            for file in files {
                println!("{}", file.display());
            }
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn generate(directory: &Path) -> Result<Vec<PathBuf>, Problem> {
    let mut command = Arguments::command_line();
    // Gives every verb its whole name and the options that all verbs have.
    command.build();
    fs::create_dir_all(directory)?;
    let mut files = Vec::new();
    for (name, text) in
        [("vault-unseal.8", command_page(&command)?), ("vault-unseal.toml.5", configuration_page()?)]
    {
        let path = directory.join(name);
        fs::write(&path, text)?;
        files.push(path);
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        files.push(completions(shell, directory)?);
    }
    Ok(files)
}

fn command_page(command: &Command) -> Result<String, Problem> {
    let text = fill(COMMAND_PAGE, |mark| match mark {
        "synopsis" => Some(pages::synopsis(command)),
        "verbs" => Some(pages::verbs(command)),
        "options" => Some(pages::options(command)),
        "exit-codes" => pages::exit_codes(command),
        _ => None,
    })?;
    for state in State::WORDS {
        if !text.contains(&format!("\n.B {}\n", pages::escape(state))) {
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
        Some(pages::keys(scope))
    })?;
    match pages::missing(&text) {
        Some(key) => Err(format!("man/vault-unseal.toml.5 does not describe {key}").into()),
        None => Ok(text),
    }
}

/// Puts text in for the lines that are a `@mark@`, and the version for `@version@` anywhere.
fn fill(page: &str, text: impl Fn(&str) -> Option<String>) -> Result<String, Problem> {
    let mut filled = String::new();
    for line in page.lines() {
        if let Some(mark) = line.strip_prefix('@').and_then(|line| line.strip_suffix('@')) {
            filled.push_str(&text(mark).ok_or_else(|| format!("nothing to put in for @{mark}@"))?);
        } else {
            filled.push_str(&line.replace("@version@", env!("CARGO_PKG_VERSION")));
            filled.push('\n');
        }
    }
    Ok(filled)
}

fn completions(shell: Shell, directory: &Path) -> io::Result<PathBuf> {
    // Not of the built command: it has options twice over.
    clap_complete::generate_to(shell, &mut Arguments::command_line(), "vault-unseal", directory)
}
