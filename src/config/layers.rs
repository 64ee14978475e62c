//! The layers on top of each other, and which of them a value comes from.

use super::document::{Document, UNNAMED};
use super::error::ConfigError;
use super::fragment::Fragment;
use super::given::Given;
use super::keys::Scope;
use super::place::Place;
use crate::external::error;
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

/// The name of a layer that is a variable.
const VARIABLE: &str = "variable";

/// The name of a layer that is a flag.
const FLAG: &str = "flag";

/// All layers. Only paths and names pass through here: figment leaves copies of what it reads in memory.
pub(super) struct Layers {
    figment: Figment,
    documents: Vec<Document>,
    /// The clusters in the order in which they were first named.
    names: Vec<String>,
}

impl Layers {
    /// The files, the first below all.
    pub(super) fn of_files(documents: Vec<Document>) -> Result<Self, ConfigError> {
        let mut names: Vec<String> = Vec::new();
        let mut figment = Figment::new();
        for document in &documents {
            figment = figment.merge(Layer::of_file(document));
            for cluster in &document.clusters {
                if !names.contains(&cluster.name) {
                    names.push(cluster.name.clone());
                }
            }
        }
        let clusters = || documents.iter().flat_map(|document| &document.clusters);
        if names.len() > 1 {
            if let Some(unnamed) = clusters().find(|cluster| !cluster.named) {
                return Err(ConfigError::NameNeeded { place: unnamed.place.clone() });
            }
        }
        if names.is_empty() {
            names.push(UNNAMED.to_owned());
        }
        Ok(Self { figment, documents, names })
    }

    /// Lays a variable or flag on top.
    pub(super) fn lay(&mut self, given: &Given) -> Result<(), ConfigError> {
        let layer = self.of_given(given)?;
        self.figment = std::mem::take(&mut self.figment).merge(layer);
        Ok(())
    }

    /// What the layers say together.
    pub(super) fn fragment(&self) -> Result<Fragment, ConfigError> {
        self.figment.extract().map_err(|error| ConfigError::Inconsistent { reason: error::figment(&error) })
    }

    /// The clusters in the order in which they were first named; `default` when no file has one.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a cluster is first named.
    pub(super) fn place_of_cluster(&self, name: &str) -> Place {
        let mut clusters = self.documents.iter().flat_map(|document| &document.clusters);
        clusters.find(|cluster| cluster.name == name).map_or(Place::Nowhere, |cluster| cluster.place.clone())
    }

    /// Where a value above the clusters was said.
    pub(super) fn place_of_top(&self, tag: Tag, keys: &[&str]) -> Place {
        self.place(tag, |document| document.place_of_top(keys))
    }

    /// Where a value of a cluster was said.
    pub(super) fn place_in_cluster(&self, tag: Tag, cluster: &str, keys: &[&str]) -> Place {
        self.place(tag, |document| document.place_in_cluster(cluster, keys))
    }

    fn place(&self, tag: Tag, in_file: impl Fn(&Document) -> Place) -> Place {
        let metadata = self.figment.get_metadata(tag);
        match metadata.and_then(|metadata| Some((metadata.name.as_ref(), metadata.source.as_ref()?))) {
            Some((VARIABLE, Source::Custom(name))) => Place::Variable(name.clone()),
            Some((FLAG, Source::Custom(name))) => Place::Flag(name.clone()),
            Some((_, Source::File(path))) => {
                self.documents.iter().find(|document| document.path() == path).map_or(Place::Nowhere, in_file)
            }
            _ => Place::Nowhere,
        }
    }

    /// A layer with one value: of the top level, of every cluster, or of the only one.
    fn of_given(&self, given: &Given) -> Result<Layer, ConfigError> {
        let key = given.key;
        let metadata = match &given.place {
            Place::Flag(name) => Metadata::from(FLAG, Source::Custom(name.clone())),
            Place::Variable(name) => Metadata::from(VARIABLE, Source::Custom(name.clone())),
            Place::File { .. } | Place::Nowhere => Metadata::default(),
        };
        let one = |name: &str, value: Value| Dict::from([(name.to_owned(), value)]);
        let every_cluster = |values: Dict| {
            let clusters: Dict =
                self.names.iter().map(|name| (name.clone(), Value::from(values.clone()))).collect();
            Ok(one("cluster", Value::from(clusters)))
        };
        let only_cluster = |values: Dict| match self.names.len() {
            1 => every_cluster(values),
            count => Err(ConfigError::WhichCluster { place: given.place.clone(), count }),
        };
        let value = given.value.clone();
        let dict = match key.scope {
            Scope::Top => Ok(one(key.name, value)),
            Scope::Everywhere => every_cluster(one("pace", Value::from(one(key.name, value)))),
            Scope::Cluster if key.name == "nodes" => only_cluster(one(key.name, value)),
            Scope::Cluster => every_cluster(one(key.name, value)),
            Scope::Shares => only_cluster(one("shares", Value::from(vec![Value::from(key.name), value]))),
            Scope::Tls => only_cluster(one("tls", Value::from(one(key.name, value)))),
        }?;
        Ok(Layer { metadata, dict })
    }
}

/// One layer: a file, a variable or a flag.
struct Layer {
    metadata: Metadata,
    dict: Dict,
}

impl Layer {
    fn of_file(document: &Document) -> Self {
        let clusters: Dict = document
            .clusters
            .iter()
            .map(|cluster| (cluster.name.clone(), Value::from(cluster.values.clone())))
            .collect();
        let mut dict = document.top.clone();
        dict.insert("cluster".to_owned(), Value::from(clusters));
        Self { metadata: Metadata::from("file", document.path()), dict }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}
