//! The shares in the bytes of a source: JSON or YAML as servers and their command lines print it, or plain text.
//!
//! What stands under a name that says unseal key or share is read, and a list or a file of shares that has no names at
//! all. What looks like a share under any other name is refused by its place: it may be another secret.

mod encoding;
mod encrypted;
mod flaw;
mod json;
mod members;
mod name;
mod place;
mod refusal;
mod set;
mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod yaml;

pub use encrypted::Encrypted;
pub use flaw::Flaw;
pub use name::Label;
pub use place::{Place, Spot};
pub use refusal::ContentRefusal;

use super::{Loaded, Notice, Scheme, Share, Source};

/// More shares than a split key can have: x is one byte and never 0.
const MOST_SHARES: usize = 255;

/// Byte order mark that some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A string that should be a share, still in the buffer of the source.
#[derive(Clone, Copy)]
struct Entry<'a> {
    text: &'a str,
    place: Place,
    /// The number in its name: of `Unseal Key 2`.
    number: Option<usize>,
}

/// Strings of one list.
struct List<'a> {
    /// Its name; `None` for a list without one.
    label: Option<Label>,
    entries: Vec<Entry<'a>>,
}

/// A string that looks like a share, under a name that does not say so.
struct Stray<'a> {
    text: &'a str,
    /// The name; `None` where there is none.
    label: Option<Label>,
    spot: Spot,
}

/// What was found in a source before any share was decoded.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
struct Found<'a> {
    /// The shares.
    entries: Vec<Entry<'a>>,
    /// The name of their list, if it has one.
    label: Option<Label>,
    /// The same shares once more, in further lists.
    again: Vec<List<'a>>,
    /// What looks like a share elsewhere.
    strays: Vec<Stray<'a>>,
    /// Whether there are recovery keys.
    recovery: bool,
    /// Whether there is a root token.
    root_token: bool,
    /// Whether they are of a rekey that takes effect only when it is verified.
    unverified: bool,
    /// Whether the source has members, as JSON and YAML do.
    json: bool,
    /// What it says of the server's scheme.
    scheme: Option<Scheme>,
}

/// Finds, decodes and checks the shares in `bytes`, which `origin` gave.
pub(super) fn parse(bytes: &[u8], origin: &Source) -> Result<Loaded, ContentRefusal> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if let Some(by) = Encrypted::of(bytes) {
        return Err(ContentRefusal::Encrypted { by });
    }
    let cleaned = terminal::cleaned(bytes);
    let text = readable(cleaned.as_ref().map_or(bytes, |text| text.as_slice()))?;
    let found = if json::is_json(text) {
        members::find(text, &json::read(text)?)?
    } else if yaml::is_yaml(text) {
        members::find(text, &yaml::read(text)?)?
    } else {
        text::read(text)?
    };
    let count = found.entries.len();
    if count > MOST_SHARES {
        return Err(ContentRefusal::TooMany { count });
    }
    let shares = decoded(&found.entries)?;
    set::apart(&shares, &found.strays)?;
    if shares.is_empty() {
        return Err(match &found {
            Found { recovery: true, .. } => ContentRefusal::RecoveryKeys,
            Found { root_token: true, .. } => ContentRefusal::OnlyToken,
            _ => ContentRefusal::NoShares,
        });
    }
    for list in &found.again {
        set::agree(&shares, found.label.as_ref(), &decoded(&list.entries)?, list.label.as_ref())?;
    }
    set::one(&shares, &found.entries)?;
    let (shares, copied) = set::checked(shares)?;
    let mut notices = Vec::new();
    if found.root_token {
        notices.push(Notice::RootToken { origin: origin.clone(), json: found.json });
    }
    if found.recovery {
        notices.push(Notice::RecoveryKeys { origin: origin.clone() });
    }
    if found.unverified {
        notices.push(Notice::Unverified { origin: origin.clone() });
    }
    notices
        .extend(copied.into_iter().map(|positions| Notice::Duplicate { origin: origin.clone(), positions }));
    Ok(Loaded { shares: shares.of_scheme(found.scheme), notices })
}

fn decoded(entries: &[Entry<'_>]) -> Result<Vec<Share>, ContentRefusal> {
    let decode = |entry: &Entry<'_>| {
        encoding::decode(entry.text)
            .and_then(|bytes| {
                Share::new(&bytes, entry.place.position).ok_or(Flaw::TooLong { bytes: bytes.len() })
            })
            .map_err(|flaw| ContentRefusal::Share { place: entry.place, flaw })
    };
    entries.iter().map(decode).collect()
}

/// The shares in one string: in a file of variables, several stand in one. An empty string is one that is no share.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let separator = |c: char| c.is_whitespace() || ",;".contains(c);
    let none = text.trim().is_empty().then_some(text.trim());
    text.split(separator).filter(|part| !part.is_empty()).chain(none)
}

/// The bytes as text, if they are.
fn readable(bytes: &[u8]) -> Result<&str, ContentRefusal> {
    let strange = |byte: &u8| (*byte < b' ' && !b"\t\r\n".contains(byte)) || *byte == 0x7f;
    if bytes.iter().any(strange) {
        return Err(ContentRefusal::Binary);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ContentRefusal::InvalidUtf8 { spot: Spot::of(bytes, error.valid_up_to()) })?;
    if text.trim().is_empty() { Err(ContentRefusal::Empty) } else { Ok(text) }
}
