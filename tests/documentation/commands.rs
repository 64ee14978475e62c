//! The commands on the pages: verbs and options exist in the program, in `x` and in `.ci/run`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use super::book;
use super::pages::{self, Code, root};

/// What a verb takes: options, and whether each has a value.
type Options = BTreeMap<String, bool>;

fn output(program: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).current_dir(root()).env("NO_COLOR", "1").output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn options(help: &str) -> Options {
    let mut options = Options::new();
    for line in help.lines().map(str::trim_start).filter(|line| line.starts_with('-')) {
        let (names, value) = line.split_once(" <").map_or((line, false), |(names, _)| (names, true));
        for name in names.split(", ") {
            let name = name.split_whitespace().next().unwrap();
            options.insert(name.to_owned(), value);
        }
    }
    options
}

/// The verbs of the program, with what `--help` says of each.
fn verbs() -> BTreeMap<String, Options> {
    let program = env!("CARGO_BIN_EXE_vault-unseal");
    let help = output(program, &["--help"]);
    let list = help.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap();
    let mut verbs = BTreeMap::new();
    for line in list.lines() {
        let verb = line.split_whitespace().next().unwrap();
        if verb != "help" {
            verbs.insert(verb.to_owned(), options(&output(program, &[verb, "--help"])));
        }
    }
    assert!(verbs.len() >= 9 && verbs["wait"].contains_key("--timeout"), "{verbs:?}");
    verbs.insert(String::new(), options(&help));
    verbs
}

fn listed<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(prefix)?.split_whitespace().next()).collect()
}

/// The words after each call of this program, up to the end of the command.
fn calls<'a>(code: &'a Code, program: &str) -> Vec<Vec<&'a str>> {
    let mut words: Vec<&str> = code.text.split_whitespace().collect();
    // What has no prompt in a `console` is output; elsewhere root's prompt is a comment.
    match (code.language.as_str(), words.first()) {
        ("console", Some(&("#" | "$"))) => drop(words.remove(0)),
        ("console", _) | (_, Some(&"#")) => return Vec::new(),
        _ => {}
    }
    let mut calls = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let word = word.trim_start_matches(['(', '{', '!']);
        if word == "#" {
            break;
        }
        let before = at.checked_sub(1).map(|before| words[before]);
        let is_command = before.is_none_or(|before| {
            ["sudo", "$", "&&", "||", "|", "!", "{", "then", "do", "if", "nice"].contains(&before)
                || before.ends_with(';')
                || before.contains('=') && !before.starts_with('-')
        });
        if word == program && is_command {
            let mut call = Vec::new();
            for word in &words[at + 1..] {
                if ["|", "||", "&&", "}", "\\"].contains(word) || word.starts_with(['#', '>', '<', '2']) {
                    break;
                }
                let trimmed = word.trim_end_matches([';', ')']);
                call.push(trimmed);
                if trimmed != *word {
                    break;
                }
            }
            calls.push(call);
        }
    }
    calls
}

/// What does not exist in one call of the program.
fn unknown(verbs: &BTreeMap<String, Options>, call: &[&str]) -> Option<String> {
    let mut verb = None;
    let mut given = Vec::new();
    let mut words = call.iter();
    while let Some(word) = words.next() {
        if word.starts_with('-') && *word != "-" && *word != "--" {
            let (name, value) =
                word.split_once('=').map_or((*word, None), |(name, value)| (name, Some(value)));
            given.push(name);
            let takes = verbs.values().any(|options| options.get(name) == Some(&true));
            if takes && value.is_none() {
                words.next();
            }
        } else if verb.is_none() && !word.chars().all(|letter| letter.is_uppercase() || letter == '…') {
            verb = Some(*word);
        }
    }
    let Some(options) = verbs.get(verb.unwrap_or_default()) else {
        return Some(format!("there is no verb {:?}", verb.unwrap_or_default()));
    };
    let missing = given.into_iter().find(|option| !options.contains_key(*option))?;
    Some(format!("`{}` has no option {missing}", verb.unwrap_or_default()))
}

/// All code of all pages, and of those that are made of the journal's catalog. What is copied into a changelog stays as it was.
fn code() -> Vec<Code> {
    pages::all()
        .iter()
        .chain(&book::messages())
        .filter(|page| page.path.to_str() != Some("CHANGELOG.md"))
        .flat_map(pages::Page::code)
        .collect()
}

#[test]
fn every_command_exists_in_the_program() {
    let verbs = verbs();
    let mut wrong = Vec::new();
    let mut number = 0;
    for code in code() {
        for call in calls(&code, "vault-unseal") {
            number += 1;
            if let Some(what) = unknown(&verbs, &call) {
                wrong.push(format!("{}:{}: {what}: {}", code.page.display(), code.line, code.text.trim()));
            }
        }
    }
    assert!(number > 100, "only {number} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_that_do_not_exist_are_found() {
    let verbs = verbs();
    let of = |text: &str| {
        let code = Code { page: "x.md".into(), line: 1, language: String::new(), text: text.to_owned() };
        let calls = calls(&code, "vault-unseal");
        assert_eq!(calls.len(), 1, "{text}");
        unknown(&verbs, &calls[0])
    };
    assert_eq!(of("    age --decrypt FILE | sudo vault-unseal enroll - --tpm2   # --not-this"), None);
    assert_eq!(of("vault-unseal --config FILE status --exit-code; echo --no"), None);
    assert_eq!(of("vault-unseal stauts"), Some("there is no verb \"stauts\"".to_owned()));
    assert_eq!(
        of("sudo vault-unseal hold --everything"),
        Some("`hold` has no option --everything".to_owned())
    );
}

/// Options that stand alone in prose. Other programs' are named with their program.
#[test]
fn every_option_on_the_pages_for_users_exists() {
    let verbs = verbs();
    for page in pages::for_users() {
        for code in page.code().iter().filter(|code| code.language == "inline" && code.text.starts_with("--"))
        {
            let option = code.text.split([' ', '=']).next().unwrap();
            let known = verbs.values().any(|options| options.contains_key(option));
            assert!(known, "{}:{}: no verb has {option}", code.page.display(), code.line);
        }
    }
}

#[test]
fn every_verb_of_x_and_every_step_of_ci_exists() {
    let help = output("sh", &["x", "help"]);
    let steps = output("bash", &[".ci/run", "--list"]);
    let verbs = listed(&help, "./x ");
    let steps: BTreeSet<&str> = steps.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(verbs.contains("demo") && steps.contains("lint"), "{verbs:?} {steps:?}");
    let all = code();
    for code in &all {
        let place = || format!("{}:{}: {}", code.page.display(), code.line, code.text.trim());
        for call in calls(code, "./x") {
            let verb = call.iter().find(|word| !word.starts_with('-'));
            assert!(verb.is_none_or(|verb| verbs.contains(verb)), "{}", place());
        }
        for call in calls(code, ".ci/run") {
            let is_placeholder = |step: &str| step.starts_with("STEP");
            let known = |step: &&str| steps.contains(step) || *step == "--list" || is_placeholder(step);
            assert!(call.iter().all(known), "{}", place());
        }
    }
}

/// The workflows of `.github` name steps in a matrix: a list of words after `steps:`, or one step each in brackets.
#[test]
fn every_step_is_in_a_workflow_and_the_other_way_round() {
    let list = output("bash", &[".ci/run", "--list"]);
    let steps: BTreeSet<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let mut called = BTreeSet::new();
    for path in pages::files(&[".github/workflows"], |_| true) {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        for line in text.lines().map(str::trim_start) {
            let named = line.strip_prefix("steps: ").or_else(|| line.strip_prefix("step: ["));
            for step in named.unwrap_or_default().split([' ', ',', ']']).filter(|step| !step.is_empty()) {
                assert!(steps.contains(step), "{}: .ci/run has no step {step}", path.display());
                called.insert(step.to_owned());
            }
        }
    }
    let forgotten: Vec<_> = steps.iter().filter(|step| !called.contains(**step)).collect();
    assert!(forgotten.is_empty(), "no workflow runs {forgotten:?}");
}
