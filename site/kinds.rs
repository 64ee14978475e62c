//! The kinds of errors: those that the sources can tell, and what docs/errors says of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::pages::{self, root};

/// What docs/errors says of a kind.
pub(crate) struct Section {
    pub(crate) kind: String,
    /// The page it stands on, from the root of the repository, and the line of its heading, counted from 1.
    pub(crate) page: PathBuf,
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// The pages of docs/errors but its list of them.
pub(crate) fn pages() -> Vec<PathBuf> {
    let is_page = |path: &std::path::Path| path.extension().is_some_and(|extension| extension == "md");
    let mut pages = pages::files(&["docs/errors"], is_page);
    pages.retain(|page| page.file_name().is_some_and(|name| name != "README.md"));
    pages
}

/// The sections of these pages in their order.
pub(crate) fn sections() -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(root().join(&page)).unwrap();
        let mut inside = false;
        for (line, words) in (1..).zip(text.lines()) {
            if let Some(heading) = words.strip_prefix("## ") {
                let kind = heading.trim_matches('`').to_owned();
                sections.push(Section { kind, page: page.clone(), line, text: String::new() });
                inside = true;
            } else if inside {
                let section = sections.last_mut().unwrap();
                section.text.push_str(words);
                section.text.push('\n');
            }
        }
    }
    sections
}

/// Where a kind stands in a call: behind the name of what makes an error or a finding of it.
const MAKERS: [&str; 6] =
    ["Explanation::new(", "without_advice(", ".warn(", ".problem(", ".note(", "Undelivered::new("];
/// The methods that tell the kind of an error.
const TELLERS: [&str; 3] = ["kind", "explained", "kind_and_advice"];

/// Whether this is how a kind is written.
fn is_word(text: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(part)
}

/// The kinds that stand in one file of sources.
pub(crate) fn told(source: &str) -> Vec<&str> {
    let source = source.split("#[cfg(test)]").next().unwrap();
    let mut found = Vec::new();
    let mut teller = "";
    let mut constants: Vec<(&str, &str)> = Vec::new();
    let mut offset = 0;
    for line in source.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        if line.trim_start().starts_with("//") {
            continue;
        }
        if let Some((_, behind)) = line.split_once("fn ") {
            teller = behind.split(['(', '<']).next().unwrap();
        }
        for (at, _) in line.match_indices('"') {
            let behind = &line[at + 1..];
            let Some((word, rest)) = behind.split_once('"').filter(|(word, _)| is_word(word)) else {
                continue;
            };
            let before = source[..start + at].trim_end();
            // One in two pieces of a text is none: what is before the quote says that it begins here.
            let begins = before.ends_with(['(', ',', '>', '=', ':', '@']);
            let is_made =
                MAKERS.iter().any(|maker| before.ends_with(maker)) || before.ends_with("unavailable(");
            let is_member = before.ends_with("kind:") || before.ends_with("kind @");
            let is_argument = before.ends_with(['(', ',']) && rest.trim_start().starts_with(',');
            let is_told = TELLERS.contains(&teller) && (is_argument || before.ends_with("=>"));
            let name = before.rsplit_once("const ").and_then(|(_, name)| name.strip_suffix(": &str ="));
            if let Some(name) = name.filter(|name| !name.contains(char::is_whitespace)) {
                constants.push((name, word));
            } else if begins && (is_made || is_member || is_told || is_argument && word.contains('-')) {
                found.push(word);
            }
        }
    }
    let is_used =
        |name: &str| source.contains(&format!("({name}, ")) || source.contains(&format!("return ({name}"));
    found.extend(
        constants
            .into_iter()
            .filter(|(name, word)| word.contains('-') && is_used(name))
            .map(|(_, word)| word),
    );
    found
}

/// Words that stand like a kind and are none, each with the file it stands in.
const OTHERS: [(&str, &str); 12] = [
    // What a target of the notifier is.
    ("command", "observer/src/notify/target/mod.rs"),
    ("ping", "observer/src/notify/target/mod.rs"),
    ("smtp", "observer/src/notify/target/mod.rs"),
    ("webhook", "observer/src/notify/target/mod.rs"),
    // What systemd-creds was to do.
    ("encrypt", "src/shares/store/credential.rs"),
    // States, which have docs/usage/states.md.
    ("seals-itself", "src/unseal/state.rs"),
    ("waiting-for-peers", "src/unseal/state.rs"),
    // Units, the name in the journal, a header.
    ("vault-unseal", "src/cli/check/credential.rs"),
    ("vault-unsealed-wait", "src/cli/check/credential.rs"),
    ("vault-unseal", "src/systemd/journal.rs"),
    ("vault-unseal-exporter", "observer/src/exporter/mod.rs"),
    ("x-vault-wrap-ttl", "src/vault/server/init.rs"),
];

/// Every kind of the sources, with a file that tells it. One of `OTHERS` that is not met any more is an error.
fn all() -> BTreeMap<String, PathBuf> {
    let is_source = |path: &std::path::Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        path.extension().is_some_and(|extension| extension == "rs") && !name.contains("tests")
    };
    let mut kinds = BTreeMap::new();
    let mut others = BTreeSet::from(OTHERS);
    for path in pages::files(&["src", "observer/src"], is_source) {
        let source = fs::read_to_string(root().join(&path)).unwrap();
        for kind in told(&source) {
            match OTHERS.iter().find(|other| **other == (kind, path.to_str().unwrap())) {
                Some(other) => drop(others.remove(other)),
                None => drop(kinds.entry(kind.to_owned()).or_insert_with(|| path.clone())),
            }
        }
    }
    assert!(others.is_empty(), "these stand nowhere like a kind: {others:?}");
    kinds
}

/// What is wrong between the sources and the pages: a kind without a section, a section without a kind, two of one kind.
pub(crate) fn differences() -> Vec<String> {
    let kinds = all();
    assert!(kinds.len() > 200, "only {} were found", kinds.len());
    let mut wrong = Vec::new();
    let mut explained = BTreeMap::new();
    for Section { kind, page, line, .. } in sections() {
        let place = format!("{}:{line}", page.display());
        if !kinds.contains_key(&kind) {
            wrong.push(format!("{place}: nothing tells the kind `{kind}`"));
        }
        if let Some(before) = explained.insert(kind.clone(), place.clone()) {
            wrong.push(format!("{place}: `{kind}` stands at {before} as well"));
        }
    }
    for (kind, source) in kinds.iter().filter(|(kind, _)| !explained.contains_key(*kind)) {
        wrong.push(format!("`{kind}` of {} has no section on a page of docs/errors", source.display()));
    }
    wrong
}
