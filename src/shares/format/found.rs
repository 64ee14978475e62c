//! What was found in a source, and where, so that it can be named without being shown; and what a name in a file says
//! of the string under it.

use super::encoding;
use crate::cluster::Scheme;
use crate::external::ExternalText;
use std::fmt;

/// More shares than a split key can have: x is one byte and never 0.
pub(super) const MOST_SHARES: usize = 255;

/// A place in the text of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1.
    pub column: usize,
}

impl Spot {
    /// The place of the byte at `offset`.
    pub(super) fn of(text: &[u8], offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let line = before.split(|&byte| byte == b'\n').count();
        Self { line, column: before.len() - line_start + 1 }
    }

    /// The place of `part`, a slice of `text`.
    pub(super) fn of_part(text: &str, part: &str) -> Self {
        Self::of(text.as_bytes(), part.as_ptr().addr().saturating_sub(text.as_ptr().addr()))
    }
}

/// `line 5, column 3`.
impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Which share, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharePosition {
    /// The number of the share in its source, counted from 1.
    pub position: usize,
    /// Where it begins.
    pub spot: Spot,
}

/// `share 2 (line 5, column 3)`.
impl fmt::Display for SharePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "share {} ({})", self.position, self.spot)
    }
}

/// A string that should be a share, still in the buffer of the source.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) text: &'a str,
    pub(super) place: SharePosition,
    /// The number in its name: of `Unseal Key 2`.
    pub(super) number: Option<usize>,
}

/// Strings of one list.
#[derive(Default)]
pub(super) struct List<'a> {
    /// Its name; `None` for a list without one.
    pub(super) label: Option<Label>,
    pub(super) entries: Vec<Entry<'a>>,
}

impl<'a> List<'a> {
    /// Which share comes next, where it is `part` of the source's text.
    pub(super) fn next(&self, text: &str, part: &str) -> SharePosition {
        SharePosition { position: self.entries.len() + 1, spot: Spot::of_part(text, part) }
    }

    /// Takes the shares in one string of the source's text.
    pub(super) fn take(&mut self, text: &str, string: &'a str, number: Option<usize>) {
        for part in split(string) {
            let place = self.next(text, part);
            self.entries.push(Entry { text: part, place, number });
        }
    }
}

/// A string that looks like a share, under a name that does not say so.
pub(super) struct Stray<'a> {
    pub(super) text: &'a str,
    /// The name; `None` where there is none.
    pub(super) label: Option<Label>,
    pub(super) spot: Spot,
}

/// What was found in a source before any share was decoded.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(super) struct FoundShares<'a> {
    /// The shares.
    pub(super) list: List<'a>,
    /// The same shares once more, in further lists.
    pub(super) again: Vec<List<'a>>,
    /// What looks like a share elsewhere.
    pub(super) strays: Vec<Stray<'a>>,
    /// Whether there are recovery keys.
    pub(super) recovery: bool,
    /// Whether there is a root token.
    pub(super) root_token: bool,
    /// Whether they are of a rekey that takes effect only when it is verified.
    pub(super) unverified: bool,
    /// Whether the source has members, as JSON and YAML do.
    pub(super) json: bool,
    /// What it says of the server's scheme.
    pub(super) scheme: Option<Scheme>,
}

/// The shares in one string: in a file of variables or in TOML, several stand in one. An empty string is one that is no share.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let separator = |c: char| c.is_whitespace() || ",;".contains(c);
    let none = text.trim().is_empty().then_some(text.trim());
    let parts = text.split(separator).filter(|part| !part.trim_matches(['[', ']']).is_empty());
    parts.map(|part| part.trim_matches(|c| "[]\"'".contains(c))).chain(none)
}

/// Words after which a string is something else, whatever the names above it say.
const FOREIGN: &str = "token tokens hash sha md checksum sum digest fingerprint fingerprints nonce accessor id uuid public \
                       version date";
/// Shorter runs of letters and digits cannot give a share away.
const SHORT_RUN: usize = 8;
/// A word of a name has no more digits at its end.
const MOST_DIGITS: usize = 3;

/// What the names on the way to a string say, put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "words that stand in a name independently")]
pub(super) struct NameMeaning {
    unseal: bool,
    key: bool,
    share: bool,
    recovery: bool,
    root: bool,
    token: bool,
    foreign: bool,
}

impl NameMeaning {
    /// What one name says.
    pub(super) fn of(name: &str) -> Self {
        words(name).fold(Self::default(), |said, word| {
            let is = |known: &str| word.eq_ignore_ascii_case(known);
            let joined = ["unsealkey", "unsealkeys"].iter().any(|known| is(known));
            Self {
                unseal: said.unseal || joined || is("unseal"),
                key: said.key || joined || is("key") || is("keys"),
                share: said.share
                    || ["share", "shares", "keyshare", "keyshares"].iter().any(|known| is(known)),
                recovery: said.recovery || is("recovery"),
                root: said.root || is("root"),
                token: said.token || is("token"),
                foreign: said.foreign || FOREIGN.split(' ').any(is),
            }
        })
    }

    /// What a name says below another.
    pub(super) fn below(self, name: &str) -> Self {
        let own = Self::of(name);
        Self {
            unseal: self.unseal || own.unseal,
            key: self.key || own.key,
            share: self.share || own.share,
            recovery: self.recovery || own.recovery,
            ..own
        }
    }

    /// Whether it says unseal key, or share.
    pub(super) fn is_share(self) -> bool {
        !self.recovery && !self.foreign && (self.share || self.unseal && self.key)
    }

    /// Whether it says recovery key.
    pub(super) fn is_recovery(self) -> bool {
        self.recovery && !self.foreign
    }

    /// Whether it says root token.
    pub(super) fn is_root_token(self) -> bool {
        self.root && self.token
    }

    /// Whether it says something that no share is.
    pub(super) fn is_foreign(self) -> bool {
        self.foreign
    }

    /// Whether, by itself, it says that the string of an object is the share in it.
    pub(super) fn is_value(self) -> bool {
        !self.foreign && (self.key || self.share || self.unseal)
    }
}

/// The words of a name without the digits at their ends: `unsealKey1`, `UNSEAL_KEY_1`, `Unseal Key 1`.
pub(super) fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_alphanumeric())
        .flat_map(|part| {
            let mut rest = part;
            std::iter::from_fn(move || {
                let end = hump(rest);
                let (word, after) = rest.split_at_checked(end)?;
                rest = after;
                (!word.is_empty()).then_some(word)
            })
        })
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        .filter(|word| !word.is_empty())
}

/// Where the first word of `camelCase` ends.
fn hump(text: &str) -> usize {
    let mut lower = false;
    for (at, c) in text.char_indices() {
        if lower && c.is_uppercase() {
            return at;
        }
        lower = c.is_lowercase();
    }
    text.len()
}

/// Whether `part` is in a text, in either case, without a copy of the text.
pub(super) fn says(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

/// The number of a name: of `Unseal Key 2 (hex)`, `VAULT_UNSEAL_KEY_2`, `key2`.
pub(super) fn number(name: &str) -> Option<usize> {
    let parts = || name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let whole = parts().find(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let last = parts().next_back()?;
    let digits = last.trim_start_matches(|c: char| !c.is_ascii_digit());
    whole.unwrap_or(digits).parse().ok()
}

/// A name as a message shows it: names are a file's own, and a share may stand where a name should.
#[derive(Clone, PartialEq, Eq)]
pub struct Label(ExternalText);

impl Label {
    /// Takes what may be shown of it; the rest becomes `…`.
    pub(super) fn of(name: &str) -> Self {
        let mut shown = String::new();
        for part in name.split_inclusive(|c| !encoding::is_letter(c)) {
            let run = part.trim_end_matches(|c| !encoding::is_letter(c));
            shown.push_str(if is_shown(run) { run } else { "…" });
            shown.extend(part.chars().skip(run.chars().count()));
        }
        Self(ExternalText::new(shown))
    }
}

/// Whether a run of letters and digits is a word, and no part of a share.
fn is_shown(run: &str) -> bool {
    let word = run.trim_end_matches(|c: char| c.is_ascii_digit());
    let upper = word.bytes().filter(u8::is_ascii_uppercase).count();
    run.len() < SHORT_RUN
        || run.len() < encoding::LONG_WORD
            && run.len() - word.len() <= MOST_DIGITS
            && word.bytes().all(|byte| byte.is_ascii_alphabetic())
            && (upper <= 2 || upper == word.len())
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_an_editor_does() {
        let text = "ab\ncd\r\n\nef";
        for (part, line, column) in [("ab", 1, 1), ("b", 1, 2), ("cd", 2, 1), ("ef", 4, 1), ("f", 4, 2)] {
            let offset = text.find(part).unwrap();
            assert_eq!(Spot::of_part(text, text.split_at(offset).1), Spot { line, column }, "{part}");
        }
        assert_eq!(Spot::of(text.as_bytes(), 99), Spot { line: 4, column: 3 });
    }

    #[test]
    fn names_that_say_unseal_key_or_share_are_known_and_no_others() {
        for name in [
            "unseal_keys_b64",
            "unseal_keys",
            "unsealKeys",
            "unsealkeys",
            "Unseal Key 1",
            "VAULT_UNSEAL_KEY_1",
            "vault-unseal-key",
            "UNSEAL_KEY1",
            "shares",
            "share1",
            "key_share",
            "keyShares",
        ] {
            assert!(NameMeaning::of(name).is_share(), "{name}");
        }
        for name in [
            "keys",
            "key",
            "foo",
            "unseal",
            "recovery_keys_b64",
            "Recovery Key 1",
            "recovery_key_share",
            "shared",
            "database_key",
            "unseal_key_sha256",
            "share_checksum",
            "unseal_keys_fingerprints",
            "unseal_token",
        ] {
            assert!(!NameMeaning::of(name).is_share(), "{name}");
        }
        assert!(NameMeaning::of("unseal").below("keys").is_share());
        assert!(NameMeaning::of("unseal_keys").below("alice").is_share());
        assert!(!NameMeaning::of("unseal_keys").below("sha256").is_share());
        assert!(!NameMeaning::of("recovery").below("unseal_keys").is_share());
        assert!(NameMeaning::of("recovery_keys_b64").is_recovery());
    }

    #[test]
    fn names_are_numbered_by_their_digits() {
        for (name, expected) in [
            ("Unseal Key 2 (hex)   ", Some(2)),
            ("VAULT_UNSEAL_KEY_12", Some(12)),
            ("key3", Some(3)),
            ("unseal_keys", None),
            ("", None),
        ] {
            assert_eq!(number(name), expected, "{name}");
        }
    }

    #[test]
    fn a_label_shows_words_and_no_share() {
        for (name, shown) in [
            ("data.unseal_keys_b64", "\"data.unseal_keys_b64\""),
            ("cluster.encryptionKey256", "\"cluster.encryptionKey256\""),
            ("LEv/aTR/H59Pp8MLJqYZbF3lK7JCgV25jfgVsbh6aKXV", "\"…\""),
            ("old 2c4bff69347f1f9f4fa7c3 x", "\"old … x\""),
            ("a\u{1b}[31mb", "\"a\u{fffd}[31mb\""),
        ] {
            assert_eq!(Label::of(name).to_string(), shown);
        }
    }
}
