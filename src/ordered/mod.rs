//! Ordered maps, sets and lists: of what an iterator yields, one entry after the other.
//!
//! `collect()` sorts all entries before it builds the map: a sorting algorithm of 5 kB for each type of entry, and more than
//! 100 kB of the executable for maps that are small.

mod list;

pub use list::{Place, SortedList};

use std::collections::{BTreeMap, BTreeSet};

/// The entries; of several with one key, the last.
pub fn map<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}

/// The items, each once.
pub fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}

#[cfg(test)]
mod tests {
    #[test]
    fn maps_and_sets_are_those_that_collect_makes() {
        let entries = [(2, 'b'), (1, 'a'), (2, 'c'), (3, 'd'), (1, 'e')];
        assert_eq!(super::map(entries), entries.into_iter().collect());
        assert_eq!(super::set(entries), entries.into_iter().collect());
    }
}
