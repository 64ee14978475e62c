//! One cluster: what the layers say of it, checked. No certificate and no share file is opened: they may come later than
//! the daemon. Outside of the service, its unit is read for the file of a CA credential.

use super::address;
use super::document::Sourced;
use super::error::{ConfigError, ConfigFault, Location};
use super::keys::{self, KEYS, Key, Scope};
use super::layers::{Layers, Values};
use super::settings::ConfigNotice;
use super::settings::{self, CaCredential, Cluster, Purpose, TlsSettings};
use super::value::{self, ValueError};
use crate::accounts::Trusted;
use crate::cluster::{Discovery, NodeAddress, OnOperatorSeal, Pin, PinError, ShareSource};
use crate::systemd::credential_location;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Checks cluster by cluster; a server may be in one of them only.
pub(super) struct ClusterValidator<'a> {
    layers: &'a Layers,
    purpose: Purpose,
    trusted: &'a Arc<Trusted>,
    /// The root directory of the machine.
    root: &'a Path,
    /// The file that everything can be written to.
    file: &'a Path,
    /// Addresses and names, as they are written when normalised.
    seen: BTreeMap<String, Location>,
    sources: Vec<(ShareSource, String)>,
    notices: Vec<ConfigNotice>,
}

impl<'a> ClusterValidator<'a> {
    /// Nothing checked so far.
    pub(super) fn new(
        layers: &'a Layers,
        purpose: Purpose,
        trusted: &'a Arc<Trusted>,
        root: &'a Path,
        file: &'a Path,
    ) -> Self {
        let (seen, sources, notices) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { layers, purpose, trusted, root, file, seen, sources, notices }
    }

    /// What is odd about the clusters that were checked.
    pub(super) fn into_notices(self) -> Vec<ConfigNotice> {
        self.notices
    }

    /// Checks the cluster `name`.
    pub(super) fn check(&mut self, name: &str, values: Values<'_>) -> Result<Cluster, ConfigError> {
        let (nodes, discoveries) = self.nodes(name, values)?;
        self.check_schemes(name, values, &nodes, &discoveries)?;
        let shares = self.shares(name, values)?;
        let tls = self.tls(name, values)?;
        let durations = values.durations()?;
        let pace = settings::pace(&durations, values.boolean(&keys::PRESENCE));
        if pace.retry_min > pace.retry_max {
            let said = values.get(&keys::RETRY_MIN).or_else(|| values.get(&keys::RETRY_MAX));
            let location = said.map_or(Location::Nowhere, |entry| entry.location.clone());
            return Err(location.refuses(ConfigFault::RetryOrder(pace.retry_min, pace.retry_max)));
        }
        Ok(Cluster {
            name: name.to_owned(),
            nodes,
            discoveries,
            shares,
            tls,
            on_operator_seal: on_operator_seal(values)?,
            pace,
            durations,
            allow_plaintext: values.boolean(&keys::ALLOW_PLAINTEXT),
            trusted: Arc::clone(self.trusted),
        })
    }

    fn nodes(
        &mut self,
        name: &str,
        values: Values<'_>,
    ) -> Result<(Vec<NodeAddress>, Vec<Discovery>), ConfigError> {
        let plaintext = values.boolean(&keys::ALLOW_PLAINTEXT);
        let (mut nodes, mut discoveries) = (Vec::new(), Vec::new());
        for text in values.list(&keys::NODES).map(|list| list.value).unwrap_or_default() {
            let location = &text.location;
            // What a name stands for is not known before it is looked up: it may be another machine.
            let (node, near) = if Discovery::is_meant(&text.value) {
                let discovery: Discovery = text.value.parse().map_err(|problem| text.refused(problem))?;
                if let Discovery::Addresses(node) = &discovery {
                    self.note_port(text, node, "dns+");
                }
                let named = (discovery.to_string(), discovery.tls());
                discoveries.push(discovery);
                named
            } else {
                let node: NodeAddress = text.value.parse().map_err(|problem| text.refused(problem))?;
                self.note_port(text, &node, "");
                let named = (node.to_string(), node.tls || node.is_loopback());
                nodes.push(node);
                named
            };
            if !near {
                if !plaintext {
                    return Err(text.refused(ConfigFault::Plaintext(node)));
                }
                self.notices.push(ConfigNotice::Plaintext(location.clone(), node.clone()));
            }
            if let Some(first) = self.seen.insert(node.clone(), location.clone()) {
                return Err(text.refused(ConfigFault::SameNode(node, Box::new(first))));
            }
        }
        if !nodes.is_empty() || !discoveries.is_empty() {
            return Ok((nodes, discoveries));
        }
        Err(match self.layers.location_of_cluster(name) {
            Location::Nowhere => ConfigError::NothingConfigured(self.file.to_owned()),
            location => location.refuses(ConfigFault::NoNodes(name.to_owned())),
        })
    }

    fn note_port(&mut self, text: &Sourced<String>, node: &NodeAddress, prefix: &'static str) {
        if node.socket().is_none() && !address::names_port(text.value.trim()) {
            let location = text.location.clone();
            self.notices.push(ConfigNotice::PortNotNamed(location, node.clone(), prefix));
        }
    }

    /// Whether the addresses are over TLS, as far as they are not a Unix socket, which needs none and says nothing
    /// about it.
    fn check_schemes(
        &mut self,
        name: &str,
        values: Values<'_>,
        nodes: &[NodeAddress],
        discoveries: &[Discovery],
    ) -> Result<(), ConfigError> {
        let nodes = nodes.iter().filter(|node| node.socket().is_none());
        let nodes = nodes.map(|node| (node.tls, node.to_string()));
        let names = discoveries.iter().map(|name| (name.tls(), name.to_string()));
        let (encrypted, plain): (Vec<_>, Vec<_>) = nodes.chain(names).partition(|(tls, _)| *tls);
        let cluster = name.to_owned();
        if encrypted.is_empty() {
            // Pins are refused below; `skip_verify = false` asks for nothing.
            let is_said = |key: &Key| {
                let entry = values.get(key).filter(|_| key.scope == Scope::Tls && !key.is(&keys::PIN_SHA256));
                entry.filter(|_| !key.is(&keys::SKIP_VERIFY) || values.boolean(&keys::SKIP_VERIFY))
            };
            if let Some(entry) = KEYS.iter().find_map(|key| is_said(key)) {
                let location = entry.location.clone();
                self.notices.push(ConfigNotice::TlsWithoutHttps(location, cluster));
            }
        } else if !plain.is_empty() {
            let location = values.get(&keys::NODES).map_or(Location::Nowhere, |entry| entry.location.clone());
            self.notices.push(ConfigNotice::MixedSchemes(location, cluster));
        }
        // A server over http shows no key: beside pins, which leave no doubt who gets shares, it can only be a slip.
        match (values.list(&keys::PIN_SHA256), plain.into_iter().next()) {
            (Some(pins), Some((_, node))) => Err(pins.refused(ConfigFault::PinWithoutTls(node))),
            _ => Ok(()),
        }
    }

    fn shares(&mut self, name: &str, values: Values<'_>) -> Result<Option<ShareSource>, ConfigError> {
        let (source, location) = if let Some(text) = values.text(&keys::SHARES_FILE) {
            (ShareSource::File(path(&text)?), text.location)
        } else if let Some(text) = values.text(&keys::SHARES_SOCKET) {
            (ShareSource::Socket(path_by(&text, value::socket_path)?), text.location)
        } else if let Some(text) = values.text(&keys::SHARES_TPM2) {
            let tcti = read(values, &keys::SHARES_TCTI, value::tcti)?;
            (ShareSource::Tpm2 { path: path(&text)?, tcti }, text.location)
        } else if let Some(text) = values.text(&keys::SHARES_CREDENTIAL) {
            let name = value::credential(text.value).map_err(|problem| text.refused(problem))?;
            (ShareSource::Credential(name), text.location)
        } else {
            return match self.purpose {
                Purpose::Observe => Ok(None),
                Purpose::Unseal => {
                    let fault = ConfigFault::NoShares(name.to_owned(), self.file.to_owned());
                    Err(self.layers.location_of_cluster(name).refuses(fault))
                }
            };
        };
        // Shares open one cluster. Another that is given the same is offered what is not its own.
        match self.sources.iter().find(|(known, _)| *known == source) {
            Some((_, first)) => self.notices.push(ConfigNotice::SharedSource {
                location,
                origin: source.clone(),
                cluster: name.to_owned(),
                first: first.clone(),
            }),
            None => self.sources.push((source.clone(), name.to_owned())),
        }
        Ok(Some(source))
    }

    fn tls(&mut self, name: &str, values: Values<'_>) -> Result<TlsSettings, ConfigError> {
        let path_of = |key: &Key<()>| values.text(key).map(|text| path(&text)).transpose();
        for (present, missing) in
            [(&keys::CLIENT_CERT, &keys::CLIENT_KEY), (&keys::CLIENT_KEY, &keys::CLIENT_CERT)]
        {
            if let (Some(text), None) = (values.text(present), values.get(missing)) {
                let (present, missing) = (present.name, missing.name);
                return Err(text.refused(ConfigFault::HalfClientCertificate(present, missing)));
            }
        }
        let server_name = read(values, &keys::SERVER_NAME, value::server_name)?;
        let ca_credential = read(values, &keys::CA_CREDENTIAL, value::credential)?;
        let ca_credential =
            ca_credential.map(|name| CaCredential { path: credential_location(self.root, &name), name });
        let pin_sha256 = pins(values)?;
        let skip_verify = values.boolean(&keys::SKIP_VERIFY);
        if let Some(entry) = values.get(&keys::SKIP_VERIFY).filter(|_| skip_verify && pin_sha256.is_empty()) {
            let location = entry.location.clone();
            self.notices.push(ConfigNotice::SkipVerify(location, name.to_owned()));
        }
        Ok(TlsSettings {
            ca_file: path_of(&keys::CA_FILE)?,
            ca_dir: path_of(&keys::CA_DIR)?,
            ca_credential,
            client_cert: path_of(&keys::CLIENT_CERT)?,
            client_key: path_of(&keys::CLIENT_KEY)?,
            server_name,
            skip_verify,
            pin_sha256,
        })
    }
}

fn on_operator_seal(values: Values<'_>) -> Result<OnOperatorSeal, ConfigError> {
    let word = values.word(&keys::ON_OPERATOR_SEAL)?;
    let at_most = values.duration(&keys::HOLD_FOR)?;
    Ok(if word == "hold" { OnOperatorSeal::Hold { at_most } } else { OnOperatorSeal::Unseal })
}

fn pins(values: Values<'_>) -> Result<Vec<Pin>, ConfigError> {
    let Some(pins) = values.list(&keys::PIN_SHA256) else { return Ok(Vec::new()) };
    if pins.value.is_empty() {
        return Err(pins.refused(ValueError::from(PinError::Nothing)));
    }
    let pin = |text: &Sourced<String>| {
        text.value.parse().map_err(|problem: PinError| text.refused(ValueError::from(problem)))
    };
    pins.value.iter().map(pin).collect()
}

/// What the text of a key means, if it is said.
fn read<T>(
    values: Values<'_>,
    key: &Key<()>,
    meaning: impl Fn(&str) -> Result<T, ValueError>,
) -> Result<Option<T>, ConfigError> {
    let read = |text: Sourced<&str>| meaning(text.value).map_err(|problem| text.refused(problem));
    values.text(key).map(read).transpose()
}

/// The path that a text means: relative to the file it stands in.
fn path(text: &Sourced<&str>) -> Result<PathBuf, ConfigError> {
    path_by(text, value::path)
}

fn path_by(
    text: &Sourced<&str>,
    meaning: impl Fn(&str, Option<&Path>) -> Result<PathBuf, ValueError>,
) -> Result<PathBuf, ConfigError> {
    let directory = match &text.location {
        Location::File { path, .. } => path.parent(),
        Location::Variable(_) | Location::Flag(_) | Location::Nowhere => None,
    };
    meaning(text.value, directory).map_err(|problem| text.refused(problem))
}
