//! The plan against random sets, random damage, and the shares of real servers.

mod field;

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The three shares of a 2-of-3 server, OpenBao 2.7.2: any two of them unsealed it.
const TWO_OF_THREE: [&str; 3] = [
    "2c4bff69347f1f9f4fa7c30b26a6196c5de52bb242815db98df815b1b87a68a5d5",
    "68d4f56617e18473817de4a7263adf515f816f5e6d06f0e9ffb54c73961dded33b",
    "d11c39ccd837344e6d12535b26d0c3d163d5d6632ac512d314e29817cf6b15403a",
];

/// The five shares of a 3-of-5 server, OpenBao 2.7.2: the first, third and fifth unsealed it.
const THREE_OF_FIVE: [&str; 5] = [
    "99fd3d8455baa17d241cf147a34d31b1af8b5368d94d953250e445e12718bbcab6",
    "bb30060465cec21770c6ffe35d4c504028a8c24710dd9356e3c8a81ef2bf631153",
    "87b8d7fb987f6a3e10cab9c8283df72d4de82853980775998bf5a740cf0cc3bce7",
    "c41696287e429f43134d9cc421105b22245a9dd8ca3d3e4cbe27ea9556bd9b7997",
    "0fec9d666c0870a47462ad2a530a8a5f2175b17df3ea9199e548c5ed26f7b335d7",
];

/// A share of a 2-of-2 server of its own.
const FOREIGN: &str = "4effeddf619423c5490ba4356014ef79cb9634fb3223d396556d5085155e09bb2b";

fn decoded(shares: &[&str]) -> Vec<Vec<u8>> {
    shares.iter().map(|share| base16ct::lower::decode(share, &mut [0; 33]).unwrap().to_vec()).collect()
}

fn set(shares: &[Vec<u8>]) -> ShareSet {
    let share = |(index, bytes): (usize, &Vec<u8>)| Share::new(bytes, index + 1).unwrap();
    ShareSet::new(shares.iter().enumerate().map(share).collect())
}

/// Splits by evaluating random polynomials (Horner), not by the interpolation under test.
fn split(secret: &[u8; 32], randomness: &[u8], xs: &[u8], threshold: usize) -> Vec<Vec<u8>> {
    let coefficient = |byte: usize, power: usize| match power {
        0 => secret[byte],
        _ => randomness[(byte * 31 + power * 7) % randomness.len()].wrapping_add(u8::try_from(byte).unwrap()),
    };
    let value = |byte: usize, x: u8| {
        (0..threshold).rev().fold(0, |sum, power| multiply(sum, x) ^ coefficient(byte, power))
    };
    xs.iter().map(|&x| (0..32).map(|byte| value(byte, x)).chain([x]).collect()).collect()
}

/// What the server computes: the value at 0.
fn combine(shares: &[Vec<u8>], chosen: &[usize]) -> Vec<u8> {
    let xs: Vec<u8> = chosen.iter().map(|&index| shares[index][32]).collect();
    let basis = lagrange(&xs, 0);
    let sum =
        |byte: usize| chosen.iter().zip(&basis).fold(0, |sum, (&i, &b)| sum ^ multiply(b, shares[i][byte]));
    (0..32).map(sum).collect()
}

fn one(candidate: &[usize]) -> Plan {
    Plan { candidates: vec![candidate.to_vec()], ..Plan::default() }
}

#[test]
fn the_shares_of_real_servers_are_consistent() {
    assert_eq!(set(&decoded(&TWO_OF_THREE)).plan(Scheme::needing(2)), one(&[0, 1]));
    assert_eq!(set(&decoded(&THREE_OF_FIVE)).plan(Scheme::needing(3)), one(&[0, 1, 2]));
    // Every three of the five give the same key.
    let shares = decoded(&THREE_OF_FIVE);
    let key = combine(&shares, &[0, 2, 4]);
    for chosen in subsets(&[0, 1, 2, 3, 4], 3) {
        assert_eq!(combine(&shares, &chosen), key);
    }
}

#[test]
fn one_wrong_bit_in_a_real_share_is_named() {
    for bad in 0..5 {
        for (byte, bit) in [(0, 0), (17, 3), (31, 7), (32, 2)] {
            let mut shares = decoded(&THREE_OF_FIVE);
            shares[bad][byte] ^= 1 << bit;
            let plan = set(&shares).plan(Scheme::needing(3));
            assert_eq!((plan.corrupt.as_slice(), plan.ambiguous), ([bad].as_slice(), false));
            assert_eq!(plan.candidates.len(), 1, "four agree, nothing else is worth a round");
            assert!(!plan.candidates[0].contains(&bad));
        }
    }
}

#[test]
fn up_to_the_threshold_nothing_can_be_judged() {
    let shares = decoded(&THREE_OF_FIVE);
    assert_eq!(
        set(&shares[..1]).plan(Scheme::needing(3)),
        one(&[0]),
        "submit what we have, others have the rest"
    );
    assert_eq!(set(&shares[..2]).plan(Scheme::needing(3)), one(&[0, 1]));
    let foreign = vec![shares[0].clone(), shares[1].clone(), decoded(&[FOREIGN])[0].clone()];
    assert_eq!(set(&foreign).plan(Scheme::needing(3)), one(&[0, 1, 2]));
}

#[test]
fn a_share_too_few_to_decide_gives_every_set_a_try() {
    let mut shares = decoded(&TWO_OF_THREE);
    shares[0] = decoded(&[FOREIGN])[0].clone();
    let plan = set(&shares).plan(Scheme::needing(2));
    assert!(plan.ambiguous);
    assert_eq!(plan.corrupt, [0usize; 0], "nobody is blamed on suspicion");
    assert!(plan.candidates.contains(&vec![1, 2]), "{plan:?}");
    // Once the server has told which, the bad one has a name.
    assert_eq!(set(&shares).outliers(&[1, 2]), [0]);
}

#[test]
fn an_old_and_a_new_set_in_one_file_are_both_tried() {
    let old = split(&[1; 32], &[9, 77, 3], &[1, 2, 3, 4], 2);
    let new = split(&[2; 32], &[5, 4, 200, 8], &[11, 12, 13], 2);
    let shares: Vec<Vec<u8>> = old.iter().chain(&new).cloned().collect();
    let plan = set(&shares).plan(Scheme::needing(2));
    assert_eq!(plan.candidates[..2], [vec![0, 1], vec![4, 5]]);
    assert!(plan.ambiguous);
    assert_eq!(plan.corrupt, [0usize; 0]);
    // With fewer of the new set nothing proves that they belong together, but the rest is still offered.
    let plan = set(&shares[..6]).plan(Scheme::needing(2));
    assert_eq!(plan.candidates[..2], [vec![0, 1], vec![4, 5]]);
    assert_eq!(plan.corrupt, [4, 5]);
}

#[test]
fn shares_that_fit_by_chance_lose_to_a_larger_set_and_only_to_that() {
    // Wrong in one byte alone, in proportion to x: on a line with the first share, though not on the line.
    let chance = |count: u8| {
        let xs: Vec<u8> = (1..=count).collect();
        let mut shares = split(&[7; 32], &[9, 77, 3], &xs, 2);
        for share in shares.iter_mut().rev().take(2) {
            share[0] ^= multiply(0x53, share[32] ^ 1);
        }
        set(&shares).plan(Scheme::needing(2))
    };
    let plan = chance(6);
    assert_eq!((plan.candidates[0].as_slice(), plan.ambiguous), ([0, 1].as_slice(), false));
    assert_eq!(plan.corrupt, [4, 5]);
    // Three against three: both get their turn before anything else.
    let plan = chance(5);
    assert_eq!((&plan.candidates[..2], plan.ambiguous), (&[vec![0, 1], vec![0, 3]][..], true));
    assert_eq!(plan.corrupt, [0usize; 0]);
}

/// Four of six fit, two do not, and three unseal: two bad ones are more than half of the surplus of three, so that the four
/// could be the bad ones.
#[test]
fn more_bad_shares_than_half_of_the_surplus_are_tried_too() {
    let mut shares = split(&[7; 32], &[3, 5, 11, 13], &[1, 2, 3, 4, 5, 6], 3);
    for bad in [4, 5] {
        shares[bad][0] ^= 1 << bad;
    }
    let plan = set(&shares).plan(Scheme::needing(3));
    assert_eq!((plan.candidates[0].as_slice(), plan.corrupt.as_slice()), (&[0, 1, 2][..], &[4, 5][..]));
    let has_both = |candidate: &Vec<usize>| candidate.contains(&4) && candidate.contains(&5);
    assert!(plan.candidates.iter().any(has_both), "{:?}", plan.candidates);
    // With one more that fits they are outvoted.
    let mut shares = split(&[7; 32], &[3, 5, 11, 13], &[1, 2, 3, 4, 5, 6, 7], 3);
    for bad in [5, 6] {
        shares[bad][0] ^= 1 << bad;
    }
    assert_eq!(set(&shares).plan(Scheme::needing(3)).candidates, [vec![0, 1, 2]]);
}

#[test]
fn every_bare_key_is_a_candidate_of_its_own() {
    let keys = [vec![1; 32], vec![2; 32]];
    assert_eq!(set(&keys[..1]).plan(Scheme::needing(1)), one(&[0]));
    let plan = set(&keys).plan(Scheme::needing(1));
    assert_eq!((plan.candidates, plan.ambiguous), (vec![vec![0], vec![1]], true));
    assert_eq!(set(&keys).outliers(&[1]), [0]);
}

#[test]
fn shares_of_another_kind_of_server_are_not_submitted() {
    let bare = set(&[vec![1; 32], vec![2; 32]]).plan(Scheme::needing(2));
    assert_eq!(bare.candidates, Vec::<Vec<usize>>::new());
    assert_eq!(bare.misfit, Some(Misfit::BareKey { bytes: 32, threshold: 2 }));
    let split = set(&decoded(&TWO_OF_THREE)).plan(Scheme::needing(1));
    assert_eq!(split.candidates, Vec::<Vec<usize>>::new());
    assert_eq!(split.misfit, Some(Misfit::SplitKey));
    assert_eq!(
        set(&decoded(&TWO_OF_THREE)).plan(Scheme::needing(0)),
        Plan::default(),
        "uninitialised: nothing to submit yet"
    );
}

#[test]
fn the_search_ends_whatever_it_is_given() {
    // 60 shares of which no two belong together: C(60, 30) sets, 118 million billion.
    let shares: Vec<Vec<u8>> = (1..=60)
        .map(|x: u8| (0..32).map(|byte: u8| byte.wrapping_mul(x) ^ x.rotate_left(5)).chain([x]).collect())
        .collect();
    let plan = set(&shares).plan(Scheme::needing(30));
    assert!(plan.ambiguous);
    assert_eq!(plan.candidates.len(), MOST_CANDIDATES);
}

/// Shares of which these lie on one polynomial, and no others.
fn belonging(count: u8, threshold: usize, good: &[usize]) -> Vec<Vec<u8>> {
    let xs: Vec<u8> = (1..=count).collect();
    let mut shares = split(&[7; 32], &[3, 5, 11, 13, 170, 99, 61], &xs, threshold);
    for (index, share) in shares.iter_mut().enumerate().filter(|(index, _)| !good.contains(index)) {
        let x = xs[index];
        let noise = |byte: u8| byte.wrapping_mul(x) ^ x.rotate_left(5) ^ byte.rotate_left(3);
        *share = (0..32).map(noise).chain([x]).collect();
    }
    shares
}

#[test]
fn shares_that_belong_together_are_found_wherever_they_stand() {
    // No six neighbours, and among the last of 3,003 sets.
    let good = [5, 7, 8, 9, 10, 11, 13];
    let plan = set(&belonging(14, 6, &good)).plan(Scheme::needing(6));
    assert_eq!(plan.candidates[0], good[..6]);
    assert_eq!(plan.corrupt, [0, 1, 2, 3, 4, 6, 12]);
}

/// Unsealing must not wait for it for long: of 60 shares, 30 of which are needed, some 120 sets are searched.
#[test]
fn search_is_given_up_after_a_moment() {
    for (two, found) in [([29, 40], true), ([30, 40], false)] {
        // Neither neighbours: the first 28, two more, and one at their end. The first set of them is the 102nd or 131st.
        let good: Vec<usize> = (0..28).chain(two).chain([50]).collect();
        let plan = set(&belonging(60, 30, &good)).plan(Scheme::needing(30));
        assert_eq!(plan.candidates[0] == good[..30], found, "{two:?}");
        assert_eq!(
            (plan.corrupt.len(), plan.ambiguous),
            if found { (29, false) } else { (0, true) },
            "{two:?}"
        );
    }
}

/// A set, its threshold, and which shares to damage so that more than `threshold` good ones remain.
fn damaged() -> impl Strategy<Value = (Vec<Vec<u8>>, usize, Vec<usize>, [u8; 32])> {
    (3..=12usize).prop_flat_map(|count| (Just(count), 2..count)).prop_flat_map(|(count, threshold)| {
        let indices: Vec<usize> = (0..count).collect();
        let bad = proptest::sample::subsequence(indices, 0..count - threshold);
        let xs = Just((1..=255u8).collect::<Vec<u8>>()).prop_shuffle();
        let noise = proptest::collection::vec(any::<u8>(), 97);
        (any::<[u8; 32]>(), noise, xs, bad, any::<[u8; 32]>()).prop_map(
            move |(secret, noise, xs, bad, damage)| {
                let mut shares = split(&secret, &noise, &xs[..count], threshold);
                for (nth, &index) in bad.iter().enumerate() {
                    for (byte, delta) in damage.iter().enumerate() {
                        // Never nothing, and another damage for each share.
                        shares[index][byte] ^= delta
                            .rotate_left(u32::try_from(nth).unwrap())
                            .wrapping_add(u8::try_from(nth * 32 + byte).unwrap_or(77))
                            | u8::from(byte == nth);
                    }
                }
                (shares, threshold, bad, secret)
            },
        )
    })
}

#[test]
fn shares_of_a_server_that_is_split_in_another_way_are_never_planned() {
    let shares = split(&[7; 32], &[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5], 3);
    let scheme = |threshold, total| Scheme { threshold, total };
    let of = |count: usize, says| set(&shares[..count]).of_scheme(says);
    let another = |server| Some(Misfit::AnotherScheme { source_says: scheme(3, 5), server });
    for (count, says, server, misfit) in [
        // The very server, and a part of its shares.
        (5, Some(scheme(3, 5)), scheme(3, 5), None),
        (2, Some(scheme(3, 5)), scheme(3, 5), None),
        // A server that does not say how many it has.
        (5, Some(scheme(3, 5)), scheme(3, 0), None),
        (5, Some(scheme(3, 5)), scheme(2, 3), another(scheme(2, 3))),
        (2, Some(scheme(3, 5)), scheme(3, 7), another(scheme(3, 7))),
        (5, Some(scheme(3, 5)), scheme(4, 5), another(scheme(4, 5))),
        (5, Some(scheme(3, 5)), scheme(1, 1), another(scheme(1, 1))),
        (5, Some(scheme(3, 5)), scheme(2, 0), another(scheme(2, 0))),
        // A source that says nothing.
        (5, None, scheme(3, 5), None),
        (4, None, scheme(3, 5), None),
        (5, None, scheme(3, 4), Some(Misfit::TooMany { held: 5, total: 4 })),
    ] {
        let plan = of(count, says).plan(server);
        assert_eq!(plan.misfit, misfit, "{count} shares, {says:?}, {server:?}");
        assert_eq!(plan.candidates.is_empty(), misfit.is_some(), "{count} shares, {says:?}, {server:?}");
    }
    assert_eq!(of(5, Some(scheme(3, 5))).only(&[0, 4]).scheme(), Some(scheme(3, 5)), "a part knows it, too");
}

proptest! {
    #[test]
    fn a_server_that_lies_about_how_many_it_has_is_given_nothing_more(
        count in 1..=5usize, threshold in 2..=5usize, total in 0..=300usize, says in proptest::option::of(1..=5usize),
    ) {
        let shares = split(&[7; 32], &[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5], 3);
        let held = set(&shares[..count]).of_scheme(says.map(|threshold| Scheme { threshold, total: 5 }));
        let truth = held.plan(Scheme::needing(threshold));
        let lie = held.plan(Scheme { threshold, total });
        prop_assert!(lie == truth || lie.candidates.is_empty() && lie.misfit.is_some());
    }

    #[test]
    fn damage_is_found_and_the_first_candidate_unseals((shares, threshold, bad, secret) in damaged()) {
        let set = set(&shares);
        let plan = set.plan(Scheme::needing(threshold));
        prop_assert_eq!(&plan.corrupt, &bad);
        prop_assert!(!plan.ambiguous);
        prop_assert_eq!(combine(&shares, &plan.candidates[0]), secret);
        prop_assert_eq!(set.outliers(&plan.candidates[0]), bad);
        for candidate in &plan.candidates {
            prop_assert_eq!(candidate.len(), threshold);
        }
    }

    #[test]
    fn with_one_share_to_spare_some_candidate_unseals(
        secret in any::<[u8; 32]>(), noise in proptest::collection::vec(any::<u8>(), 97),
        threshold in 2..=11usize, bad in any::<proptest::sample::Index>(),
        byte in 0..32usize, delta in 1..=255u8,
    ) {
        let xs: Vec<u8> = (1..=u8::try_from(threshold + 1).unwrap()).collect();
        let mut shares = split(&secret, &noise, &xs, threshold);
        let bad = bad.index(shares.len());
        shares[bad][byte] ^= delta;
        let plan = set(&shares).plan(Scheme::needing(threshold));
        prop_assert!(plan.ambiguous);
        let different: BTreeSet<_> = plan.candidates.iter().collect();
        prop_assert_eq!(plan.candidates.len(), different.len());
        let right = plan.candidates.iter().find(|candidate| combine(&shares, candidate) == secret);
        prop_assert_eq!(set(&shares).outliers(right.unwrap()), [bad]);
    }
}

#[test]
fn runs_come_first_and_then_everything() {
    let sets: Vec<String> = subsets(&[0, 1, 2, 3], 2)
        .map(|set| set.iter().map(ToString::to_string).collect::<String>())
        .collect();
    assert_eq!(sets.join(" "), "01 12 23 03 01 02 03 12 13 23");
    // All of them are one set, whatever comes first in it.
    assert_eq!(subsets(&[0, 1, 2], 3).collect::<Vec<_>>(), [[0, 1, 2]]);
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

#[test]
fn products_are_those_of_the_aes_standard() {
    // FIPS 197, sections 4.2 and 4.2.1.
    for (left, right, product) in
        [(0x57, 0x83, 0xc1), (0x57, 0x13, 0xfe), (0x57, 0x02, 0xae), (0x57, 0x10, 0x07)]
    {
        assert_eq!(multiply(left, right), product);
        assert_eq!(multiply(right, left), product);
    }
}

#[test]
fn every_element_but_zero_has_its_inverse() {
    assert_eq!(inverse(0), 0);
    for element in 1..=255 {
        assert_eq!(multiply(element, inverse(element)), 1, "{element}");
    }
}

#[test]
fn multiplication_distributes_over_addition() {
    for left in 0..=255u8 {
        for right in 0..=255u8 {
            let third = left.rotate_left(3) ^ 0x5a;
            assert_eq!(multiply(left, right ^ third), multiply(left, right) ^ multiply(left, third));
        }
    }
}

#[test]
fn the_basis_is_one_at_its_own_point_and_zero_at_the_others() {
    let xs = [3, 7, 200, 255];
    for (own, &x) in xs.iter().enumerate() {
        let expected: Vec<u8> = (0..xs.len()).map(|index| u8::from(index == own)).collect();
        assert_eq!(lagrange(&xs, x), expected);
    }
}
