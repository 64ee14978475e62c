//! A list in the order of its keys. For what is looked up often and changes rarely: a tree takes ten times the code.

use std::borrow::Borrow;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Values by their keys.
#[derive(Debug)]
pub struct SortedList<K, V> {
    // Boxed: to make room for one moves little of the others.
    items: Vec<(K, Box<V>)>,
}

/// Where a key stood when it was looked up last. Whoever keeps it for a key finds that again without a search, as long as
/// nobody comes or goes before it.
#[derive(Debug, Default)]
pub struct Place(AtomicUsize);

impl<K: Ord, V> SortedList<K, V> {
    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let at = self.search(key).ok()?;
        self.items.get(at).map(|(_, value)| &**value)
    }

    /// The same, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.search(key).ok()?;
        self.items.get_mut(at).map(|(_, value)| &mut **value)
    }

    /// The same, looked for first where it was found last.
    pub fn find<Q: Ord + ?Sized>(&mut self, key: &Q, place: &Place) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let mut at = place.0.load(Ordering::Relaxed);
        if self.items.get(at).is_none_or(|(other, _)| other.borrow() != key) {
            at = self.search(key).ok()?;
            place.0.store(at, Ordering::Relaxed);
        }
        self.items.get_mut(at).map(|(_, value)| &mut **value)
    }

    /// Gives a key this value, whatever it had.
    pub fn insert(&mut self, key: K, value: V) {
        match self.search(&key) {
            Ok(at) => {
                if let Some((_, before)) = self.items.get_mut(at) {
                    **before = value;
                }
            }
            Err(at) => self.items.insert(at, (key, Box::new(value))),
        }
    }

    /// A key gets an empty value, if it has none.
    pub fn enter(&mut self, key: K)
    where
        V: Default,
    {
        if let Err(at) = self.search(&key) {
            self.items.insert(at, (key, Box::default()));
        }
    }

    /// Forgets a key, and gives the value that it had.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.search(key).ok().map(|at| *self.items.remove(at).1)
    }

    /// Those behind a key, or all.
    pub fn behind(&self, key: Option<&K>) -> &[(K, Box<V>)] {
        let first = key.map_or(0, |key| self.search(key).map_or_else(|at| at, |at| at + 1));
        self.items.get(first..).unwrap_or_default()
    }

    fn search<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
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
            let places: Vec<Place> = (0..20).map(|_| Place::default()).collect();
            for (enters, key, value) in steps {
                if enters {
                    list.enter(key);
                    map.entry(key).or_default();
                    *list.get_mut(&key).unwrap() = value;
                    map.insert(key, value);
                } else {
                    prop_assert_eq!(list.remove(&key), map.remove(&key));
                    prop_assert!(list.get_mut(&key).is_none());
                    list.insert(19 - key, value);
                    map.insert(19 - key, value);
                }
                for (key, place) in (0..).zip(&places) {
                    prop_assert_eq!(list.get(&key), map.get(&key));
                    // In each one's place of before, and then where it was found just now.
                    prop_assert_eq!(list.find(&key, place), map.get_mut(&key));
                    prop_assert_eq!(list.find(&key, place), map.get_mut(&key));
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
