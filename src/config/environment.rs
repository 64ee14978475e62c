//! What the environment and the command line say: `VAULT_UNSEAL_*`, the variables of Vault's and OpenBao's own clients,
//! and the flags.

use super::document::{ConfigEntry, Written};
use super::error::{ConfigError, ConfigFault, Location};
use super::keys::{self, Flag, KEYS, Key, Scope};
use super::layers::Values;
use super::redact::redact;
use super::value::ValueError;
use crate::ordered;
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
static CLIENT_VARIABLES: [(&str, &Key); 6] = [
    ("ADDR", &keys::NODES),
    ("CACERT", &keys::CA_FILE),
    ("CAPATH", &keys::CA_DIR),
    ("CLIENT_CERT", &keys::CLIENT_CERT),
    ("CLIENT_KEY", &keys::CLIENT_KEY),
    ("TLS_SERVER_NAME", &keys::SERVER_NAME),
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

    /// The layers of our own variables.
    pub(super) fn entries(&self) -> Result<Vec<ConfigEntry>, ConfigError> {
        let mut entries = Vec::new();
        for (name, text) in &self.0 {
            let Some(name) = name.to_str().filter(|name| name.starts_with(keys::VARIABLE_PREFIX)) else {
                continue;
            };
            if name == keys::CONFIG_VARIABLE {
                continue;
            }
            let Some(key) = KEYS.iter().find(|key| key.variable == Some(name)) else {
                return Err(ConfigError::UnknownVariable(redact(name)));
            };
            if !text.is_empty() {
                entries.push(read(key, name, text)?);
            }
        }
        match entries.iter().filter(|entry| entry.key.scope == Scope::Shares).nth(1) {
            Some(second) => Err(second.location.clone().refuses(ConfigFault::SeveralSources)),
            None => Ok(entries),
        }
    }

    /// The clients' variables that are set; OpenBao's wins over Vault's.
    pub(super) fn client_variables(&self) -> Vec<ClientVariable<'_>> {
        let mut set = Vec::new();
        for (suffix, key) in CLIENT_VARIABLES {
            let names = [format!("BAO_{suffix}"), format!("VAULT_{suffix}")];
            let first = names.into_iter().find_map(|name| self.get(&name).map(|text| (name, text)));
            set.extend(first.map(|(name, text)| ClientVariable { name, key, text }));
        }
        set
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(ordered::map(variables.filter(|(name, _): &(OsString, OsString)| is_for_us(name))))
    }
}

impl ClientVariable<'_> {
    /// Its layer. An address is one address here, whatever commas are in it.
    pub(super) fn entry(&self) -> Result<ConfigEntry, ConfigError> {
        let mut entry = read(self.key, &self.name, self.text)?;
        if let (Written::List(_), Some(text)) = (&entry.value, self.text.to_str()) {
            entry.value = Written::list([text.to_owned()], &entry.location);
        }
        Ok(entry)
    }

    /// The key that is said already and answers the same question: where, whom to trust, who we are, what name.
    pub(super) fn answered(&self, values: Values<'_>) -> Option<&'static str> {
        let is = |keys: [&Key; 2]| keys.into_iter().any(|key| self.key.is(key));
        let rivals: &[&'static Key] = if is([&keys::CLIENT_CERT, &keys::CLIENT_KEY]) {
            &[&keys::CLIENT_CERT, &keys::CLIENT_KEY]
        } else if !is([&keys::CA_FILE, &keys::CA_DIR]) {
            &[self.key]
        } else if values.boolean(&keys::SKIP_VERIFY) {
            &[&keys::CA_FILE, &keys::CA_DIR, &keys::CA_CREDENTIAL, &keys::SKIP_VERIFY]
        } else {
            // `skip_verify = false` asks for a check and leaves open by whom.
            &[&keys::CA_FILE, &keys::CA_DIR, &keys::CA_CREDENTIAL]
        };
        rivals.iter().find(|key| values.get(**key).is_some()).map(|key| key.name)
    }

    /// Whether the configuration says the very same.
    pub(super) fn agrees_with(&self, values: Values<'_>) -> bool {
        let said = values.get(self.key).map(|entry| &entry.value);
        match (said, self.text.to_str()) {
            (Some(Written::List(items)), Some(text)) => items.iter().any(|item| item.value == text),
            (Some(Written::Text(said)), Some(text)) => said == text,
            _ => false,
        }
    }
}

/// What the flags say, each as the text that was written; errors name the flag.
#[derive(Debug, Clone, Default)]
pub struct Overrides(Vec<(&'static Key, Flag, String)>);

impl Overrides {
    /// The `text` of each flag that was typed.
    pub fn of(text: impl Fn(&Key, Flag) -> Option<String>) -> Self {
        let typed = |(key, flag): (&'static Key, Flag)| Some((key, flag, text(key, flag)?));
        Self(keys::flags().into_iter().filter_map(typed).collect())
    }

    /// Whether no flag was typed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a flag says something of this key.
    pub fn says<T: ?Sized>(&self, key: &Key<T>) -> bool {
        self.0.iter().any(|(said, ..)| said.is(key))
    }

    /// The layer of the flags.
    pub(super) fn entries(&self) -> Result<Vec<ConfigEntry>, ConfigError> {
        let location = |flag: &Flag| Location::Flag(format!("--{}", flag.long));
        if let Some((_, flag, _)) = self.0.iter().filter(|(key, ..)| key.scope == Scope::Shares).nth(1) {
            return Err(location(flag).refuses(ConfigFault::SeveralSources));
        }
        self.0.iter().map(|(key, flag, text)| ConfigEntry::read(key, location(flag), text)).collect()
    }
}

/// Ours and those of the clients that are read; `VAULT_TOKEN` is nothing to us.
fn is_for_us(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let suffix = name.strip_prefix("BAO_").or_else(|| name.strip_prefix("VAULT_"));
    let client = |suffix| CLIENT_VARIABLES.iter().any(|(known, ..)| *known == suffix);
    name.starts_with(keys::VARIABLE_PREFIX) || suffix.is_some_and(client)
}

fn read(key: &'static Key, name: &str, text: &OsStr) -> Result<ConfigEntry, ConfigError> {
    let location = Location::Variable(name.to_owned());
    match text.to_str() {
        Some(text) => ConfigEntry::read(key, location, text),
        None => Err(location.refuses(ValueError::NotUtf8)),
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
        let error = ours.entries().err().expect("refused").to_string();
        assert_eq!(error, "the environment variable VAULT_UNSEAL_LOG_LEVEL: its value is not UTF-8 text");
        let others: Environment = [("VAULT_TOKEN", bytes())].into_iter().collect();
        assert!(others.entries().is_ok());
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
