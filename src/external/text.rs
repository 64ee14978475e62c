//! The type that holds text from outside, the one way in which it is shown, what is never shown: a secret in the wrong
//! place; and JSON that is printed: every string exactly as it is for a machine, and nothing in it that a terminal obeys.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

/// The most that is shown of one text, in characters.
const SHOWN: usize = 300;
/// The same in JSON.
const SERIALIZED: usize = 4000;
/// The most lines of one text.
const LINES: usize = 40;

/// Text from outside. `Display` shows it as one line that can do nothing to a terminal, a log or its reader; there is
/// no other way to what is in it. A precision, as in `{text:.1000}`, is the most that is shown in place of 300 characters.
/// `Debug` and `Serialize` show the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ExternalText(String);

impl ExternalText {
    /// Takes a text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Takes bytes in, whatever they are.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Whether there is nothing in it that could be shown.
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Its first lines, each a text of its own: for what may have several, as advice has.
    pub fn lines(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.lines().take(LINES).map(Self::new)
    }

    /// More than one line of it, for what may be long: a reason, or advice with its commands.
    pub fn paragraph(&self) -> String {
        self.lines().map(|line| format!("{line:.2000}")).collect::<Vec<_>>().join("\n")
    }

    /// What it stands for, if it can be read as that.
    pub fn parse<T: FromStr>(&self) -> Option<T> {
        self.0.parse().ok()
    }

    /// Whether `part`, in lower case, is in it, in either case of ASCII letters.
    pub fn has(&self, part: &str) -> bool {
        self.0.to_ascii_lowercase().contains(part)
    }
}

impl PartialEq<str> for ExternalText {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl fmt::Display for ExternalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        let most = f.precision().unwrap_or(SHOWN);
        let mut shown = 0;
        for word in
            self.0.split(|c: char| c.is_whitespace() || is_separator(c)).filter(|word| !word.is_empty())
        {
            if shown > 0 {
                f.write_char(' ')?;
                shown += 1;
            }
            for c in word.chars() {
                if shown >= most {
                    return f.write_char('…');
                }
                f.write_char(if is_shown(c) { c } else { char::REPLACEMENT_CHARACTER })?;
                shown += 1;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ExternalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl Serialize for ExternalText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:.SERIALIZED$}"))
    }
}

impl<'de> Deserialize<'de> for ExternalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Can stand in one line of text as it is: see [`is_shown`]; and no white space but a blank.
pub(super) fn is_plain(c: char) -> bool {
    is_shown(c) && !is_separator(c) && (c == ' ' || !c.is_whitespace())
}

/// Ends a line for some readers (Unicode, section 5.8); the others are white space already.
fn is_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Not a control character, and none that is invisible or turns the direction of writing: Unicode's category Cf (format),
/// fillers that have no width, and variation selectors, which can carry hidden text.
fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// `1, 3 and 4`, where `before_last` is "and".
pub fn in_words(words: &[String], before_last: &str) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} {before_last} {last}", first.join(", ")),
        words => words.concat(),
    }
}

/// Prefixes of tokens of Vault and OpenBao, for services, batches and recovery; before version 1.10, `s.` and `b.`.
const TOKENS: [&str; 5] = ["hvs.", "hvb.", "hvr.", "s.", "b."];

/// Whether a text could be a share in hex or base64 (16 bytes or more; a path in base64 is one in a million), or a
/// token of a server. It is then not repeated, whatever it was meant to be.
pub fn could_be_secret(text: &str) -> bool {
    let text = text.trim();
    let token = TOKENS.iter().filter_map(|prefix| text.strip_prefix(prefix)).any(|rest| {
        rest.len() >= 20 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    });
    let hex = text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let base64 = text.len() >= 43
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_uppercase())
        && text.bytes().any(|byte| byte.is_ascii_lowercase());
    token || hex || base64
}

/// The document in one line, without a line's end. Characters that are invisible or that a terminal obeys are written as
/// `\u202e`: JSON's own rules leave them as they are from U+007F on.
pub fn json_line(document: &impl Serialize) -> serde_json::Result<String> {
    let mut text = Vec::new();
    document.serialize(&mut serde_json::Serializer::with_formatter(&mut text, Plain(CompactFormatter)))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

struct Plain(CompactFormatter);

impl Formatter for Plain {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for c in fragment.chars() {
            if is_plain(c) {
                write!(writer, "{c}")?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_shown_as_one_harmless_line() {
        for (text, shown) in [
            ("sealed", "sealed"),
            ("a\nb\r\n\tc", "a b c"),
            ("a\u{2028}b\u{2029}c\u{85}d", "a b c d"),
            ("\u{1b}[31mred\u{7}", "\u{fffd}[31mred\u{fffd}"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("user\u{202e}txt.exe", "user\u{fffd}txt.exe"),
            ("a\u{200b}b\u{feff}c\u{2066}d", "a\u{fffd}b\u{fffd}c\u{fffd}d"),
            ("x\u{e0041}\u{e0042}\u{e007f}", "x\u{fffd}\u{fffd}\u{fffd}"),
            ("é 漢字 ñ", "é 漢字 ñ"),
            ("", ""),
        ] {
            assert_eq!(ExternalText::new(text).to_string(), shown);
            assert_eq!(format!("{:?}", ExternalText::new(text)), format!("{shown:?}"));
            let json = serde_json::to_string(&ExternalText::new(text)).expect("JSON");
            assert_eq!(json, serde_json::to_string(shown).expect("JSON"));
        }
    }

    #[test]
    fn long_text_is_cut() {
        let text = ExternalText::new("é".repeat(1000)).to_string();
        assert_eq!(text.chars().count(), SHOWN + 1);
        assert!(text.ends_with('…'), "{text}");
        assert_eq!(format!("{:.2}", ExternalText::new("abc d")), "ab…");
        assert_eq!(ExternalText::new("a\n".repeat(1000)).lines().count(), LINES);
        assert_eq!(ExternalText::of_bytes(b"not\xffutf8").to_string(), "not\u{fffd}utf8");
    }

    #[test]
    fn shares_and_tokens_are_told_from_names_and_paths() {
        for secret in [
            "3Nn0dYrJzVn0vvfvtC2mUMrbPDkmS1s7gVRzDl3Cvqk=",
            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff01",
            "hvs.CAESIJ2mUMrbPDkmS1s7gVRzDl3",
            "s.7sVrhH9tV8WdbV4Z5QfWxYzA",
        ] {
            assert!(could_be_secret(secret), "{secret}");
        }
        for name in [
            "/etc/vault/tls/vault-ca.crt",
            "shares.json",
            "7cb2b140-eb80-9292-0772-3bb0057bea5c",
            "a-rather-long-name-of-a-credential-of-somebody",
            "https://vault.example:8200",
            "s.example",
        ] {
            assert!(!could_be_secret(name), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_back_and_printed_plainly(texts: Vec<String>) {
            let printed = json_line(&texts).unwrap();
            proptest::prop_assert!(printed.chars().all(is_plain), "{printed:?}");
            proptest::prop_assert_eq!(serde_json::from_str::<Vec<String>>(&printed).unwrap(), texts);
        }
    }

    #[test]
    fn terminal_sequences_become_escapes() {
        assert_eq!(
            json_line(&"a\u{9b}31m\u{202e}\n\u{e0041}").unwrap(),
            r#""a\u009b31m\u202e\n\udb40\udc41""#
        );
        assert_eq!(json_line(&serde_json::json!({"a": [1, null, "é"]})).unwrap(), r#"{"a":[1,null,"é"]}"#);
    }
}
