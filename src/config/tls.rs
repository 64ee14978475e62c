//! The TLS keys of a cluster. No file is opened: certificates may come later than the daemon.

use super::cluster::path_of;
use super::error::ConfigError;
use super::fragment::TlsFragment;
use super::layers::Layers;
use super::notice::ConfigNotice;
use super::settings::TlsSettings;
use super::value;
use figment::value::Tag;

/// Checks the `tls` of the cluster `name`.
pub(super) fn check(
    layers: &Layers,
    name: &str,
    said: &TlsFragment,
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
    let skip_verify = match &said.skip_verify {
        Some(on) if **on => {
            let place = place(on.tag(), "skip_verify");
            notices.push(ConfigNotice::SkipVerify { place, cluster: name.to_owned() });
            true
        }
        _ => false,
    };
    Ok(TlsSettings {
        ca_file: path("ca_file", &said.ca_file)?,
        ca_dir: path("ca_dir", &said.ca_dir)?,
        client_cert: path("client_cert", &said.client_cert)?,
        client_key: path("client_key", &said.client_key)?,
        server_name,
        skip_verify,
    })
}

/// One of the TLS keys that are said, and its name.
pub(super) fn any(said: &TlsFragment) -> Option<(Tag, &'static str)> {
    let texts = [
        ("ca_file", &said.ca_file),
        ("ca_dir", &said.ca_dir),
        ("client_cert", &said.client_cert),
        ("client_key", &said.client_key),
        ("server_name", &said.server_name),
    ];
    let text = texts.into_iter().find_map(|(key, said)| Some((said.as_ref()?.tag(), key)));
    text.or_else(|| said.skip_verify.as_ref().filter(|on| ***on).map(|on| (on.tag(), "skip_verify")))
}
