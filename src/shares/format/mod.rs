//! The shares in the bytes of a source: JSON as servers and their command lines print it, or plain text.

mod encoding;
mod flaw;
mod json;
mod place;
mod refusal;
mod set;
#[cfg(test)]
mod tests;
mod text;

pub use flaw::Flaw;
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
}

/// What was found in a source before any share was decoded.
struct Found<'a> {
    /// The shares.
    entries: Vec<Entry<'a>>,
    /// The same shares once more, from a second list: its name and its strings.
    again: Vec<(&'static str, Vec<Entry<'a>>)>,
    /// Whether there is a root token as well.
    root_token: bool,
    /// Whether the source is JSON.
    json: bool,
    /// What it says of the server's scheme.
    scheme: Option<Scheme>,
}

/// Finds, decodes and checks the shares in `bytes`, which `origin` gave.
pub(super) fn parse(bytes: &[u8], origin: &Source) -> Result<Loaded, ContentRefusal> {
    let text = readable(bytes)?;
    let found = if text.trim_start().starts_with(['{', '[']) { json::read(text)? } else { text::read(text)? };
    let count = found.entries.len();
    if count > MOST_SHARES {
        return Err(ContentRefusal::TooMany { count });
    }
    let decode = |entry: &Entry<'_>| {
        encoding::decode(entry.text)
            .and_then(|bytes| {
                Share::new(&bytes, entry.place.position).ok_or(Flaw::TooLong { bytes: bytes.len() })
            })
            .map_err(|flaw| ContentRefusal::Share { place: entry.place, flaw })
    };
    let shares = found.entries.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
    for (list, entries) in &found.again {
        let copies = entries.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        set::agree(&shares, &copies, list)?;
    }
    let (shares, copied) = set::checked(shares)?;
    let mut notices = Vec::new();
    if found.root_token {
        notices.push(Notice::RootToken { origin: origin.clone(), json: found.json });
    }
    notices
        .extend(copied.into_iter().map(|positions| Notice::Duplicate { origin: origin.clone(), positions }));
    Ok(Loaded { shares: shares.of_scheme(found.scheme), notices })
}

/// The bytes as text without a byte order mark, if they are text.
fn readable(bytes: &[u8]) -> Result<&str, ContentRefusal> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if encoding::is_openpgp(bytes) {
        return Err(ContentRefusal::Pgp);
    }
    let strange = |byte: &u8| (*byte < b' ' && !b"\t\r\n".contains(byte)) || *byte == 0x7f;
    if bytes.iter().any(strange) {
        return Err(ContentRefusal::Binary);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ContentRefusal::InvalidUtf8 { spot: Spot::of(bytes, error.valid_up_to()) })?;
    if text.trim().is_empty() { Err(ContentRefusal::Empty) } else { Ok(text) }
}
