//! The error answers of `PUT /v1/sys/unseal`, sorted by what they mean for an unseal.

use serde::Deserialize;

/// An answer that is not a seal status: the status code, what it means, and the server's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status code.
    pub status: u16,
    /// What it means.
    pub meaning: Meaning,
    /// The server's text, shortened; servers never repeat a share in it.
    pub text: String,
    /// The text came in the API's own JSON form, not from a proxy or another service.
    pub from_server: bool,
}

/// What a refused share or reset means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// The round was complete and its shares are not this server's: ours are wrong, or a stranger's was among them.
    RoundFailed,
    /// The server cannot read the share at all (not hex or base64, too short, too long).
    Malformed,
    /// The server has no keys yet.
    NotInitialized,
    /// There is nothing to reset: the server is unsealed.
    AlreadyUnsealed,
    /// An operator is in the middle of a seal migration.
    Migrating,
    /// The server has no usable keyring: in mid-join, or restoring a snapshot.
    NoKeyring,
    /// Overload, a quota, a proxy's 502/503, an internal error: says nothing of our shares.
    Transient,
}

/// Longest text of a server that is kept, in bytes.
const TEXT_LIMIT: usize = 300;

/// Substrings of server texts and what they mean, most telling first. From Vault and OpenBao, old and new.
const MEANINGS: &[(&str, Meaning)] = &[
    ("invalid key size 0", Meaning::NoKeyring),
    ("migrate option not provided", Meaning::Migrating),
    ("seal migration", Meaning::Migrating),
    ("not initialized", Meaning::NotInitialized),
    ("vault is unsealed", Meaning::AlreadyUnsealed),
    ("failed to compute combined key", Meaning::RoundFailed),
    ("failed to decrypt keys from storage", Meaning::RoundFailed),
    ("message authentication failed", Meaning::RoundFailed),
    ("failed to setup unseal key", Meaning::RoundFailed),
    ("unseal failed, invalid key", Meaning::RoundFailed),
    ("must be a valid hex or base64 string", Meaning::Malformed),
    ("shorter than minimum", Meaning::Malformed),
    ("longer than maximum", Meaning::Malformed),
];

#[derive(Deserialize)]
struct Wire {
    errors: Vec<String>,
}

impl Refusal {
    /// Sorts an answer by its text; the status code alone decides nothing.
    pub fn parse(status: u16, body: &[u8]) -> Self {
        let (text, from_server) = match serde_json::from_slice::<Wire>(body) {
            Ok(wire) if !wire.errors.is_empty() => (wire.errors.join("; "), true),
            Ok(_) => ("no reason given".to_owned(), true),
            Err(_) => (String::from_utf8_lossy(body).into_owned(), false),
        };
        let lower = text.to_ascii_lowercase();
        let meaning = MEANINGS
            .iter()
            // An HTML page may contain any words: only the server's own JSON is believed.
            .filter(|_| from_server)
            .find(|(part, _)| lower.contains(part))
            .map_or(Meaning::Transient, |(_, meaning)| *meaning);
        Self { status, meaning, text: printable(&text), from_server }
    }
}

/// One line of at most [`TEXT_LIMIT`] bytes, control characters replaced: it goes to terminals and the journal.
pub(super) fn printable(text: &str) -> String {
    let mut line = String::with_capacity(TEXT_LIMIT.min(text.len()) + 4);
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        if line.len() > TEXT_LIMIT {
            let end = (0..=TEXT_LIMIT).rev().find(|&i| line.is_char_boundary(i)).unwrap_or(0);
            line.truncate(end);
            line.push('…');
            break;
        }
    }
    line
}
