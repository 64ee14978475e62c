//! What the table of the configuration's keys says.

use super::roff::{bold, entry, italic, paragraph};
use std::fmt::Write as _;
use vault_unseal::config::keys::{KEYS, Key, Kind, Scope};

/// The keys that stand in one table.
pub(crate) fn keys(scope: Scope) -> String {
    KEYS.iter().filter(|key| key.scope == scope).map(|key| described(key)).collect()
}

/// A key that a page does not describe.
pub(crate) fn missing(page: &str) -> Option<String> {
    KEYS.iter().find(|key| !page.contains(&term(key))).map(|key| key.path())
}

fn described(key: &Key) -> String {
    let mut text = entry(&term(key), key.documentation);
    let mut facts = String::new();
    match (key.default.written(), key.example) {
        (Some(default), example) if default == example => {
            let _ = write!(facts, "Default: `{default}`. ");
        }
        (Some(default), example) => {
            let _ = write!(facts, "Default: `{default}`. Example: `{} = {example}`. ", key.name);
        }
        (None, "") => {}
        (None, example) => {
            let _ = write!(facts, "Example: `{} = {example}`. ", key.name);
        }
    }
    if let Some(variable) = key.variable {
        let _ = write!(facts, "Environment: `{variable}`.");
    }
    if !facts.is_empty() {
        text.push_str(".IP\n");
        text.push_str(&paragraph(&facts));
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
