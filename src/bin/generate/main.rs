//! Writes the manual pages and the shell completions into a directory.
//!
//! The pages are the texts in `man/` with what the code knows put in: verbs and options from the definitions of
//! the command line, keys from the table of the configuration. What would be missing from a page is an error.

#![forbid(unsafe_code)]

use clap::{Arg, Command};
use clap_complete::Shell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};
use vault_unseal::cli::Arguments;
use vault_unseal::config::keys::{KEYS, Key, Kind, Scope};
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
        "synopsis" => Some(synopsis(command)),
        "verbs" => Some(verbs(command)),
        "options" => Some(options(command)),
        "exit-codes" => exit_codes(command),
        _ => None,
    })?;
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

/// The command with what may follow it: a line a verb.
fn synopsis(command: &Command) -> String {
    let lines = verbs_of(command).map(|verb| {
        let own: Vec<String> = own_options(verb).map(|option| format!(" [{}]", spelled(option))).collect();
        format!(
            "{} {} [{}]{}\n",
            bold(command.get_name()),
            bold(verb.get_name()),
            italic("OPTION…"),
            own.concat()
        )
    });
    lines.collect::<Vec<_>>().join(".br\n")
}

/// Each verb: what it does, and the options that only it has.
fn verbs(command: &Command) -> String {
    let mut text = String::new();
    for verb in verbs_of(command) {
        let _ = writeln!(text, ".SS {}", escape(verb.get_name()));
        let about = verb.get_long_about().or(verb.get_about()).map(ToString::to_string).unwrap_or_default();
        // The first paragraph is a heading without a full stop.
        let mut paragraphs = about.split("\n\n");
        text.push_str(&paragraph(&format!("{}.", paragraphs.next().unwrap_or_default())));
        for more in paragraphs {
            text.push_str(".PP\n");
            text.push_str(&paragraph(more));
        }
        text.extend(own_options(verb).map(described_option));
        text.push_str(
            &verb.get_after_long_help().map(|after| afterword(&after.to_string())).unwrap_or_default(),
        );
    }
    text
}

/// Paragraphs, and indented lines as they are.
fn afterword(text: &str) -> String {
    let mut page = String::new();
    for part in text.split("\n\n") {
        let (verbatim, running): (Vec<&str>, Vec<&str>) =
            part.lines().partition(|line| line.starts_with("  "));
        page.push_str(".PP\n");
        if !running.is_empty() {
            page.push_str(&paragraph(&running.join(" ")));
        }
        if !verbatim.is_empty() {
            let lines: String = verbatim.iter().map(|line| escape(line) + "\n").collect();
            let _ = write!(page, ".nf\n{lines}.fi\n");
        }
    }
    page
}

/// The options that every verb has.
fn options(command: &Command) -> String {
    command.get_arguments().map(described_option).collect()
}

/// The exit codes, as the help lists them; `None` when it does not.
fn exit_codes(command: &Command) -> Option<String> {
    let help = command.get_after_long_help()?.to_string();
    let (_, list) = help.split_once("Exit codes:\n")?;
    let (list, _) = list.split_once("\n\n")?;
    let codes = list.lines().map(|line| {
        let (code, meaning) = line.trim_start().split_once(' ')?;
        Some(entry(&bold(code), &sentence(meaning.trim_start())))
    });
    codes.collect()
}

fn verbs_of(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| verb.get_name() != "help")
}

fn own_options(verb: &Command) -> impl Iterator<Item = &Arg> {
    verb.get_arguments().filter(|option| !option.is_global_set() && option.get_id() != "help")
}

fn described_option(option: &Arg) -> String {
    let help = option.get_long_help().or(option.get_help()).map(ToString::to_string).unwrap_or_default();
    let help: Vec<String> = help.split("\n\n").map(sentence).collect();
    entry(&spelled(option), &help.join(" "))
}

/// As it is typed: `-c, --config FILE`.
fn spelled(option: &Arg) -> String {
    let short = option.get_short().map(|short| bold(&format!("-{short}")));
    let long = option.get_long().map(|long| bold(&format!("--{long}")));
    let mut text = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    if option.get_action().takes_values() {
        for name in option.get_value_names().unwrap_or_default() {
            text.push(' ');
            text.push_str(&italic(name));
        }
    }
    text.trim_start().to_owned()
}

/// Help is written without a full stop at its end, a manual with.
fn sentence(help: &str) -> String {
    format!("{}.", help.trim_end_matches('.'))
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

/// Longest line of source. Roff does not mind, people who read the source do.
const WIDTH: usize = 78;

/// Text in which nothing is taken for markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '`' => escaped.push_str("\\(ga"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            '…' => escaped.push_str("..."),
            _ => escaped.push(character),
        }
    }
    // A line that begins so would be a request.
    if escaped.starts_with('.') { format!("\\&{escaped}") } else { escaped }
}

/// Bold text.
fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escape(text))
}

/// Text to be replaced by something.
fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", escape(text))
}

/// A paragraph of running text: `code` is bold, lines are broken between words.
fn paragraph(text: &str) -> String {
    let marked: String = text
        .split('`')
        .enumerate()
        .map(|(place, part)| if place % 2 == 1 { bold(part) } else { escape(part) })
        .collect();
    let (mut lines, mut length) = (String::new(), 0);
    for word in marked.split_whitespace() {
        if length > 0 && length + 1 + word.len() > WIDTH {
            lines.push('\n');
            length = 0;
        } else if length > 0 {
            lines.push(' ');
            length += 1;
        }
        if length == 0 && word.starts_with('.') {
            lines.push_str("\\&");
        }
        lines.push_str(word);
        length += word.len();
    }
    lines.push('\n');
    lines
}

/// An entry of a list: its term, already marked up, and what there is to say of it.
fn entry(term: &str, text: &str) -> String {
    format!(".TP\n{term}\n{}", paragraph(text))
}
