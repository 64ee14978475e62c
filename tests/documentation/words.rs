//! Keys and states that the pages name.

use std::collections::BTreeSet;
use std::fs;

use super::pages::{self, root};

/// The keys in a line of TOML such as `tls = { ca_file = "…", server_name = "…" }`.
fn keys(line: &str) -> Vec<&str> {
    let code = line.split(" #").next().unwrap_or_default();
    let is_key = |word: &&str| {
        word.chars().all(|letter| letter.is_ascii_lowercase() || "_0123456789".contains(letter))
    };
    let words: Vec<&str> = code.split([' ', '{', ',', '}']).filter(|word| !word.is_empty()).collect();
    words.windows(2).filter(|pair| pair[1] == "=").map(|pair| pair[0]).filter(is_key).collect()
}

/// `config/config.toml` shows every key of the daemon's; its own test compares it with the program. The observer's have files
/// of their own.
#[test]
fn every_key_on_the_pages_for_users_exists() {
    let files = fs::read_dir(root().join("config")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let reference: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let known: BTreeSet<&str> =
        reference.split(|part: char| !part.is_alphanumeric() && part != '_').collect();
    let mut number = 0;
    for page in pages::for_users() {
        for code in page.code() {
            // A setting of the server's own listener is no key of ours.
            if !["toml", "inline"].contains(&code.language.as_str()) || code.text.starts_with("disable_") {
                continue;
            }
            for key in keys(&code.text) {
                number += 1;
                assert!(known.contains(key), "{}:{}: there is no key {key}", code.page.display(), code.line);
            }
        }
    }
    assert!(number > 20, "only {number} were found");
}

/// The manual page's list of states, each `.B state` after a `.TP`.
pub(crate) fn states() -> BTreeSet<String> {
    let manual = fs::read_to_string(root().join("man/vault-unseal.8")).unwrap();
    let section = manual.split(".SH STATES").nth(1).unwrap().split(".SH ").next().unwrap();
    let items = section.split(".TP\n.B ").skip(1);
    items.map(|item| item.lines().next().unwrap().replace("\\-", "-")).collect()
}

#[test]
fn the_page_of_states_has_those_of_the_manual() {
    let page = fs::read_to_string(root().join("docs/usage/states.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(','));
    let on_the_page: BTreeSet<String> = cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
    assert!(on_the_page.len() > 10);
    assert_eq!(on_the_page, states());
}
