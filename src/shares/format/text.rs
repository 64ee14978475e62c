//! Plain text: one share a line, what `vault operator init`, `rekey` and `rotate-keys` print, or a file of variables; and
//! what a terminal was sent, made the text that it showed: the record of script(1), or a copy of a narrow window.

use super::encoding::{self, ShareFlaw};
use super::found::{Entry, FoundShares, Spot, Stray};
use super::found::{Label, NameMeaning, number, says};
use super::refusal::ContentRefusal;
use zeroize::Zeroizing;

/// A name has no more characters; what is longer before a colon is a sentence.
const LONGEST_NAME: usize = 48;
/// What a line of a unit or of a container's description has before its variable.
const BEFORE_VARIABLES: [&str; 4] = ["export ", "Environment=", "- ", "-e "];
/// How the servers tell that what they have printed above are recovery keys.
const RECOVERY_PRINTED: [&str; 2] = ["recovery keys r", "a new recovery key"];

/// A row that is printed of a rekey whose shares wait for `-verify`, and how the last of them is answered.
const VERIFICATION: &str = "Verification Nonce ";
const VERIFIED: &str = " verification successful";

/// What a line is.
enum Line<'a> {
    /// Nothing, or a comment.
    Blank,
    /// Should be a share; with its number, if its name has one.
    Share { text: &'a str, number: Option<usize> },
    /// A recovery key of an auto-unseal server.
    RecoveryKey,
    /// The root token with its name.
    RootToken,
    /// Something under another name.
    Named { name: &'a str, value: &'a str },
    /// A line without a name.
    Bare,
}

/// Finds the strings that should be shares.
pub(super) fn read(text: &str) -> Result<FoundShares<'_>, ContentRefusal> {
    let lines = || text.split(['\n', '\r']).map(str::trim);
    let named = lines().any(|line| matches!(classify(line), Line::Share { .. } | Line::RecoveryKey));
    let mut found = FoundShares::default();
    let (mut blank, mut printed) = (true, 0);
    for line in lines() {
        let class = classify(line);
        blank &= matches!(class, Line::Blank);
        match class {
            Line::Blank => {}
            // Of a list in TOML.
            Line::Bare if line == "]" => {}
            Line::RootToken => found.root_token = true,
            Line::RecoveryKey => found.recovery = true,
            Line::Share { text: value, number } => found.list.take(text, value, number),
            // A file of shares and nothing else.
            Line::Bare if !named => {
                let place = found.list.next(text, line);
                let before = found.strays.len();
                if !line.chars().all(encoding::is_letter) {
                    found.strays.extend(strays(text, line, None));
                }
                if found.strays.len() > before {
                    // A share with something beside it, which may be another.
                } else if line.contains(char::is_whitespace) {
                    return Err(ContentRefusal::Share(place, ShareFlaw::Malformed));
                } else {
                    found.list.entries.push(Entry { text: line, place, number: None });
                }
            }
            Line::Named { name, value } => {
                found.root_token |= encoding::is_token(value);
                unexpected(text, line, Some(name), &mut found)?;
            }
            Line::Bare => {
                found.unverified |= line.starts_with(VERIFICATION);
                found.unverified &= !line.contains(VERIFIED);
                if RECOVERY_PRINTED.iter().any(|said| says(line, said)) {
                    // Those of this run of the command: what stood above an earlier sentence was told there.
                    found.recovery |= found.list.entries.len() > printed;
                    found.list.entries.truncate(printed);
                } else if says(line, "key shares") {
                    printed = found.list.entries.len();
                }
                unexpected(text, line, None, &mut found)?;
            }
        }
    }
    match found.list.entries.as_slice() {
        [] if blank => Err(ContentRefusal::OnlyComments),
        [only] if !named && encoding::is_token(only.text) && found.strays.is_empty() => {
            Err(ContentRefusal::OnlyToken)
        }
        _ => Ok(found),
    }
}

/// Takes note of what looks like a share where none is expected. Refuses a line that may be a share with an error in it, or
/// in its name: none must be missed. Sentences pass.
fn unexpected<'a>(
    text: &str,
    line: &'a str,
    name: Option<&str>,
    found: &mut FoundShares<'a>,
) -> Result<(), ContentRefusal> {
    let before = found.strays.len();
    found.strays.extend(strays(text, line, name));
    let mut words = line.split(|c: char| c.is_whitespace() || "\"',;".contains(c));
    match words.find(|word| encoding::may_be_share(word)) {
        Some(word) if before == found.strays.len() => {
            Err(ContentRefusal::Share(found.list.next(text, word), ShareFlaw::Malformed))
        }
        _ => Ok(()),
    }
}

/// The strings in a line that look like shares, under this name.
fn strays<'a>(text: &str, line: &'a str, name: Option<&str>) -> impl Iterator<Item = Stray<'a>> {
    encoding::shares_in(line).map(move |word| Stray {
        text: word,
        label: name.map(Label::of),
        spot: Spot::of_part(text, word),
    })
}

/// The value of a numbered line that says unseal key, as it is printed: it may be cut.
fn numbered_value(line: &str) -> Option<&str> {
    match classify(line.trim()) {
        Line::Share { text, number: Some(_) } => Some(text),
        _ => None,
    }
}

fn classify(line: &str) -> Line<'_> {
    if line.is_empty() || line.starts_with('#') {
        return Line::Blank;
    }
    let Some((name, value, variable)) = named(line) else { return Line::Bare };
    let said = NameMeaning::of(name);
    let number = number(name);
    // `Key 1:`, as `operator rekey` and old versions print it.
    let printed = number.is_some() && name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("key "));
    if said.is_recovery() {
        return Line::RecoveryKey;
    }
    if said.is_root_token() {
        return Line::RootToken;
    }
    // `Key Shares: 5` and `UNSEAL_KEY_THRESHOLD=3` count; `Unseal Key (will be hidden):` asks.
    let counts = value.len() < 4 && value.bytes().all(|byte| byte.is_ascii_digit());
    let is_share = (said.is_share() || printed) && (number.is_some() || !counts);
    let listed = value.contains(' ') && encoding::shares_in(value).next().is_some();
    let sentence = !variable && number.is_none() && value.contains(' ') && !listed;
    // The shares of a list in TOML may stand on the lines below, without a name of their own.
    let opens = value == "[";
    if is_share && !sentence && !opens {
        Line::Share { text: value, number }
    } else {
        Line::Named { name, value }
    }
}

/// The name of a line, its value without quotes, and whether it is a variable.
fn named(line: &str) -> Option<(&str, &str, bool)> {
    let bare = BEFORE_VARIABLES.iter().fold(line, |line, before| line.strip_prefix(before).unwrap_or(line));
    let bare = unquoted(bare.trim());
    if let Some((name, value)) = bare.split_once('=') {
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        // The padding of base64 is no value.
        if is_name && !name.is_empty() && !value.trim_matches('=').is_empty() {
            return Some((name, unquoted(value.trim()), true));
        }
    }
    let (name, value) = line.split_once(':').or_else(|| line.split_once(" = "))?;
    (name.len() <= LONGEST_NAME).then(|| (name.trim(), unquoted(value.trim()), false))
}

/// Without the quotes around it, if there are any.
fn unquoted(text: &str) -> &str {
    let strip = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    strip('"').or_else(|| strip('\'')).unwrap_or(text)
}

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
const BACKSPACE: u8 = 0x08;
/// Shift out and in, which some terminals get with every change of colour.
const SHIFTS: [u8; 2] = [0x0e, 0x0f];
/// Lengths of a share in characters: base64 of 32 or 33 bytes, hex of either.
const BASE64_LENGTH: usize = 44;
const HEX_LENGTHS: [usize; 2] = [64, 66];
/// The first and last line that script(1) writes itself.
const RECORDED: [&[u8]; 2] = [b"Script started on ", b"Script done on "];

/// The text without what steers a terminal, in memory that wipes itself and never grows; `None` where there is none
/// of it. Lines keep their numbers.
pub(super) fn cleaned(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let steers = |byte: &u8| [ESCAPE, BELL, BACKSPACE].contains(byte) || SHIFTS.contains(byte);
    let recorded = bytes.starts_with(RECORDED[0]);
    let wrapped = || std::str::from_utf8(bytes).is_ok_and(|text| next_wrap(text, 0).is_some());
    if bytes.contains(&0) || !(recorded || bytes.iter().any(steers) || wrapped()) {
        return None;
    }
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            ESCAPE => rest = after_sequence(after),
            BACKSPACE if text.last().is_some_and(|last| *last != b'\n') => drop(text.pop()),
            BELL | BACKSPACE => {}
            shift if SHIFTS.contains(&shift) => {}
            other => text.push(other),
        }
    }
    if recorded {
        blank_record(&mut text);
    }
    unwrap(&mut text);
    Some(text)
}

/// What follows an escape sequence (ECMA-48, sections 5.3 to 5.6, and the titles of xterm).
fn after_sequence(bytes: &[u8]) -> &[u8] {
    let skip = |from: usize, skipped: fn(&u8) -> bool| {
        from + bytes.iter().skip(from).take_while(|byte| skipped(byte)).count()
    };
    let end = match bytes.first() {
        Some(b'[') => {
            skip(skip(1, |byte| (0x30..=0x3f).contains(byte)), |byte| (0x20..=0x2f).contains(byte)) + 1
        }
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let end = skip(1, |byte| ![BELL, ESCAPE, b'\n'].contains(byte));
            match bytes.get(end) {
                Some(&BELL) => end + 1,
                Some(&ESCAPE) => end + 2,
                _ => end,
            }
        }
        _ => skip(0, |byte| (0x20..=0x2f).contains(byte)) + 1,
    };
    bytes.get(end.min(bytes.len())..).unwrap_or_default()
}

/// Puts spaces where script(1) wrote a line of its own.
fn blank_record(text: &mut [u8]) {
    for line in text.split_mut(|byte| *byte == b'\n') {
        if RECORDED.iter().any(|own| line.starts_with(own)) {
            line.fill(b' ');
        }
    }
}

/// Joins each share that the edge of a window cut in two; the end of its first line moves behind it.
fn unwrap(bytes: &mut [u8]) {
    let mut from = 0;
    while let Some((cut, start, end)) = std::str::from_utf8(bytes).ok().and_then(|text| next_wrap(text, from))
    {
        // One byte at a time, in place: rotating a slice may copy a part of it to the stack.
        for moved in 0..start - cut {
            let first = cut + (start - cut - 1 - moved);
            for at in first..end - 1 - moved {
                bytes.swap(at, at + 1);
            }
        }
        from = end;
    }
}

/// Where the first share after `from` is cut: the end of its first line, and the start and the end of its rest.
fn next_wrap(text: &str, from: usize) -> Option<(usize, usize, usize)> {
    let mut start = from;
    loop {
        let rest = text.get(start..)?;
        let newline = start + rest.find('\n')?;
        let line = text.get(start..newline)?.trim_end_matches('\r');
        let cut = start + line.len();
        let below = text.get(newline + 1..)?;
        let below = below.split(['\r', '\n']).next().unwrap_or_default();
        let cuts = numbered_value(line).is_some_and(|head| is_cut(head, below));
        if cuts {
            return Some((cut, newline + 1, newline + 1 + below.len()));
        }
        start = newline + 1;
    }
}

/// Whether two strings are the halves of one share.
fn is_cut(head: &str, tail: &str) -> bool {
    let length = head.len() + tail.len();
    let all = |of: fn(char) -> bool| head.chars().all(of) && tail.chars().all(of);
    !head.is_empty()
        && !tail.is_empty()
        && (length == BASE64_LENGTH && all(encoding::is_letter)
            || HEX_LENGTHS.contains(&length)
                && !HEX_LENGTHS.contains(&head.len())
                && all(|c| c.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let text = cleaned(bytes).expect("something to clean");
        assert_eq!(text.capacity(), bytes.len(), "a buffer that grew left a copy behind");
        String::from_utf8(text.to_vec()).unwrap()
    }

    #[test]
    fn what_steers_a_terminal_is_taken_out() {
        for (bytes, text) in [
            (&b"\x1b[0mKey\x1b[1;31m 1\x1b[0m: ab\x1b[m\r\n"[..], "Key 1: ab\r\n"),
            (b"\x1b]0;title\x07a\x1b]2;title\x1b\\b\x1b(Bc\x1b=d", "abcd"),
            (b"\x1b[?2004h$ vaulk\x08t\x1b[K\x07", "$ vault"),
            (b"a\x0f\x08\x08\x08b", "b"),
            (b"cut \x1b[3", "cut "),
            (b"cut \x1b", "cut "),
            (b"cut \x1b]0;title", "cut "),
        ] {
            assert_eq!(shown(bytes), text);
        }
        for plain in ["a\r\nb\tc", "", "Unseal Key 1: abc\nUnseal Key 2: def\n"] {
            assert!(cleaned(plain.as_bytes()).is_none(), "{plain}");
        }
        assert!(cleaned(b"\x1b[0m\0").is_none(), "no text");
    }

    #[test]
    fn shares_that_a_window_cut_are_joined_and_lines_keep_their_numbers() {
        let (one, two) = ("a".repeat(66), "b".repeat(66));
        let (head, tail) = one.split_at(60);
        let text = |end: &str| format!("Unseal Key 1: {head}{end}{tail}{end}Key 2: {two}{end}x");
        assert_eq!(shown(text("\n").as_bytes()), format!("Unseal Key 1: {one}\n\nKey 2: {two}\nx"));
        assert_eq!(shown(text("\r\n").as_bytes()), format!("Unseal Key 1: {one}\r\n\r\nKey 2: {two}\r\nx"));
        for whole in [format!("Key 1: {one}\n{two}\n"), format!("foo: {head}\n{tail}\n")] {
            assert!(cleaned(whole.as_bytes()).is_none(), "{whole}");
        }
    }
}
