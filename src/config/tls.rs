//! The TLS keys of a cluster. No certificate is opened: it may come later than the daemon. Outside of the service, its unit
//! is read for the file of a CA credential.

use super::error::ConfigError;
use super::fragment::TlsFragment;
use super::layers::Layers;
use super::notice::ConfigNotice;
use super::place::Place;
use super::settings::{CaCredential, TlsSettings};
use super::value::{self, ValueError};
use crate::cluster::{Pin, PinError};
use crate::systemd::credential_location;
use figment::value::Tag;
use figment::value::magic::Tagged;
use std::path::{Path, PathBuf};

/// Checks the `tls` of the cluster `name`; `root` is the root directory of the machine, whose unit a credential is of.
pub(super) fn check(
    layers: &Layers,
    name: &str,
    said: &TlsFragment,
    root: &Path,
    notices: &mut Vec<ConfigNotice>,
) -> Result<TlsSettings, ConfigError> {
    let place = |tag: Tag, key| layers.place_in_cluster(tag, name, &["tls", key]);
    let path = |key, said: &super::fragment::Said<String>| {
        let path = |text: &figment::value::magic::Tagged<String>| path_of(text, place(text.tag(), key));
        said.as_ref().map(path).transpose()
    };
    let half = match (&said.client_cert, &said.client_key) {
        (Some(cert), None) => Some(("client_cert", "client_key", cert.tag())),
        (None, Some(key)) => Some(("client_key", "client_cert", key.tag())),
        _ => None,
    };
    if let Some((present, missing, tag)) = half {
        return Err(ConfigError::HalfClientCertificate { place: place(tag, present), present, missing });
    }
    let server_name = match &said.server_name {
        Some(text) => Some(
            value::server_name(text)
                .map_err(|problem| ConfigError::Value { place: place(text.tag(), "server_name"), problem })?,
        ),
        None => None,
    };
    let ca_credential = match &said.ca_credential {
        Some(text) => {
            let name = value::credential(text).map_err(|problem| ConfigError::Value {
                place: place(text.tag(), "ca_credential"),
                problem,
            })?;
            Some(CaCredential { path: credential_location(root, &name), name })
        }
        None => None,
    };
    let pin_sha256 = pins(layers, name, said)?;
    let skip_verify = match &said.skip_verify {
        Some(on) if **on => {
            if pin_sha256.is_empty() {
                let place = place(on.tag(), "skip_verify");
                notices.push(ConfigNotice::SkipVerify { place, cluster: name.to_owned() });
            }
            true
        }
        _ => false,
    };
    Ok(TlsSettings {
        ca_file: path("ca_file", &said.ca_file)?,
        ca_dir: path("ca_dir", &said.ca_dir)?,
        ca_credential,
        client_cert: path("client_cert", &said.client_cert)?,
        client_key: path("client_key", &said.client_key)?,
        server_name,
        skip_verify,
        pin_sha256,
    })
}

fn pins(layers: &Layers, name: &str, said: &TlsFragment) -> Result<Vec<Pin>, ConfigError> {
    let Some(texts) = &said.pin_sha256 else { return Ok(Vec::new()) };
    let refused = |place, problem| ConfigError::Value { place, problem: ValueError::Pin(problem) };
    if texts.is_empty() {
        return Err(refused(place_of_pins(layers, name, texts.tag()), PinError::Nothing));
    }
    let pin = |(index, text): (usize, &Tagged<String>)| {
        text.parse().map_err(|problem| {
            let key = ["tls", "pin_sha256", &index.to_string()];
            refused(layers.place_in_cluster(text.tag(), name, &key), problem)
        })
    };
    texts.iter().enumerate().map(pin).collect()
}

/// Where the list of pins stands.
pub(super) fn place_of_pins(layers: &Layers, name: &str, tag: Tag) -> Place {
    layers.place_in_cluster(tag, name, &["tls", "pin_sha256"])
}

/// One of the TLS keys that are said, and its name.
pub(super) fn any(said: &TlsFragment) -> Option<(Tag, &'static str)> {
    let texts = [
        ("ca_file", &said.ca_file),
        ("ca_dir", &said.ca_dir),
        ("ca_credential", &said.ca_credential),
        ("client_cert", &said.client_cert),
        ("client_key", &said.client_key),
        ("server_name", &said.server_name),
    ];
    let text = texts.into_iter().find_map(|(key, said)| Some((said.as_ref()?.tag(), key)));
    text.or_else(|| said.skip_verify.as_ref().filter(|on| ***on).map(|on| (on.tag(), "skip_verify")))
}

/// The path that a text at a place means: relative to the file it stands in.
pub(super) fn path_of(text: &str, place: Place) -> Result<PathBuf, ConfigError> {
    let directory = match &place {
        Place::File { path, .. } => path.parent(),
        Place::Variable(_) | Place::Flag(_) | Place::Nowhere => None,
    };
    value::path(text, directory).map_err(|problem| ConfigError::Value { place, problem })
}
