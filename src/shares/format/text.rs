//! Plain text, one share a line, and what `vault operator init` prints on a terminal.

use super::{ContentRefusal, Entry, Flaw, Found, Place, Spot, encoding};

/// A word of at least this many characters may be a share (16 bytes in base64 have 22) and is never skipped.
const LONG_WORD: usize = 20;

/// What a line is.
enum Line<'a> {
    /// Nothing, or a comment.
    Blank,
    /// Should be a share; with a label if `labelled`.
    Share { text: &'a str, labelled: bool },
    /// A recovery key of an auto-unseal server.
    RecoveryKey,
    /// The root token with its label.
    RootToken,
}

/// Finds the strings that should be shares.
pub(super) fn read(text: &str) -> Result<Found<'_>, ContentRefusal> {
    if text.contains("-----BEGIN PGP") {
        return Err(ContentRefusal::Pgp);
    }
    let printed = text.lines().any(|line| matches!(classify(line), Line::Share { labelled: true, .. }));
    let mut found =
        Found { entries: Vec::new(), again: Vec::new(), root_token: false, json: false, scheme: None };
    let mut recovery = false;
    let mut blank = true;
    for line in text.lines() {
        match classify(line) {
            Line::Blank => continue,
            Line::RootToken => found.root_token = true,
            Line::RecoveryKey => recovery = true,
            Line::Share { text: prose, labelled: false } if (printed || recovery) && is_prose(prose) => {}
            Line::Share { text: share, .. } => {
                let place = Place { position: found.entries.len() + 1, spot: Spot::of_part(text, share) };
                if share.contains(char::is_whitespace) {
                    return Err(ContentRefusal::Share { place, flaw: Flaw::Malformed });
                }
                found.entries.push(Entry { text: share, place });
            }
        }
        blank = false;
    }
    match found.entries.as_slice() {
        [] if blank => Err(ContentRefusal::OnlyComments),
        [] if recovery => Err(ContentRefusal::RecoveryKeys),
        [] if found.root_token => Err(ContentRefusal::OnlyToken),
        [] => Err(ContentRefusal::NoShares),
        [only] if encoding::is_token(only.text) => Err(ContentRefusal::OnlyToken),
        _ => Ok(found),
    }
}

fn classify(line: &str) -> Line<'_> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Line::Blank;
    }
    let Some((label, value)) = line.split_once(':') else {
        return Line::Share { text: line, labelled: false };
    };
    let numbered = |name: &str| {
        label
            .strip_prefix(name)
            .is_some_and(|rest| rest.trim_start().starts_with(|c: char| c.is_ascii_digit()))
    };
    if numbered("Unseal Key ") || numbered("Key ") {
        Line::Share { text: value.trim(), labelled: true }
    } else if numbered("Recovery Key ") {
        Line::RecoveryKey
    } else if label.ends_with("Root Token") {
        Line::RootToken
    } else {
        Line::Share { text: line, labelled: false }
    }
}

/// Whether a line of the printed output is one of its sentences: several words, none of which may be a share.
fn is_prose(line: &str) -> bool {
    line.contains(' ') && line.split_whitespace().all(|word| word.len() < LONG_WORD)
        // The last word of a paragraph, alone on its line.
        || line.ends_with('.') && line.len() < LONG_WORD
}
