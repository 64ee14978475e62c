//! What the environment says: `VAULT_UNSEAL_*`, and the variables of Vault's and OpenBao's own clients.

use super::error::ConfigError;
use super::fragment::ClusterFragment;
use super::given::Given;
use super::keys::{self, Key, Kind, Scope};
use super::place::Place;
use super::shown::shown;
use super::value::{self, ValueError};
use figment::value::Value;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// What the environment of a process, or one made up for a test, says to us; the rest is not kept.
///
/// No Debug: a share may have been put into a variable by mistake.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

/// The variables of the servers' own clients, without `VAULT_` or `BAO_`, and the keys they speak of.
///
/// Vault's `api/client.go` and OpenBao's fork of it read them. Theirs that skip verification are not heard: what was
/// left in a shell must not open the way of the shares to anybody.
const CLIENT_VARIABLES: &[(&str, Scope, &str)] = &[
    ("ADDR", Scope::Cluster, "nodes"),
    ("CACERT", Scope::Tls, "ca_file"),
    ("CAPATH", Scope::Tls, "ca_dir"),
    ("CLIENT_CERT", Scope::Tls, "client_cert"),
    ("CLIENT_KEY", Scope::Tls, "client_key"),
    ("TLS_SERVER_NAME", Scope::Tls, "server_name"),
];

/// A variable of Vault's or OpenBao's client that is set; read only if it is used.
pub(super) struct ClientVariable<'a> {
    /// Its whole name.
    pub(super) name: String,
    /// The key it speaks of.
    pub(super) key: &'static Key,
    text: &'a OsStr,
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The value of a variable; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// What our own variables say.
    pub(super) fn given(&self) -> Result<Vec<Given>, ConfigError> {
        let mut given = Vec::new();
        for (name, text) in &self.0 {
            let Some(name) = name.to_str().filter(|name| name.starts_with(keys::VARIABLE_PREFIX)) else {
                continue;
            };
            if name == keys::CONFIG_VARIABLE {
                continue;
            }
            let Some(key) = keys::of_variable(name) else {
                return Err(ConfigError::UnknownVariable { name: shown(name) });
            };
            if !text.is_empty() {
                given.push(read(key, name, text)?);
            }
        }
        let sources: Vec<&Given> = given.iter().filter(|given| given.key.scope == Scope::Shares).collect();
        match sources.as_slice() {
            [_, second, ..] => Err(ConfigError::SeveralSources { place: second.place.clone() }),
            _ => Ok(given),
        }
    }

    /// The clients' variables that are set; OpenBao's wins over Vault's.
    pub(super) fn client_variables(&self) -> Vec<ClientVariable<'_>> {
        let mut set = Vec::new();
        for (suffix, table, key) in CLIENT_VARIABLES {
            let names = [format!("BAO_{suffix}"), format!("VAULT_{suffix}")];
            let first = names.into_iter().find_map(|name| self.get(&name).map(|text| (name, text)));
            if let (Some((name, text)), Some(key)) = (first, keys::find(*table, key)) {
                set.push(ClientVariable { name, key, text });
            }
        }
        set
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(variables.filter(|(name, _): &(OsString, OsString)| is_for_us(name)).collect())
    }
}

impl ClientVariable<'_> {
    /// Its value. An address is one address here, whatever commas are in it.
    pub(super) fn given(&self) -> Result<Given, ConfigError> {
        let mut given = read(self.key, &self.name, self.text)?;
        if let (Kind::Texts, Some(text)) = (self.key.kind, self.text.to_str()) {
            given.value = Value::from(vec![text]);
        }
        Ok(given)
    }

    /// Whether the configuration of the cluster says the very same.
    pub(super) fn agrees_with(&self, cluster: &ClusterFragment) -> bool {
        let Some(text) = self.text.to_str() else { return false };
        let tls = &cluster.tls;
        let said = match self.key.name {
            "nodes" => return cluster.nodes.iter().flatten().any(|node| **node == text),
            "skip_verify" => {
                return tls.skip_verify.as_ref().map(|on| **on) == value::boolean(text).ok();
            }
            "ca_file" => &tls.ca_file,
            "ca_dir" => &tls.ca_dir,
            "client_cert" => &tls.client_cert,
            "client_key" => &tls.client_key,
            _ => &tls.server_name,
        };
        said.as_ref().is_some_and(|said| **said == text)
    }
}

/// Ours and those of the clients that are read; `VAULT_TOKEN` is nothing to us.
fn is_for_us(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let suffix = name.strip_prefix("BAO_").or_else(|| name.strip_prefix("VAULT_"));
    let client = |suffix| CLIENT_VARIABLES.iter().any(|(known, ..)| *known == suffix);
    name.starts_with(keys::VARIABLE_PREFIX) || suffix.is_some_and(client)
}

fn read(key: &'static Key, name: &str, text: &OsStr) -> Result<Given, ConfigError> {
    let place = Place::Variable(name.to_owned());
    match text.to_str() {
        Some(text) => Given::read(key, place, text),
        None => Err(ConfigError::Value { place, problem: ValueError::NotUtf8 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_value_that_is_no_text_is_refused_only_where_it_is_used() {
        let bytes = || OsStr::from_bytes(b"\xff").to_owned();
        let ours: Environment = [("VAULT_UNSEAL_LOG_LEVEL", bytes())].into_iter().collect();
        let error = ours.given().err().expect("refused").to_string();
        assert_eq!(error, "the environment variable VAULT_UNSEAL_LOG_LEVEL: its value is not UTF-8 text");
        let others: Environment = [("VAULT_TOKEN", bytes())].into_iter().collect();
        assert!(others.given().is_ok());
        assert!(others == Environment::default(), "a token is not kept");
    }

    #[test]
    fn openbao_wins_over_vault_and_empty_is_unset() {
        let names = |variables: &[(&str, &str)]| {
            let environment: Environment = variables.iter().copied().collect();
            environment.client_variables().into_iter().map(|set| set.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[("VAULT_ADDR", "https://a"), ("BAO_ADDR", "https://b")]), ["BAO_ADDR"]);
        assert_eq!(names(&[("VAULT_ADDR", "https://a"), ("BAO_ADDR", "")]), ["VAULT_ADDR"]);
    }
}
