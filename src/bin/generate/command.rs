//! What the definitions of the command line say.

use super::roff::{bold, entry, escape, italic, paragraph};
use clap::{Arg, Command};
use std::fmt::Write as _;

/// The command with what may follow it: a line a verb.
pub(crate) fn synopsis(command: &Command) -> String {
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
pub(crate) fn verbs(command: &Command) -> String {
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
        text.extend(own_options(verb).map(described));
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
pub(crate) fn options(command: &Command) -> String {
    command.get_arguments().map(described).collect()
}

/// The exit codes, as the help lists them; `None` when it does not.
pub(crate) fn exit_codes(command: &Command) -> Option<String> {
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

fn described(option: &Arg) -> String {
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
