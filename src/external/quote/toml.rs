//! Strings of TOML, in configurations to paste.

use crate::external::text::is_plain;
use std::fmt::Write;

/// The text as a basic string of TOML 1.0, in one line.
pub fn toml(text: &str) -> String {
    let mut string = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            c if is_plain(c) => string.push(c),
            c => drop(write!(string, "\\U{:08X}", u32::from(c))),
        }
    }
    string.push('"');
    string
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_is_read_back_from_toml(text: String) {
            let quoted = toml(&text);
            proptest::prop_assert!(quoted.chars().all(is_plain));
            let document: toml_edit::ImDocument<String> = format!("a = {quoted}\n").parse().unwrap();
            proptest::prop_assert_eq!(document["a"].as_str(), Some(text.as_str()));
        }
    }
}
