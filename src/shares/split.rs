//! Split custody: which shares each of several machines gets, so that none can open anything alone.
//!
//! Every machine gets one share fewer than are needed. Two different sets of that size have together at least as many
//! as are needed, so any two machines with different sets bring back a server. There are only so many different sets;
//! with more machines than that some get the same, as evenly as can be, and it takes one machine more than the number
//! that have the same. No other distribution does with fewer: any set of one share fewer than needed may be all that a
//! group of machines has, and each machine's shares lie within at least one such set.

use super::consistency::combinations;
use crate::explain::Explain;
use std::borrow::Cow;

/// Who gets what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Each machine's shares: indices, counted from 0, ascending.
    pub parts: Vec<Vec<usize>>,
    /// How many machines bring back a server, whichever they are.
    pub coalition: usize,
}

/// Why shares cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitRefusal {
    /// Every share opens the server.
    #[error("one share alone opens this server: there is nothing to split")]
    OneIsEnough,
    /// One machine would never have enough.
    #[error("{0} machine with fewer shares than needed would never unseal anything")]
    TooFewMachines(usize),
    /// All machines together would not have enough.
    #[error(
        "there are {count} shares and {threshold} are needed: all machines together would not have enough"
    )]
    TooFewShares {
        /// How many there are.
        count: usize,
        /// How many are needed.
        threshold: usize,
    },
}

impl Split {
    /// Splits `count` shares, of which `threshold` are needed, among so many machines.
    pub fn among(machines: usize, count: usize, threshold: usize) -> Result<Self, SplitRefusal> {
        if threshold < 2 {
            return Err(SplitRefusal::OneIsEnough);
        }
        if machines < 2 {
            return Err(SplitRefusal::TooFewMachines(machines));
        }
        if count < threshold {
            return Err(SplitRefusal::TooFewShares { count, threshold });
        }
        let sets = different(machines, count, threshold - 1);
        let same = machines.div_ceil(sets.len().max(1));
        Ok(Self { parts: sets.iter().cycle().take(machines).cloned().collect(), coalition: same + 1 })
    }
}

/// Up to `most` different sets of `size` out of `count`, `0 < size < count`.
///
/// The first are runs one after the other, around the end, so that every share is used by somebody: the more shares
/// two machines have together, the more may be damaged.
fn different(most: usize, count: usize, size: usize) -> Vec<Vec<usize>> {
    let laps = (0..count).filter_map(|number| number.checked_mul(size));
    let runs = laps.map(|start| {
        let mut run: Vec<usize> = (start..start + size).map(|place| place % count).collect();
        run.sort_unstable();
        run
    });
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for set in runs.chain(combinations(count, size)) {
        if sets.len() >= most {
            break;
        }
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
    sets
}

impl Explain for SplitRefusal {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::OneIsEnough => (
                "split-of-one",
                "Make more of it first, 3 shares of which 2 are needed for example: vault operator rekey, or \
                 bao operator rotate-keys of OpenBao, with -init -key-shares=3 -key-threshold=2",
            ),
            Self::TooFewMachines(_) => {
                ("split-too-few-machines", "Name the number of machines that hold shares, at least 2.")
            }
            Self::TooFewShares { .. } => {
                ("split-too-few-shares", "Give it the file with all shares, as the server printed them.")
            }
        };
        (kind, Some(advice.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn parts(machines: usize, count: usize, threshold: usize) -> String {
        let split = Split::among(machines, count, threshold).unwrap();
        let part = |part: &Vec<usize>| part.iter().map(|index| (index + 1).to_string()).collect::<String>();
        format!("{} by {}", split.parts.iter().map(part).collect::<Vec<_>>().join(" "), split.coalition)
    }

    #[test]
    fn who_gets_what() {
        assert_eq!(parts(3, 3, 2), "1 2 3 by 2");
        assert_eq!(parts(3, 5, 3), "12 34 15 by 2");
        assert_eq!(parts(5, 5, 3), "12 34 15 23 45 by 2");
        assert_eq!(parts(3, 3, 3), "12 13 23 by 2");
        assert_eq!(parts(2, 2, 2), "1 2 by 2");
        // Two machines have the same: those two cannot.
        assert_eq!(parts(5, 3, 2), "1 2 3 1 2 by 3");
        assert_eq!(parts(3, 2, 2), "1 2 1 by 3");
        assert_eq!(parts(7, 4, 3), "12 34 13 14 23 24 12 by 3");
    }

    #[test]
    fn what_cannot_be_split() {
        assert_eq!(Split::among(3, 5, 1), Err(SplitRefusal::OneIsEnough));
        assert_eq!(Split::among(3, 5, 0), Err(SplitRefusal::OneIsEnough));
        assert_eq!(Split::among(1, 5, 3), Err(SplitRefusal::TooFewMachines(1)));
        assert_eq!(Split::among(3, 2, 3), Err(SplitRefusal::TooFewShares { count: 2, threshold: 3 }));
    }

    #[test]
    fn refusal_says_what_to_do_instead() {
        let said = [(3, 5, 1), (1, 5, 3), (3, 2, 3)].map(|(machines, count, threshold)| {
            let refusal = Split::among(machines, count, threshold).unwrap_err();
            format!("{}: {refusal}\n  {}", refusal.kind(), refusal.advice().unwrap())
        });
        assert_eq!(
            said,
            [
                "split-of-one: one share alone opens this server: there is nothing to split\n  \
                 Make more of it first, 3 shares of which 2 are needed for example: vault operator rekey, or \
                 bao operator rotate-keys of OpenBao, with -init -key-shares=3 -key-threshold=2",
                "split-too-few-machines: 1 machine with fewer shares than needed would never unseal anything\n  \
                 Name the number of machines that hold shares, at least 2.",
                "split-too-few-shares: there are 2 shares and 3 are needed: all machines together would not have \
                 enough\n  Give it the file with all shares, as the server printed them.",
            ]
        );
    }

    /// The union of these machines' shares.
    fn together(split: &Split, machines: &[usize]) -> BTreeSet<usize> {
        machines.iter().flat_map(|&machine| split.parts[machine].iter().copied()).collect()
    }

    proptest! {
        #[test]
        fn none_alone_and_every_coalition_together(
            (count, threshold) in (2..=12usize).prop_flat_map(|count| (Just(count), 2..=count)),
            machines in 2..=9usize,
        ) {
            let split = Split::among(machines, count, threshold).unwrap();
            prop_assert_eq!(split.parts.len(), machines);
            for part in &split.parts {
                prop_assert!(!part.is_empty() && part.len() < threshold);
                prop_assert!(part.windows(2).all(|two| two[0] < two[1]) && part.iter().all(|&index| index < count));
            }
            for coalition in combinations(machines, split.coalition) {
                prop_assert!(together(&split, &coalition).len() >= threshold, "{:?} {:?}", split, coalition);
            }
            // With one machine fewer some would not have enough: the number is not larger than it must be.
            let mut smaller = combinations(machines, split.coalition - 1);
            prop_assert!(smaller.any(|some| together(&split, &some).len() < threshold));
        }

        #[test]
        fn large_numbers_end(machines in 2..=200usize, count in 200..=255usize, threshold in 2..=200usize) {
            let split = Split::among(machines, count, threshold).unwrap();
            prop_assert_eq!(split.parts.len(), machines);
            prop_assert_eq!(split.coalition, 2);
        }
    }
}
