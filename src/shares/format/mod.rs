//! The shares in the bytes of a source: JSON or YAML as servers and their command lines print it, or plain text.
//!
//! What stands under a name that says unseal key or share is read, and a list or a file of shares that has no names at
//! all. What looks like a share under any other name is refused by its place: it may be another secret.

mod document;
mod encoding;
mod encrypted;
mod found;
mod members;
mod refusal;
mod text;

pub(crate) use document::{Value, read_yaml};
pub use encoding::ShareFlaw;
pub use encrypted::Encrypted;
pub use found::{Label, SharePosition, Spot};

pub use refusal::ContentRefusal;

use super::share::{Share, ShareSet};
use super::source::{LoadedShares, Notice, ShareSource};
use found::{Entry, FoundShares, MOST_SHARES, Stray};

/// Byte order mark that some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Finds, decodes and checks the shares in `bytes`, which `origin` gave.
pub(super) fn parse(bytes: &[u8], origin: &ShareSource) -> Result<LoadedShares, ContentRefusal> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if let Some(by) = Encrypted::of(bytes) {
        return Err(ContentRefusal::Encrypted(by));
    }
    let cleaned = text::cleaned(bytes);
    let text = readable(cleaned.as_ref().map_or(bytes, |text| text.as_slice()))?;
    let found = if document::is_json(text) {
        members::find(text, &document::read_json(text)?)?
    } else if document::is_yaml(text) {
        members::find(text, &document::read_yaml(text)?)?
    } else {
        text::read(text)?
    };
    let count = found.list.entries.len();
    if count > MOST_SHARES {
        return Err(ContentRefusal::TooMany(count));
    }
    let shares = decoded(&found.list.entries)?;
    apart(&shares, &found.strays)?;
    if shares.is_empty() {
        return Err(match &found {
            FoundShares { recovery: true, .. } => ContentRefusal::RecoveryKeys,
            FoundShares { root_token: true, .. } => ContentRefusal::OnlyToken,
            _ => ContentRefusal::NoShares,
        });
    }
    for list in &found.again {
        agree(&shares, found.list.label.as_ref(), &decoded(&list.entries)?, list.label.as_ref())?;
    }
    one(&shares, &found.list.entries)?;
    let (shares, copied) = checked(shares)?;
    let mut notices = Vec::new();
    if found.root_token {
        notices.push(Notice::RootToken { origin: origin.clone(), json: found.json });
    }
    if found.recovery {
        notices.push(Notice::RecoveryKeys(origin.clone()));
    }
    if found.unverified {
        notices.push(Notice::Unverified(origin.clone()));
    }
    notices.extend(copied.into_iter().map(|positions| Notice::Duplicate(origin.clone(), positions)));
    Ok(LoadedShares { shares: shares.of_scheme(found.scheme), notices })
}

fn decoded(entries: &[Entry<'_>]) -> Result<Vec<Share>, ContentRefusal> {
    let decode = |entry: &Entry<'_>| {
        encoding::decode(entry.text)
            .and_then(|bytes| Share::new(&bytes, entry.place.position).ok_or(ShareFlaw::TooLong(bytes.len())))
            .map_err(|flaw| ContentRefusal::Share(entry.place, flaw))
    };
    entries.iter().map(decode).collect()
}

/// The bytes as text, if they are.
fn readable(bytes: &[u8]) -> Result<&str, ContentRefusal> {
    let strange = |byte: &u8| (*byte < b' ' && !b"\t\r\n".contains(byte)) || *byte == 0x7f;
    if bytes.iter().any(strange) {
        return Err(ContentRefusal::Binary);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ContentRefusal::InvalidUtf8(Spot::of(bytes, error.valid_up_to())))?;
    if text.trim().is_empty() { Err(ContentRefusal::Empty) } else { Ok(text) }
}

/// The shares without duplicates, and the positions of each group of duplicates.
///
/// Refuses what the server would refuse halfway through a round, spoiling it: shares of unequal length
/// (`all parts must be the same length`), and two with the same x (`duplicate part detected`).
fn checked(shares: Vec<Share>) -> Result<(ShareSet, Vec<Vec<usize>>), ContentRefusal> {
    let mut kept: Vec<Share> = Vec::with_capacity(shares.len());
    let mut copied: Vec<Vec<usize>> = Vec::new();
    for share in shares {
        let position = share.position();
        if let Some(first) = kept.first().filter(|first| first.bytes().len() != share.bytes().len()) {
            return Err(ContentRefusal::UnequalLengths(
                (first.position(), first.bytes().len()),
                (position, share.bytes().len()),
            ));
        }
        if let Some(same) = kept.iter().find(|kept| kept.bytes() == share.bytes()) {
            match copied.iter_mut().find(|group| group.first() == Some(&same.position())) {
                Some(group) => group.push(position),
                None => copied.push(vec![same.position(), position]),
            }
            continue;
        }
        if let Some(point) = share.point() {
            if point.x == 0 {
                return Err(ContentRefusal::ZeroX(position));
            }
            let twin = kept.iter().find(|kept| kept.point().is_some_and(|other| other.x == point.x));
            if let Some(twin) = twin {
                return Err(ContentRefusal::Conflict(twin.position(), position));
            }
        }
        kept.push(share);
    }
    Ok((ShareSet::new(kept), copied))
}

/// Refuses a second list that does not hold the same shares in the same order.
fn agree(
    shares: &[Share],
    first: Option<&Label>,
    copies: &[Share],
    second: Option<&Label>,
) -> Result<(), ContentRefusal> {
    let differ = |position| {
        let (first, second) = (first.cloned(), second.cloned());
        Err(ContentRefusal::ListsDiffer { first, second, position })
    };
    match shares.iter().zip(copies).find(|(share, copy)| share.bytes() != copy.bytes()) {
        Some((share, _)) => differ(share.position()),
        None if shares.len() != copies.len() => differ(shares.len().min(copies.len()) + 1),
        None => Ok(()),
    }
}

/// Refuses two shares of one number: what `operator init` printed, and what `operator rekey` or another server did.
fn one(shares: &[Share], entries: &[Entry<'_>]) -> Result<(), ContentRefusal> {
    let numbered: Vec<_> = shares.iter().zip(entries).filter(|(_, entry)| entry.number.is_some()).collect();
    for (index, (share, entry)) in numbered.iter().enumerate() {
        let twin = numbered
            .iter()
            .take(index)
            .find(|(other, before)| before.number == entry.number && other.bytes() != share.bytes());
        if let Some((_, before)) = twin {
            let number = entry.number.unwrap_or_default();
            return Err(ContentRefusal::TwoSets(number, before.place.spot, entry.place.spot));
        }
    }
    Ok(())
}

/// Refuses strings that look like shares of the same set, are none of it, and stand under another name. What stands there
/// once more is the same secret; what has another length is none of theirs: a checksum, another key.
fn apart(shares: &[Share], strays: &[Stray<'_>]) -> Result<(), ContentRefusal> {
    let length = shares.first().map(|share| share.bytes().len());
    let strange = |stray: &&Stray<'_>| {
        encoding::decode(stray.text).is_ok_and(|bytes| {
            length.is_none_or(|length| length == bytes.len())
                && !shares.iter().any(|share| share.bytes() == bytes.as_slice())
        })
    };
    let strange: Vec<&Stray<'_>> = strays.iter().filter(strange).collect();
    let Some(first) = strange.first() else { return Ok(()) };
    let count = strange.iter().filter(|stray| stray.label == first.label).count();
    Err(ContentRefusal::OtherName(count, first.label.clone(), first.spot))
}

#[cfg(test)]
mod tests;
