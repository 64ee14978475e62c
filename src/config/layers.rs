//! The layers on top of each other: files, variables and flags. figment merges them, and says of each key which of the
//! values that were read counts.

use super::document::ConfigDocument;
use super::document::{ConfigEntry, Sourced, Written};
use super::error::{ConfigError, ConfigFault, Location};
use super::keys::{self, KEYS, Key, Kind, Scope};
use super::settings::Durations;
use super::value;
use crate::external::error;
use crate::ordered;
use figment::Figment;
use figment::providers::Serialized;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// All layers. figment sees numbers alone: it leaves copies of what it reads in memory.
pub(super) struct Layers {
    figment: Figment,
    /// What all layers say, in the order in which it was read.
    entries: Vec<ConfigEntry>,
    /// The clusters in the order in which they were first named, and where.
    clusters: Vec<(String, Location)>,
}

/// One layer, or several merged: what is said above all clusters, and in each.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Layer {
    top: Slots,
    cluster: BTreeMap<String, Slots>,
}

/// The indices of the entries that count, by the path of their key. The keys of `shares` have one slot: a later layer
/// replaces them together.
type Slots = BTreeMap<String, Vec<usize>>;

fn slot<T: ?Sized>(key: &Key<T>) -> String {
    if key.scope == Scope::Shares { keys::SHARES.path() } else { key.path() }
}

impl Layers {
    /// The files, the first below all.
    pub(super) fn of_files(documents: Vec<ConfigDocument>) -> Result<Self, ConfigError> {
        let mut layers = Self { figment: Figment::new(), entries: Vec::new(), clusters: Vec::new() };
        let mut unnamed = None;
        for document in documents {
            let mut layer = Layer { top: layers.slots(document.top), ..Layer::default() };
            for cluster in document.clusters {
                if cluster.named.is_none() {
                    unnamed.get_or_insert_with(|| cluster.location.clone());
                }
                if !layers.names().any(|name| *name == cluster.name) {
                    layers.clusters.push((cluster.name.clone(), cluster.location));
                }
                layer.cluster.insert(cluster.name, layers.slots(cluster.entries));
            }
            layers.merge(layer);
        }
        if let (Some(location), [_, _, ..]) = (unnamed, layers.clusters.as_slice()) {
            return Err(location.refuses(ConfigFault::NameNeeded));
        }
        if layers.clusters.is_empty() {
            layers.clusters.push((keys::CLUSTER_NAME.default.to_owned(), Location::Nowhere));
        }
        Ok(layers)
    }

    /// Lays a variable or flag on top: over the top level, every cluster, or the only one.
    pub(super) fn lay(&mut self, entry: ConfigEntry) -> Result<(), ConfigError> {
        let key = entry.key;
        let for_one = matches!(key.scope, Scope::Shares | Scope::Tls) || key.is(&keys::NODES);
        if for_one && self.clusters.len() != 1 {
            return Err(ConfigError::WhichCluster(entry.location, self.clusters.len()));
        }
        let slots = self.slots(vec![entry]);
        self.merge(if key.scope == Scope::Top {
            Layer { top: slots, ..Layer::default() }
        } else {
            let cluster = ordered::map(self.names().map(|name| (name.clone(), slots.clone())));
            Layer { top: Slots::new(), cluster }
        });
        Ok(())
    }

    /// What the layers say together.
    pub(super) fn merged(&self) -> Result<Merged<'_>, ConfigError> {
        let layer =
            self.figment.extract().map_err(|error| ConfigError::Inconsistent(error::figment(&error)))?;
        Ok(Merged { entries: &self.entries, layer })
    }

    /// The clusters in the order in which they were first named; `default` when no file has one.
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &String> {
        self.clusters.iter().map(|(name, _)| name)
    }

    /// Where a cluster is first named.
    pub(super) fn location_of_cluster(&self, name: &str) -> Location {
        let found = self.clusters.iter().find(|(known, _)| known == name);
        found.map_or(Location::Nowhere, |(_, location)| location.clone())
    }

    /// Keeps the entries, and numbers them.
    fn slots(&mut self, entries: Vec<ConfigEntry>) -> Slots {
        let mut slots = Slots::new();
        for entry in entries {
            slots.entry(slot(entry.key)).or_default().push(self.entries.len());
            self.entries.push(entry);
        }
        slots
    }

    fn merge(&mut self, layer: Layer) {
        self.figment = std::mem::take(&mut self.figment).merge(Serialized::defaults(layer));
    }
}

/// What the layers say together.
pub(super) struct Merged<'a> {
    entries: &'a [ConfigEntry],
    layer: Layer,
}

impl Merged<'_> {
    /// The values above the clusters.
    pub(super) fn top(&self) -> Values<'_> {
        Values { entries: self.entries, slots: [None, Some(&self.layer.top)] }
    }

    /// The values of a cluster: its own, else those that are said for all.
    pub(super) fn cluster(&self, name: &str) -> Values<'_> {
        Values { entries: self.entries, slots: [self.layer.cluster.get(name), Some(&self.layer.top)] }
    }
}

/// What is said of each key; read by the rows of the table.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    entries: &'a [ConfigEntry],
    /// The first that has a key counts.
    slots: [Option<&'a Slots>; 2],
}

impl<'a> Values<'a> {
    /// What is said of a key.
    pub(super) fn get<T: ?Sized>(&self, key: &Key<T>) -> Option<&'a ConfigEntry> {
        let slot = slot(key);
        let indices = self.slots.into_iter().flatten().find_map(|slots| slots.get(&slot))?;
        indices.iter().filter_map(|index| self.entries.get(*index)).find(|entry| entry.key.is(key))
    }

    /// The text of a key that is one.
    pub(super) fn text<T: ?Sized>(&self, key: &Key<T>) -> Option<Sourced<&'a str>> {
        let entry = self.get(key)?;
        Some(Sourced { value: entry.text()?, location: entry.location.clone() })
    }

    /// The items of a key that is a list, and where that is written.
    pub(super) fn list<T: ?Sized>(&self, key: &Key<T>) -> Option<Sourced<&'a [Sourced<String>]>> {
        match self.get(key)? {
            ConfigEntry { value: Written::List(items), location, .. } => {
                Some(Sourced { value: items, location: location.clone() })
            }
            _ => None,
        }
    }

    /// A key that is `true` or `false`.
    pub(super) fn boolean(&self, key: &Key<bool>) -> bool {
        match self.get(key) {
            Some(ConfigEntry { value: Written::Boolean(value), .. }) => *value,
            _ => key.default,
        }
    }

    /// The word of a key that takes one of some.
    pub(super) fn word(&self, key: &Key<&'static str>) -> Result<&'a str, ConfigError> {
        match (self.text(key), key.kind) {
            (Some(text), Kind::Word(words)) => {
                value::word(text.value, words).map_err(|problem| text.refused(problem))
            }
            _ => Ok(key.default),
        }
    }

    /// A duration within the bounds that the table has; `None` when nothing is said.
    pub(super) fn duration<T: ?Sized>(&self, key: &Key<T>) -> Result<Option<Duration>, ConfigError> {
        match (self.text(key), key.kind) {
            (Some(text), Kind::Duration(least, most)) => {
                let duration = value::duration(text.value, least, most);
                duration.map(Some).map_err(|problem| text.refused(problem))
            }
            _ => Ok(None),
        }
    }

    /// Every duration that has a default.
    pub(super) fn durations(&self) -> Result<Durations, ConfigError> {
        let mut durations = Durations::default();
        for key in KEYS.iter().filter(|key| key.default.duration().is_some()) {
            if let Some(duration) = self.duration(key)? {
                durations.set(key, duration);
            }
        }
        Ok(durations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn duration_is_read_within_the_bounds_of_its_key_and_refused_beyond() {
        for key in KEYS {
            let Kind::Duration(least, most) = key.kind else { continue };
            let read = |duration: Duration| {
                let line = format!("{} = \"{}\"", key.name, humantime::format_duration(duration));
                let table = if key.scope == Scope::Cluster { "[[cluster]]\n" } else { "" };
                let document = ConfigDocument::parse(Path::new("/config.toml"), &format!("{table}{line}"))?;
                Layers::of_files(vec![document])?.merged()?.cluster("default").duration(*key)
            };
            for bound in [least, most] {
                assert_eq!(read(bound).expect(key.name), Some(bound), "{}", key.name);
            }
            for beyond in [least / 2, most * 2] {
                let error = read(beyond).expect_err(key.name).to_string();
                assert!(error.contains(key.name), "{error}");
            }
        }
    }
}
