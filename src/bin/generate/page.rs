//! Manual pages and completions from the definitions of a command line: what the generators of both packages share.

use clap::{Arg, Command};
use clap_complete::Shell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

/// What went wrong, for the person who builds.
pub(crate) type Problem = Box<dyn std::error::Error>;

/// Writes the files into the directory that the command line names, and prints their names.
pub(crate) fn main(generate: impl FnOnce(&Path) -> Result<Vec<PathBuf>, Problem>) -> ExitCode {
    let Some(directory) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: {} DIRECTORY", env!("CARGO_BIN_NAME"));
        return ExitCode::from(2);
    };
    match fs::create_dir_all(&directory).map_err(Problem::from).and_then(|()| generate(&directory)) {
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

/// Writes a page.
pub(crate) fn write(directory: &Path, name: &str, text: String) -> io::Result<PathBuf> {
    let path = directory.join(name);
    fs::write(&path, text)?;
    Ok(path)
}

/// The page of a command: `page` with what its definition says.
pub(crate) fn command_page(page: &str, command: &Command) -> Result<String, Problem> {
    fill(page, |mark| match mark {
        "synopsis" => Some(synopsis(command)),
        "verbs" => Some(verbs(command)),
        "options" => Some(options(command)),
        "exit-codes" => exit_codes(command),
        _ => None,
    })
}

/// Puts text in for the lines that are a `@mark@`, and the version for `@version@` anywhere.
pub(crate) fn fill(page: &str, text: impl Fn(&str) -> Option<String>) -> Result<String, Problem> {
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

/// The completions of every shell; `command` is not built: built, it has options twice over.
pub(crate) fn completions(command: &Command, directory: &Path) -> io::Result<Vec<PathBuf>> {
    let name = command.get_name().to_owned();
    let shells = [Shell::Bash, Shell::Zsh, Shell::Fish].into_iter();
    shells.map(|shell| clap_complete::generate_to(shell, &mut command.clone(), &name, directory)).collect()
}

/// The command with what may follow it: a line a verb.
fn synopsis(command: &Command) -> String {
    let for_all = command.get_arguments().any(Arg::is_global_set);
    let for_all = if for_all { format!(" [{}]", italic("OPTION…")) } else { String::new() };
    let lines = verbs_of(command).map(|verb| {
        let own: Vec<String> = own_options(verb).map(|option| format!(" [{}]", spelled(option))).collect();
        format!("{} {}{for_all}{}\n", bold(command.get_name()), bold(verb.get_name()), own.concat())
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

/// Longest line of source. Roff does not mind, people who read the source do.
const WIDTH: usize = 78;

/// Text in which nothing is taken for markup.
pub(crate) fn escape(text: &str) -> String {
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
pub(crate) fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escape(text))
}

/// Text to be replaced by something.
pub(crate) fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", escape(text))
}

/// A paragraph of running text: `code` is bold, lines are broken between words.
pub(crate) fn paragraph(text: &str) -> String {
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
pub(crate) fn entry(term: &str, text: &str) -> String {
    format!(".TP\n{term}\n{}", paragraph(text))
}
