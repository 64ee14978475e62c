//! Which states follow each other: every pair of tests/heart/states.txt, from which docs/states.svg is drawn, is seen by the
//! search, or stands in elsewhere.txt with the reason.

use crate::kept;
use std::collections::{BTreeMap, BTreeSet};

type Pair = (String, String);

fn pair(text: &str) -> Option<Pair> {
    let (before, after) = text.split_once(" -> ")?;
    Some((before.to_owned(), after.to_owned()))
}

/// True when the lists do not agree with what was seen. A search that is not that of CI (`other`), but larger or from
/// another seed, may take more than elsewhere.txt says.
pub(crate) fn check(seen: &BTreeSet<(&'static str, &'static str)>, other: bool) -> bool {
    let table: BTreeSet<Pair> =
        kept::lines("../heart/states.txt").iter().filter_map(|line| pair(line)).collect();
    let elsewhere: BTreeMap<Pair, String> = kept::lines("elsewhere.txt")
        .iter()
        .filter_map(|line| {
            let (names, why) = line.split_once(": ")?;
            Some((pair(names)?, why.to_owned()))
        })
        .collect();
    let seen: BTreeSet<Pair> =
        seen.iter().map(|(before, after)| ((*before).into(), (*after).into())).collect();
    let missing: Vec<&Pair> =
        table.iter().filter(|pair| !seen.contains(*pair) && !elsewhere.contains_key(*pair)).collect();
    let taken: Vec<&Pair> =
        elsewhere.keys().filter(|pair| seen.contains(*pair) || !table.contains(*pair)).collect();
    let more: Vec<&Pair> = seen.iter().filter(|pair| !table.contains(*pair)).collect();
    println!(
        "\nTransitions: {} of the {} in tests/heart/states.txt were taken, {} are taken elsewhere (elsewhere.txt); {} more were \
         taken that the picture does not have.",
        table.intersection(&seen).count(),
        table.len(),
        elsewhere.len(),
        more.len()
    );
    for (what, pairs) in [
        ("more", &more),
        ("NOT taken, and not in elsewhere.txt", &missing),
        ("in elsewhere.txt, and taken or in no table: strike it", &taken),
    ] {
        for (before, after) in pairs {
            println!("  {what}: {before} -> {after}");
        }
    }
    !missing.is_empty() || !(other || taken.is_empty())
}
