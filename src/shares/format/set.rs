//! Shares of one source judged against each other.

use super::{ContentRefusal, Entry, Label, Stray, encoding};
use crate::shares::{Share, ShareSet};

/// The shares without duplicates, and the positions of each group of duplicates.
///
/// Refuses what the server would refuse halfway through a round, spoiling it: shares of unequal length
/// (`all parts must be the same length`), and two with the same x (`duplicate part detected`).
pub(super) fn checked(shares: Vec<Share>) -> Result<(ShareSet, Vec<Vec<usize>>), ContentRefusal> {
    let mut kept: Vec<Share> = Vec::with_capacity(shares.len());
    let mut copied: Vec<Vec<usize>> = Vec::new();
    for share in shares {
        let position = share.position();
        if let Some(first) = kept.first().filter(|first| first.bytes().len() != share.bytes().len()) {
            return Err(ContentRefusal::UnequalLengths {
                first: first.position(),
                first_bytes: first.bytes().len(),
                second: position,
                second_bytes: share.bytes().len(),
            });
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
                return Err(ContentRefusal::ZeroX { position });
            }
            let twin = kept.iter().find(|kept| kept.point().is_some_and(|other| other.x == point.x));
            if let Some(twin) = twin {
                return Err(ContentRefusal::Conflict { first: twin.position(), second: position });
            }
        }
        kept.push(share);
    }
    Ok((ShareSet::new(kept), copied))
}

/// Refuses a second list that does not hold the same shares in the same order.
pub(super) fn agree(
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
pub(super) fn one(shares: &[Share], entries: &[Entry<'_>]) -> Result<(), ContentRefusal> {
    let numbered: Vec<_> = shares.iter().zip(entries).filter(|(_, entry)| entry.number.is_some()).collect();
    for (index, (share, entry)) in numbered.iter().enumerate() {
        let twin = numbered
            .iter()
            .take(index)
            .find(|(other, before)| before.number == entry.number && other.bytes() != share.bytes());
        if let Some((_, before)) = twin {
            let number = entry.number.unwrap_or_default();
            return Err(ContentRefusal::TwoSets {
                number,
                first: before.place.spot,
                second: entry.place.spot,
            });
        }
    }
    Ok(())
}

/// Refuses strings that look like shares of the same set, are none of it, and stand under another name. What stands there
/// once more is the same secret; what has another length is none of theirs: a checksum, another key.
pub(super) fn apart(shares: &[Share], strays: &[Stray<'_>]) -> Result<(), ContentRefusal> {
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
    Err(ContentRefusal::OtherName { count, name: first.label.clone(), spot: first.spot })
}
