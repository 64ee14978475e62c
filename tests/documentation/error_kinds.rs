//! The pages of messages and of kinds of errors: each has one, and none has what no longer exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::book::Book;
use super::kinds::{self, pages, sections};
use super::pages::root;

/// What somebody looks up who has a kind before him.
#[test]
fn every_kind_of_error_has_a_page_and_no_other_has() {
    let wrong = kinds::differences();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each way in which the sources tell a kind, and what only looks like one.
#[test]
fn kinds_are_found_where_they_are_told() {
    assert_eq!(kinds::told("Explanation::new(\n    \"one\",\n    message)"), ["one"]);
    assert_eq!(kinds::told("topic.warn(\"two\", \"not-this\")"), ["two"]);
    assert_eq!(kinds::told("place.refuses(refused(&place, \"a-third\", what, advice))"), ["a-third"]);
    assert_eq!(
        kinds::told("fn explained(&self) {\n Self::A => (\"four\", x),\n Self::B => \"five\",\n}"),
        ["four", "five"]
    );
    assert_eq!(kinds::told("Remark { kind: \"six\", ..other }"), ["six"]);
    assert_eq!(kinds::told("const EMPTY: &str = \"file-seven\";\nreturn (EMPTY, advice)"), ["file-seven"]);
    assert_eq!(
        kinds::told("fn other() { call(\"word\", 1); call(\"--flag\", 1); call(\"a sentence\", 1) }"),
        [""; 0]
    );
    assert_eq!(kinds::told("// (\"in-a-comment\", 1)\n#[cfg(test)]\n(\"in-a-test\", 1)"), [""; 0]);
}

/// What happened, and what to do: a paragraph each at the least.
#[test]
fn every_section_says_what_happened_and_what_to_do() {
    for section in sections() {
        let place = format!("{}:{}: {}", section.page.display(), section.line, section.kind);
        let paragraphs: Vec<_> = section.text.split("\n\n").filter(|part| !part.trim().is_empty()).collect();
        assert!(paragraphs.len() >= 2, "{place}: what is to be done?");
        let words = paragraphs[0].split_whitespace().count();
        assert!(words >= 4 && !paragraphs[0].starts_with("```"), "{place}: what happened?");
    }
}

#[test]
fn the_list_of_error_pages_has_each_once() {
    let list = fs::read_to_string(root().join("docs/errors/README.md")).unwrap();
    let listed: Vec<_> = list
        .lines()
        .filter_map(|line| line.strip_prefix("| [")?.split_once("](")?.1.split_once(')'))
        .map(|(page, _)| page.to_owned())
        .collect();
    let there = pages().into_iter().map(|page| page.file_name().unwrap().to_str().unwrap().to_owned());
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), there.collect());
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len());
}

/// What `./x site` builds: docs/README.md lists each page of the repository, and each link leads to a file that is there.
#[test]
fn every_page_is_a_chapter_of_the_book() {
    let directory = tempfile::tempdir().unwrap();
    Book::new(BTreeMap::new()).write(directory.path());
    let kinds = fs::read_dir(directory.path().join("kind")).unwrap().count();
    assert_eq!(kinds, sections().len());
}
