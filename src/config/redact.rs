//! What an error may repeat of the text it was given.
//!
//! People paste shares and passwords into the wrong place, and point `--config` at the share file. No error may
//! carry them into a log.

use super::keys::KEYS;
use crate::external::ExternalText;

/// Runs of this many letters and digits can be a share in hex or base64: 16 bytes are 22 characters of base64.
const LONGEST_WORD: usize = 20;

/// Longest line without a limit of its own.
const LONGEST_LINE: usize = 1000;

/// Longest text that is repeated, in characters.
const LONGEST: usize = 60;

/// `text` in one short line, with everything that could be a share replaced by `…`.
pub(super) fn redact(text: &str) -> String {
    let masked = masked(text);
    if masked.chars().count() <= LONGEST {
        return masked;
    }
    masked.chars().take(LONGEST).chain(std::iter::once('…')).collect()
}

/// `text` in one line of any length, with everything that could be a share replaced by `…`.
fn masked(text: &str) -> String {
    if is_dump(text) {
        return "…".to_owned();
    }
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let text = without(text, is_base64, could_be_share);
    let text = without(&text, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'), is_token);
    // Whatever else is in it is text from outside.
    format!("{:.1$}", ExternalText::new(text), LONGEST_LINE)
}

/// The text with `…` for each run of characters that `is_of_run` which `is_secret`.
fn without(text: &str, is_of_run: impl Fn(char) -> bool, is_secret: impl Fn(&str) -> bool) -> String {
    let mut out = String::new();
    for part in text.split_inclusive(|c| !is_of_run(c)) {
        let run = part.trim_end_matches(|c| !is_of_run(c));
        out.push_str(if is_secret(run) { "…" } else { run });
        out.push_str(part.get(run.len()..).unwrap_or_default());
    }
    out
}

/// The line of a file that is not TOML, with nothing in it but our own keys and TOML's punctuation: it may be the share file
/// itself, or a line with a password.
pub(super) fn extract(line: &str) -> String {
    let mut out = String::new();
    let mut parts = line.split(['"', '\'']).enumerate().peekable();
    while let Some((index, part)) = parts.next() {
        if index % 2 == 1 {
            out.push_str(if part.is_empty() { "" } else { "…" });
        } else {
            let is_punctuation = |c: char| c.is_whitespace() || "=[]{},.:".contains(c);
            for word in part.split_inclusive(is_punctuation) {
                let bare = word.trim_end_matches(is_punctuation);
                let known = bare.is_empty() || KEYS.iter().any(|key| key.name == bare);
                out.push_str(if known { bare } else { "…" });
                out.push_str(word.get(bare.len()..).unwrap_or_default());
            }
        }
        if parts.peek().is_some() {
            out.push('"');
        }
    }
    // What is hidden needs no shape.
    for between in ["", " ", ".", ":", ". ", ": "] {
        let two = format!("…{between}…");
        while out.contains(&two) {
            out = out.replace(&two, "…");
        }
    }
    redact(&out)
}

/// Whether a word of letters, digits, `-` and `_` is a token, an identifier like a UUID, or base64 for URLs, by its digits.
fn is_token(word: &str) -> bool {
    word.len() >= LONGEST_WORD && word.bytes().filter(u8::is_ascii_digit).count() >= 6
}

/// Whether it is bytes in hex, in groups of some.
fn is_dump(text: &str) -> bool {
    let groups = text.split(|c: char| !c.is_ascii_alphanumeric());
    let of_hex = |group: &&str| {
        matches!(group.len(), 2 | 4 | 6 | 8) && group.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    groups.filter(of_hex).count() >= 10
}

/// Whether a run of letters and digits is long enough for a share. A run with slashes and no capital is a path: a
/// share in base64 without a capital is one in a million at best.
fn could_be_share(run: &str) -> bool {
    let path = run.contains('/') && !run.contains(|c: char| c.is_ascii_uppercase());
    run.len() >= LONGEST_WORD && !path
}

/// An address as [`redact`], without the user, password, query and fragment it may carry.
pub(super) fn address(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    // Before '?' and '#': a password may hold them too, and then everything up to the '@' is secret.
    let (secret, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("…@", rest),
        None => ("", rest),
    };
    let bare = rest.split(['?', '#']).next().unwrap_or_default();
    let cut = if bare.len() == rest.len() { "" } else { "…" };
    format!("{}{secret}{}{cut}", redact(&scheme), redact(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_could_be_a_share_is_repeated() {
        let cases = [
            ("3Nn0dYrJzVn0vvfvtC2mUMrbPDkmS1s7gVRzDl3Cvqk=", "…"),
            ("ab/cdefghijklmnopqr/stuvwxyz0123456789ABCDEFG=", "…"),
            ("keys = [\"00112233445566778899aabbccddeeff\"]", "keys = [\"…\"]"),
            ("poll_interval = 3", "poll_interval = 3"),
            ("ca_file = /etc/vault/ca.pem", "ca_file = /etc/vault/ca.pem"),
            ("a\tb\u{202e}\u{7}c", "a b\u{fffd}\u{fffd}c"),
            ("no 7cb2b140-eb80-9292-0772-3bb0057bea5c", "no …"),
            ("de ad be ef 01 02 03 04 05 06 07", "…"),
            ("vault-1.prod.example:8200", "vault-1.prod.example:8200"),
            (
                "https://[2001:db8:85a3:1:2:8a2e:370:7334]:8200",
                "https://[2001:db8:85a3:1:2:8a2e:370:7334]:8200",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn an_extract_shows_the_shape_of_a_line_only() {
        let cases = [
            ("nodes = [\"https://vault.home:8200\"", "nodes = [\"…\""),
            ("{\"keys\":[\"0011\"],\"root_token\":\"hvs.CAESIJ\"}", "{\"…\":[\"…\"],\"…\":\"…\"}"),
            ("file = 'a", "file = \"…"),
            ("poll_interval = 1s", "poll_interval = …"),
            ("token = hunter2", "… = …"),
            ("password=hunter2 # of the old server", "…=…"),
            ("30 31 32 33 34 35 36 37 38 39 3a", "…"),
            ("hvb.AAAA-BBBB_CCCC-DDDD_EEEE-FFFF_GGGG-HHHH_IIII", "…"),
        ];
        for (line, expected) in cases {
            assert_eq!(extract(line), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_share_is_repeated_in_part(share: [u8; 33], length in 16_usize..=33) {
            let share = &share[..length];
            let mut buffer = [0; 66];
            let hex = base16ct::lower::encode_str(share, &mut buffer).expect("hex").to_owned();
            let base64 = <base64ct::Base64 as base64ct::Encoding>::encode(share, &mut buffer).map(str::to_owned);
            for text in [hex, base64.expect("base64")] {
                for said in [redact(&text), extract(&text), address(&format!("https://{text}"))] {
                    let repeated = text.as_bytes().windows(6).any(|part| {
                        said.as_bytes().windows(6).any(|said| said == part)
                    });
                    // One in a million shares looks like a path; random ones of a test do not.
                    proptest::prop_assert!(!repeated || !could_be_share(&text), "{said}");
                }
            }
        }
    }

    #[test]
    fn an_address_loses_its_secrets() {
        let cases = [
            ("https://vault:8200/v1", "https://vault:8200/v1"),
            ("https://root:hunter2@vault:8200", "https://…@vault:8200"),
            ("https://root:a/b?c#d@e@vault", "https://…@vault"),
            ("https://vault?token=hvs.x", "https://vault…"),
            ("root:hunter2@vault", "…@vault"),
        ];
        for (text, expected) in cases {
            assert_eq!(address(text), expected);
        }
    }
}
