//! What an error may repeat of the text it was given.
//!
//! People paste shares and passwords into the wrong place, and point `--config` at the share file. No error may
//! carry them into a log.

/// Runs of this many letters and digits can be a share in hex or base64: 16 bytes are 22 characters of base64.
const LONGEST_WORD: usize = 20;

/// Longest text that is repeated, in characters.
const LONGEST: usize = 60;

/// `text` in one short line, with everything that could be a share replaced by `…`.
pub(super) fn shown(text: &str) -> String {
    let masked = masked(text);
    if masked.chars().count() <= LONGEST {
        return masked;
    }
    masked.chars().take(LONGEST).chain(std::iter::once('…')).collect()
}

/// `text` in one line of any length, with everything that could be a share replaced by `…`.
pub(super) fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for character in text.chars().chain(std::iter::once('\n')) {
        if character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=') {
            run.push(character);
            continue;
        }
        if run.len() < LONGEST_WORD {
            out.push_str(&run);
        } else {
            out.push('…');
        }
        run.clear();
        out.push(if character.is_control() { ' ' } else { character });
    }
    out.trim().to_owned()
}

/// An address as [`shown`], without the user, password, query and fragment it may carry.
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
    format!("{}{secret}{}{cut}", shown(&scheme), shown(bare))
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
            ("a\tb\u{7}", "a b"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected);
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
