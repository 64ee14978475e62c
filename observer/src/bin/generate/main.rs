//! Writes the manual page and the shell completions of the observer into a directory, as the daemon's generator does: the
//! daemon's package has nothing of the observer's in it.

#![forbid(unsafe_code)]

#[path = "../../../../src/bin/generate/page.rs"]
mod page;

use page::Problem;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vault_unseal_observer::cli::Arguments;
use vault_unseal_observer::notify::event::Event;

const PAGE: &str = include_str!("../../../../man/vault-unseal-observer.8");

fn main() -> ExitCode {
    page::main(generate)
}

fn generate(directory: &Path) -> Result<Vec<PathBuf>, Problem> {
    let mut command = Arguments::command_line();
    let mut files = page::completions(&command, directory)?;
    command.build();
    let page = PAGE.replace("@events@\n", &events());
    files.push(page::write(directory, "vault-unseal-observer.8", page::command_page(&page, &command)?)?);
    Ok(files)
}

/// What can be told, each with its meaning.
fn events() -> String {
    let event = |event: &Event| {
        let mut text = format!(".TP\n.B {}\n", event.word().replace('-', "\\-"));
        // A line of the page's source is at most 80 bytes long.
        let mut length = 0;
        for word in event.meaning().split(' ') {
            let gap = match length {
                0 => "",
                _ if length + word.len() < 78 => " ",
                _ => "\n",
            };
            length = if gap == "\n" { word.len() } else { length + gap.len() + word.len() };
            text = text + gap + word;
        }
        text + "\n"
    };
    Event::ALL.iter().map(event).collect()
}
