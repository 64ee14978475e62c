//! The journal's catalog: what each message means, and what to do.

use std::collections::BTreeMap;

const CATALOG: &str = include_str!("../systemd/vault-unseal.catalog");

/// Each entry's headers and text, by its message's id.
pub(crate) fn entries() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    let mut entries = BTreeMap::new();
    for entry in CATALOG.split("\n-- ").skip(1) {
        // Without it journald takes the entry for a part of the one before.
        assert!(entry.ends_with('\n'), "an empty line is missing behind: {entry}");
        let (id, rest) = entry.split_once('\n').expect("an id in a line of its own");
        let (headers, text) = rest.split_once("\n\n").expect("an empty line after the headers");
        assert!(entries.insert(id, (headers, text)).is_none(), "{id} twice");
    }
    entries
}

/// What an entry's message says of no server in particular, as a heading.
pub(crate) fn subject(headers: &str) -> String {
    let line = headers.lines().next().and_then(|line| line.strip_prefix("Subject: "));
    let words = line.expect("a subject").replace("@VAULT_NODE@", "a server");
    words.chars().take(1).flat_map(char::to_uppercase).chain(words.chars().skip(1)).collect()
}
