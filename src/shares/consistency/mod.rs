//! Which of the shares to submit when there are more than the threshold, and which of them are bad.
//!
//! The shares of one set lie on one polynomial of degree threshold - 1 for each y byte. Any
//! `threshold` shares lie on some polynomial, so that many prove nothing; each further one that fits is
//! proof, wrong with a chance of 2^-256 for a share that is random.
//!
//! Shares that cannot belong to a server, whatever their values, are told from what their source says of the server, from
//! their number and their length.
//!
//! The arithmetic, at the end, is that of GF(2^8), the field of Vault's key shares: Vault and OpenBao
//! (`shamir/shamir.go`) use the polynomial of AES, x^8 + x^4 + x^3 + x + 1 (FIPS 197, section 4.2). Addition is
//! exclusive or. No tables: a table lookup at a secret index shows in the cache.

use super::share::{Point, Share, ShareSet};
use crate::cluster::{Misfit, Scheme};
use zeroize::Zeroizing;

/// How many sets a plan offers at most. Each costs the server a failed round.
const MOST_CANDIDATES: usize = 64;

/// How many field multiplications one search may cost: some 50 ms on a PC. Every set of 12 shares, whatever
/// the threshold, is searched to the end with a tenth of it.
const MOST_MULTIPLICATIONS: usize = 8_000_000;

/// Which shares to submit, in which order, and what is wrong with the others.
///
/// All numbers are indices for [`ShareSet::get`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The sets to try one after the other; each holds `threshold` shares, or all of them when there are
    /// fewer. Empty when no share fits the server at all (see `misfit`), or when the threshold is 0.
    pub candidates: Vec<Vec<usize>>,
    /// Shares that contradict the others and are known to be bad.
    pub corrupt: Vec<usize>,
    /// The shares contradict each other and it cannot be said which are bad: more candidates than one are
    /// equally likely.
    pub ambiguous: bool,
    /// Why none of the shares can belong to a server with this scheme.
    pub misfit: Option<Misfit>,
}

impl ShareSet {
    /// Decides which shares are worth submitting to a server that says this of itself.
    ///
    /// With more shares than the threshold, the largest set on one polynomial comes first and what is not on
    /// it is named corrupt. When so many are bad that the set might be of another server (one from before a
    /// rekey, say), the remaining sets follow as further candidates, at most 64 in all.
    pub fn plan(&self, server: Scheme) -> Plan {
        let threshold = server.threshold;
        let everything: Vec<usize> = (0..self.count()).collect();
        if threshold == 0 {
            return Plan::default();
        }
        if let Some(misfit) = misfit(self, server) {
            return Plan { misfit: Some(misfit), ..Plan::default() };
        }
        if self.count() <= threshold {
            return Plan { candidates: vec![everything], ..Plan::default() };
        }
        let groups = largest_first(agreeing(&self.points(), threshold));
        let Some(largest) = groups.first() else {
            let mut candidates = Vec::new();
            offer(&mut candidates, subsets(&everything, threshold));
            return Plan { candidates, ambiguous: true, ..Plan::default() };
        };
        let rest: Vec<usize> = everything.iter().copied().filter(|index| !largest.contains(index)).collect();
        let lonely = |index: &usize| !groups.iter().any(|group| group.contains(index));
        let mut plan = Plan {
            candidates: groups.iter().map(|group| group.iter().copied().take(threshold).collect()).collect(),
            corrupt: everything.iter().copied().filter(lonely).collect(),
            ambiguous: groups.len() > 1,
            misfit: None,
        };
        // Up to half of the surplus, bad shares cannot outvote the good ones. Beyond it, or when the rest
        // could unseal a server by itself, the first candidate may be the wrong one.
        let outvoted = 2 * rest.len() <= self.count() - threshold;
        if !outvoted || rest.len() >= threshold {
            let others = subsets(&rest, threshold).chain(subsets(&everything, threshold));
            let untried = others.filter(|set| !groups.iter().any(|group| within(set, group)));
            offer(&mut plan.candidates, untried);
        }
        plan
    }

    /// The shares that do not belong with `trusted`, a set of as many shares as the threshold that was
    /// seen to unseal a server: the bad ones, by name, once the truth is known.
    pub fn outliers(&self, trusted: &[usize]) -> Vec<usize> {
        if trusted.is_empty() {
            return Vec::new();
        }
        let points: Option<Vec<Point<'_>>> =
            trusted.iter().map(|&index| self.get(index).and_then(Share::point)).collect();
        let fits = |share: &Share| match (&points, share.point()) {
            (Some(points), Some(point)) => on_polynomial(points, point),
            // Bare keys: no two in a set are the same, and only one is right.
            _ => false,
        };
        self.iter()
            .enumerate()
            .filter(|(index, share)| !trusted.contains(index) && !fits(share))
            .map(|(index, _)| index)
            .collect()
    }

    /// The shares as points; empty when they are bare keys.
    fn points(&self) -> Vec<Point<'_>> {
        self.iter().filter_map(Share::point).collect()
    }
}

/// Every set of more than `threshold` points on one polynomial that the bounded search finds, each complete.
fn agreeing(points: &[Point<'_>], threshold: usize) -> Vec<Vec<usize>> {
    let everything: Vec<usize> = (0..points.len()).collect();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    // One Lagrange basis for each point outside the set: see lagrange; an inverse costs 14.
    let cost = points.len().saturating_sub(threshold) * threshold * (2 * threshold + 14);
    for set in subsets(&everything, threshold).take(MOST_MULTIPLICATIONS / cost.max(1)) {
        if groups.iter().any(|group| within(&set, group)) {
            continue;
        }
        let basis: Vec<Point<'_>> = set.iter().filter_map(|&index| points.get(index).copied()).collect();
        let group: Vec<usize> = points
            .iter()
            .enumerate()
            .filter(|(index, point)| set.contains(index) || on_polynomial(&basis, **point))
            .map(|(index, _)| index)
            .collect();
        if group.len() > threshold {
            // Two polynomials share at most threshold - 1 points: another group needs two from outside.
            let last = points.len() - group.len() < 2;
            groups.push(group);
            if last {
                break;
            }
        }
    }
    groups
}

/// Sorts by size and drops what overlaps a larger group: where several shares are wrong in the same byte
/// only, a few of them may fit some good ones by chance (1 in 255).
fn largest_first(mut groups: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let mut kept: Vec<Vec<usize>> = Vec::new();
    for group in groups {
        let chance = kept
            .iter()
            .any(|larger| larger.len() > group.len() && group.iter().any(|index| larger.contains(index)));
        if !chance {
            kept.push(group);
        }
    }
    kept
}

/// Whether `point` lies on the polynomial through `basis`, in every byte.
fn on_polynomial(basis: &[Point<'_>], point: Point<'_>) -> bool {
    let xs: Vec<u8> = basis.iter().map(|known| known.x).collect();
    let weights = lagrange(&xs, point.x);
    point.y.iter().enumerate().all(|(byte, &y)| {
        let mut value = Zeroizing::new(0);
        for (known, &weight) in basis.iter().zip(&weights) {
            *value ^= multiply(weight, known.y.get(byte).copied().unwrap_or_default());
        }
        *value == y
    })
}

/// Appends sets that are not there yet, up to [`MOST_CANDIDATES`].
fn offer(candidates: &mut Vec<Vec<usize>>, sets: impl Iterator<Item = Vec<usize>>) {
    for set in sets {
        if candidates.len() >= MOST_CANDIDATES {
            break;
        }
        if !candidates.contains(&set) {
            candidates.push(set);
        }
    }
}

fn within(set: &[usize], group: &[usize]) -> bool {
    set.iter().all(|index| group.contains(index))
}

/// Holds the shares against what the server says of itself. A server that lies about it gets nothing for it.
fn misfit(set: &ShareSet, server: Scheme) -> Option<Misfit> {
    let share = set.get(0)?;
    if let Some(source_says) = set.scheme().filter(|scheme| !scheme.agrees_with(server)) {
        return Some(Misfit::AnotherScheme { source_says, server });
    }
    if server.total > 0 && set.count() > server.total {
        return Some(Misfit::TooMany { held: set.count(), total: server.total });
    }
    // The length is the same for all.
    let threshold = server.threshold;
    match (share.point().is_some(), threshold) {
        (true, 1) => Some(Misfit::SplitKey),
        (false, 2..) => Some(Misfit::BareKey { bytes: Share::bytes(share).len(), threshold }),
        _ => None,
    }
}

/// All sets of `size` members of `pool`, each in the order of the pool.
///
/// Runs of neighbours come first, wrapping around the end: whichever share is bad, one of the first few sets
/// does without it, where plain lexicographic order clings to the first share to the end. They come again in
/// the lexicographic rest.
fn subsets(pool: &[usize], size: usize) -> impl Iterator<Item = Vec<usize>> {
    let count = pool.len();
    let runs = (0..count).filter(move |_| size < count).map(move |start| {
        let mut run: Vec<usize> = (start..start + size).map(|place| place % count).collect();
        run.sort_unstable();
        run
    });
    runs.chain(combinations(count, size))
        .map(|places| places.into_iter().filter_map(|place| pool.get(place).copied()).collect())
}

/// The sets of `size` numbers below `count`, in lexicographic order.
pub(crate) fn combinations(count: usize, size: usize) -> impl Iterator<Item = Vec<usize>> {
    let first = (1..=count).contains(&size).then(|| (0..size).collect::<Vec<usize>>());
    std::iter::successors(first, move |last| {
        let pivot = last.iter().enumerate().rposition(|(place, &member)| member < count - size + place)?;
        let from = last.get(pivot)? + 1;
        let mut next: Vec<usize> = last.iter().copied().take(pivot).collect();
        next.extend(from..from + size - pivot);
        Some(next)
    })
}

/// The reduction by x^8 + x^4 + x^3 + x + 1, without its highest term.
const REDUCTION: u8 = 0x1b;

/// The product of two elements, in time that does not depend on them.
pub(super) fn multiply(left: u8, right: u8) -> u8 {
    let mut product = 0;
    let mut shifted = left;
    for bit in 0..8 {
        // 0xff where the bit is set, 0 where it is not: no branch.
        product ^= shifted & 0u8.wrapping_sub((right >> bit) & 1);
        shifted = (shifted << 1) ^ (REDUCTION & 0u8.wrapping_sub(shifted >> 7));
    }
    product
}

/// The multiplicative inverse; 0 for 0, which has none.
pub(super) fn inverse(element: u8) -> u8 {
    // The group has 255 elements, so the inverse is the 254th power: 254 = 2 + 4 + 8 + ... + 128.
    let mut square = element;
    let mut power = 1;
    for _ in 0..7 {
        square = multiply(square, square);
        power = multiply(power, square);
    }
    power
}

/// What each y of the points at `xs` contributes to the value at `at` of the polynomial through them: the
/// Lagrange basis. No two of `xs` may be equal. Depends on x coordinates alone.
pub(super) fn lagrange(xs: &[u8], at: u8) -> Vec<u8> {
    xs.iter()
        .enumerate()
        .map(|(own, &x)| {
            let (mut above, mut below) = (1, 1);
            for (_, &other) in xs.iter().enumerate().filter(|&(index, _)| index != own) {
                above = multiply(above, at ^ other);
                below = multiply(below, x ^ other);
            }
            multiply(above, inverse(below))
        })
        .collect()
}

#[cfg(test)]
mod tests;
