//! A list in the order of its keys. For what is looked up often and changes rarely: a tree takes ten times the code.

use std::borrow::Borrow;

/// Values by their keys.
#[derive(Debug)]
pub(super) struct SortedList<K, V> {
    // Boxed: to make room for one moves little of the others.
    items: Vec<(K, Box<V>)>,
}

impl<K: Ord, V: Default> SortedList<K, V> {
    /// The value of a key.
    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        self.items.get_mut(place).map(|(_, value)| &mut **value)
    }

    /// A key gets an empty value, if it has none.
    pub(super) fn enter(&mut self, key: K) {
        if let Err(place) = self.place(&key) {
            self.items.insert(place, (key, Box::default()));
        }
    }

    /// Forgets a key; tells whether there was one.
    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).map(|place| self.items.remove(place)).is_ok()
    }

    /// Those behind a key, or all.
    pub(super) fn behind(&self, key: Option<&K>) -> &[(K, Box<V>)] {
        let first = key.map_or(0, |key| self.place(key).map_or_else(|place| place, |place| place + 1));
        self.items.get(first..).unwrap_or_default()
    }

    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.items.binary_search_by(|(other, _)| other.borrow().cmp(key))
    }
}

impl<K, V> Default for SortedList<K, V> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn list_is_as_a_map(steps in prop::collection::vec((any::<bool>(), 0_u8..20, any::<u64>()), 0..60)) {
            let (mut list, mut map) = (SortedList::<u8, u64>::default(), BTreeMap::<u8, u64>::new());
            for (enters, key, value) in steps {
                if enters {
                    list.enter(key);
                    map.entry(key).or_default();
                    *list.get_mut(&key).unwrap() = value;
                    map.insert(key, value);
                } else {
                    prop_assert_eq!(list.remove(&key), map.remove(&key).is_some());
                    prop_assert!(list.get_mut(&key).is_none());
                }
                for behind in [None, Some(key)] {
                    let seen: Vec<_> = list.behind(behind.as_ref()).iter().map(|(key, value)| (*key, **value)).collect();
                    let wanted: Vec<_> = map.iter().filter(|(key, _)| behind.is_none_or(|first| **key > first)).collect();
                    prop_assert_eq!(seen.iter().map(|(key, value)| (key, value)).collect::<Vec<_>>(), wanted);
                }
            }
        }
    }
}
