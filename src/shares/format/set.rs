//! Shares of one source judged against each other.

use super::ContentRefusal;
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

/// Refuses a second `list` that does not hold the same shares in the same order.
pub(super) fn agree(shares: &[Share], copies: &[Share], list: &'static str) -> Result<(), ContentRefusal> {
    let differ = shares.iter().zip(copies).find(|(share, copy)| share.bytes() != copy.bytes());
    match differ {
        Some((share, _)) => Err(ContentRefusal::ListsDiffer { list, position: share.position() }),
        None if shares.len() != copies.len() => {
            let position = shares.len().min(copies.len()) + 1;
            Err(ContentRefusal::ListsDiffer { list, position })
        }
        None => Ok(()),
    }
}
