//! Sets of shares in the order in which they are worth a try.

/// All sets of `size` members of `pool`, each in the order of the pool.
///
/// Runs of neighbours come first, wrapping around the end: whichever share is bad, one of the first few sets
/// does without it, where plain lexicographic order clings to the first share to the end. They come again in
/// the lexicographic rest.
pub(super) fn subsets(pool: &[usize], size: usize) -> impl Iterator<Item = Vec<usize>> {
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
pub(in crate::shares) fn combinations(count: usize, size: usize) -> impl Iterator<Item = Vec<usize>> {
    let first = (1..=count).contains(&size).then(|| (0..size).collect::<Vec<usize>>());
    std::iter::successors(first, move |last| {
        let pivot = last.iter().enumerate().rposition(|(place, &member)| member < count - size + place)?;
        let from = last.get(pivot)? + 1;
        let mut next: Vec<usize> = last.iter().copied().take(pivot).collect();
        next.extend(from..from + size - pivot);
        Some(next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn runs_come_first_and_then_everything() {
        let sets: Vec<String> = subsets(&[0, 1, 2, 3], 2)
            .map(|set| set.iter().map(ToString::to_string).collect::<String>())
            .collect();
        assert_eq!(sets.join(" "), "01 12 23 03 01 02 03 12 13 23");
    }

    #[test]
    fn every_set_is_there() {
        for (count, size, sets) in
            [(1, 1, 1), (5, 5, 1), (5, 1, 5), (7, 3, 35), (12, 6, 924), (3, 4, 0), (3, 0, 0)]
        {
            let pool: Vec<usize> = (0..count).collect();
            let found: BTreeSet<Vec<usize>> = subsets(&pool, size).filter(|set| !set.is_empty()).collect();
            assert_eq!(found.len(), sets, "{size} of {count}");
            assert!(found.iter().all(|set| set.len() == size && set.windows(2).all(|two| two[0] < two[1])));
        }
    }

    #[test]
    fn a_single_bad_share_is_avoided_early() {
        let pool: Vec<usize> = (0..20).collect();
        for bad in &pool {
            assert!(subsets(&pool, 10).take(20).any(|set| !set.contains(bad)), "{bad}");
        }
    }
}
