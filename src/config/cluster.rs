//! One cluster: what the layers say of it, checked.

use super::address;
use super::error::ConfigError;
use super::fragment::{ClusterFragment, Fragment, SharesFragment};
use super::keys::{self, Scope};
use super::layers::Layers;
use super::notice::ConfigNotice;
use super::place::Place;
use super::settings::{Cluster, Purpose};
use super::{pace, tls, value};
use crate::accounts::Trusted;
use crate::cluster::OnOperatorSeal;
use crate::cluster::{Discovery, NodeAddress};
use crate::shares::Source;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Checks cluster by cluster; a server may be in one of them only.
pub(super) struct Clusters<'a> {
    layers: &'a Layers,
    purpose: Purpose,
    trusted: &'a Arc<Trusted>,
    /// The root directory of the machine.
    root: &'a Path,
    /// The file that everything can be written to.
    file: &'a Path,
    /// Addresses and names, as they are written when normalised.
    seen: BTreeMap<String, Place>,
    sources: Vec<(Source, String)>,
    notices: Vec<ConfigNotice>,
}

impl<'a> Clusters<'a> {
    /// Nothing checked so far.
    pub(super) fn new(
        layers: &'a Layers,
        purpose: Purpose,
        trusted: &'a Arc<Trusted>,
        root: &'a Path,
        file: &'a Path,
    ) -> Self {
        Self {
            layers,
            purpose,
            trusted,
            root,
            file,
            seen: BTreeMap::new(),
            sources: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// What is odd about the clusters that were checked.
    pub(super) fn into_notices(self) -> Vec<ConfigNotice> {
        self.notices
    }

    /// Checks the cluster `name`.
    pub(super) fn check(&mut self, name: &str, fragment: &Fragment) -> Result<Cluster, ConfigError> {
        let nothing = ClusterFragment::default();
        let said = fragment.cluster.get(name).unwrap_or(&nothing);
        let (nodes, discoveries) = self.nodes(name, said)?;
        let encrypted: Vec<bool> =
            networked(&nodes).map(|node| node.tls).chain(discoveries.iter().map(Discovery::tls)).collect();
        self.note_mixture(name, &encrypted, said);
        let plain = networked(&nodes).find(|node| !node.tls).map(ToString::to_string);
        let plain = plain.or_else(|| discoveries.iter().find(|found| !found.tls()).map(ToString::to_string));
        self.refuse_pins_of_nothing(name, plain, said)?;
        let shares = self.shares(name, said)?;
        let tls = tls::check(self.layers, name, &said.tls, self.root, &mut self.notices)?;
        let pace = pace::check(self.layers, name, &said.pace, &fragment.pace)?;
        let on_operator_seal = self.on_operator_seal(name, said)?;
        let trusted = Arc::clone(self.trusted);
        let name = name.to_owned();
        let allow_plaintext = allows_plaintext(said);
        Ok(Cluster {
            name,
            nodes,
            discoveries,
            shares,
            tls,
            pace,
            on_operator_seal,
            allow_plaintext,
            trusted,
        })
    }

    fn on_operator_seal(&self, name: &str, said: &ClusterFragment) -> Result<OnOperatorSeal, ConfigError> {
        let place = |tag, key| self.layers.place_in_cluster(tag, name, &[key]);
        let hold = match &said.on_operator_seal {
            Some(text) => {
                let words = keys::find(Scope::Cluster, "on_operator_seal").map_or(&[][..], value::words);
                let word = value::word(text, words).map_err(|problem| ConfigError::Value {
                    place: place(text.tag(), "on_operator_seal"),
                    problem,
                })?;
                word == "hold"
            }
            None => false,
        };
        let at_most = match &said.hold_for {
            Some(text) => Some(pace::between_bounds("hold_for", text).map_err(|problem| {
                ConfigError::Duration { place: place(text.tag(), "hold_for"), problem }
            })?),
            None => None,
        };
        Ok(if hold { OnOperatorSeal::Hold { at_most } } else { OnOperatorSeal::Unseal })
    }

    fn nodes(
        &mut self,
        name: &str,
        said: &ClusterFragment,
    ) -> Result<(Vec<NodeAddress>, Vec<Discovery>), ConfigError> {
        let plaintext = allows_plaintext(said);
        let (mut nodes, mut discoveries) = (Vec::new(), Vec::new());
        for (index, text) in said.nodes.iter().flatten().enumerate() {
            let place = self.layers.place_in_cluster(text.tag(), name, &["nodes", &index.to_string()]);
            let refused = |problem| ConfigError::Address { place: place.clone(), problem };
            // What a name stands for is not known before it is looked up: it may be another machine.
            let (node, near) = if Discovery::is_meant(text) {
                let discovery: Discovery = text.parse().map_err(refused)?;
                if let Discovery::Addresses(node) = &discovery {
                    self.note_port(text, &place, node, "dns+");
                }
                let named = (discovery.to_string(), discovery.tls());
                discoveries.push(discovery);
                named
            } else {
                let node: NodeAddress = text.parse().map_err(refused)?;
                self.note_port(text, &place, &node, "");
                let named = (node.to_string(), node.tls || node.is_loopback());
                nodes.push(node);
                named
            };
            if !near {
                if !plaintext {
                    return Err(ConfigError::Plaintext { place, node });
                }
                self.notices.push(ConfigNotice::Plaintext { place: place.clone(), node: node.clone() });
            }
            if let Some(first) = self.seen.insert(node.clone(), place.clone()) {
                return Err(ConfigError::SameNode { place, node, first: Box::new(first) });
            }
        }
        if !nodes.is_empty() || !discoveries.is_empty() {
            return Ok((nodes, discoveries));
        }
        match self.layers.place_of_cluster(name) {
            Place::Nowhere => Err(ConfigError::NothingConfigured { file: self.file.to_owned() }),
            place => Err(ConfigError::NoNodes { place, name: name.to_owned() }),
        }
    }

    fn note_port(&mut self, text: &str, place: &Place, node: &NodeAddress, prefix: &'static str) {
        if node.socket().is_none() && !address::names_port(text.trim()) {
            let notice = ConfigNotice::PortNotNamed { place: place.clone(), node: node.clone(), prefix };
            self.notices.push(notice);
        }
    }

    /// `nodes` says of each address and name whether it is https.
    fn note_mixture(&mut self, name: &str, nodes: &[bool], said: &ClusterFragment) {
        let encrypted = nodes.iter().filter(|tls| **tls).count();
        let cluster = name.to_owned();
        if encrypted == 0 {
            if let Some((tag, key)) = tls::any(&said.tls) {
                let place = self.layers.place_in_cluster(tag, name, &["tls", key]);
                self.notices.push(ConfigNotice::TlsWithoutHttps { place, cluster });
            }
        } else if encrypted < nodes.len() {
            let tag = said.nodes.iter().flatten().next().map(figment::value::magic::Tagged::tag);
            let place = tag.map_or(Place::Nowhere, |tag| self.layers.place_in_cluster(tag, name, &["nodes"]));
            self.notices.push(ConfigNotice::MixedSchemes { place, cluster });
        }
    }

    /// A server over http shows no key: beside pins, which leave no doubt who gets shares, it can only be a slip.
    fn refuse_pins_of_nothing(
        &self,
        name: &str,
        plain: Option<String>,
        said: &ClusterFragment,
    ) -> Result<(), ConfigError> {
        match (&said.tls.pin_sha256, plain) {
            (Some(pins), Some(node)) => Err(ConfigError::PinWithoutTls {
                place: tls::place_of_pins(self.layers, name, pins.tag()),
                node,
            }),
            _ => Ok(()),
        }
    }

    fn shares(&mut self, name: &str, said: &ClusterFragment) -> Result<Option<Source>, ConfigError> {
        let Some(SharesFragment { kind, value, tcti }) = &said.shares else {
            return match self.purpose {
                Purpose::Observe => Ok(None),
                Purpose::Unseal => {
                    let place = self.layers.place_of_cluster(name);
                    Err(ConfigError::NoShares { place, name: name.to_owned(), file: self.file.to_owned() })
                }
            };
        };
        let place = self.layers.place_in_cluster(value.tag(), name, &["shares", kind]);
        let source = match kind.as_str() {
            "file" => Source::File(tls::path_of(value, place.clone())?),
            "tpm2" => {
                let path = tls::path_of(value, place.clone())?;
                let tcti = match tcti {
                    None => None,
                    Some(text) => Some(value::tcti(text).map_err(|problem| ConfigError::Value {
                        place: self.layers.place_in_cluster(text.tag(), name, &["shares", "tcti"]),
                        problem,
                    })?),
                };
                Source::Tpm2 { path, tcti }
            }
            _ => match value::credential(value) {
                Ok(name) => Source::Credential(name),
                Err(problem) => return Err(ConfigError::Value { place, problem }),
            },
        };
        self.note_shared(name, &place, &source);
        Ok(Some(source))
    }

    /// Shares open one cluster. Another that is given the same is offered what is not its own.
    fn note_shared(&mut self, name: &str, place: &Place, source: &Source) {
        match self.sources.iter().find(|(known, _)| known == source) {
            Some((_, first)) => self.notices.push(ConfigNotice::SharedSource {
                place: place.clone(),
                origin: source.clone(),
                cluster: name.to_owned(),
                first: first.clone(),
            }),
            None => self.sources.push((source.clone(), name.to_owned())),
        }
    }
}

/// Those that are not a Unix socket, which needs no TLS and says nothing about it.
fn networked(nodes: &[NodeAddress]) -> impl Iterator<Item = &NodeAddress> {
    nodes.iter().filter(|node| node.socket().is_none())
}

fn allows_plaintext(said: &ClusterFragment) -> bool {
    said.allow_plaintext.as_ref().is_some_and(|allowed| **allowed)
}
