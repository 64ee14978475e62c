//! Plain text: one share a line, what `vault operator init`, `rekey` and `rotate-keys` print, or a file of variables.

use super::name::{self, Label, Meaning};
use super::{ContentRefusal, Entry, Flaw, Found, Place, Spot, Stray, encoding, split};

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
pub(super) fn read(text: &str) -> Result<Found<'_>, ContentRefusal> {
    let lines = || text.split(['\n', '\r']).map(str::trim);
    let named = lines().any(|line| matches!(classify(line), Line::Share { .. } | Line::RecoveryKey));
    let mut found = Found::default();
    let (mut blank, mut printed) = (true, 0);
    for line in lines() {
        let class = classify(line);
        blank &= matches!(class, Line::Blank);
        match class {
            Line::Blank => {}
            Line::RootToken => found.root_token = true,
            Line::RecoveryKey => found.recovery = true,
            Line::Share { text: value, number } => {
                for part in split(value) {
                    let place = Place { position: found.entries.len() + 1, spot: Spot::of_part(text, part) };
                    found.entries.push(Entry { text: part, place, number });
                }
            }
            // A file of shares and nothing else.
            Line::Bare if !named => {
                let place = Place { position: found.entries.len() + 1, spot: Spot::of_part(text, line) };
                if line.contains(char::is_whitespace) {
                    return Err(ContentRefusal::Share { place, flaw: Flaw::Malformed });
                }
                found.entries.push(Entry { text: line, place, number: None });
            }
            Line::Named { name, value } => {
                found.root_token |= encoding::is_token(value);
                let before = found.strays.len();
                stray(text, line, Some(name), &mut found);
                if before == found.strays.len() {
                    damaged(text, line, &found)?;
                }
            }
            Line::Bare => {
                found.unverified |= line.starts_with(VERIFICATION);
                found.unverified &= !line.contains(VERIFIED);
                if RECOVERY_PRINTED.iter().any(|said| name::says(line, said)) {
                    // Those of this run of the command: what stood above an earlier sentence was told there.
                    found.recovery |= found.entries.len() > printed;
                    found.entries.truncate(printed);
                } else if name::says(line, "key shares") {
                    printed = found.entries.len();
                }
                let before = found.strays.len();
                stray(text, line, None, &mut found);
                if before == found.strays.len() {
                    damaged(text, line, &found)?;
                }
            }
        }
    }
    match found.entries.as_slice() {
        [] if blank => Err(ContentRefusal::OnlyComments),
        [only] if !named && encoding::is_token(only.text) && found.strays.is_empty() => {
            Err(ContentRefusal::OnlyToken)
        }
        _ => Ok(found),
    }
}

/// Takes note of what looks like a share where none is expected.
fn stray<'a>(text: &'a str, line: &'a str, name: Option<&'a str>, found: &mut Found<'a>) {
    for word in encoding::shares_in(line) {
        let label = name.map(Label::of);
        found.strays.push(Stray { text: word, label, spot: Spot::of_part(text, word) });
    }
}

/// Refuses a line that may be a share with an error in it, or in its name: none must be missed. Sentences pass.
fn damaged(text: &str, line: &str, found: &Found<'_>) -> Result<(), ContentRefusal> {
    let mut words = line.split(|c: char| c.is_whitespace() || "\"',;".contains(c));
    let Some(word) = words.find(|word| encoding::may_be_share(word)) else { return Ok(()) };
    let place = Place { position: found.entries.len() + 1, spot: Spot::of_part(text, word) };
    Err(ContentRefusal::Share { place, flaw: Flaw::Malformed })
}

/// The value of a numbered line that says unseal key, as it is printed: it may be cut.
pub(super) fn numbered_value(line: &str) -> Option<&str> {
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
    let said = Meaning::of(name);
    let number = name::number(name);
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
    let sentence = !variable && number.is_none() && value.contains(' ');
    if is_share && !sentence { Line::Share { text: value, number } } else { Line::Named { name, value } }
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
