//! What is said of one key: a value of the key's type, and where it is written.

use super::error::{ConfigError, ConfigFault, Location};
use super::keys::{Key, Kind};
use super::value;

/// A value, and where it is written.
#[derive(Clone)]
pub(super) struct Sourced<T> {
    pub(super) value: T,
    pub(super) location: Location,
}

impl<T> Sourced<T> {
    /// The error that this value cannot be used.
    pub(super) fn refused(&self, fault: impl Into<ConfigFault>) -> ConfigError {
        self.location.clone().refuses(fault)
    }
}

/// A value of the type of its key, not yet read further: it may be overruled.
pub(super) enum Written {
    Text(String),
    List(Vec<Sourced<String>>),
    Boolean(bool),
}

impl Written {
    /// A list whose items have the same location.
    pub(super) fn list(items: impl IntoIterator<Item = String>, location: &Location) -> Self {
        Self::List(items.into_iter().map(|value| Sourced { value, location: location.clone() }).collect())
    }
}

/// What one layer says of one key.
pub(super) struct ConfigEntry {
    pub(super) key: &'static Key,
    pub(super) value: Written,
    pub(super) location: Location,
}

impl ConfigEntry {
    /// Reads the text of a variable or flag as a value of `key`.
    pub(super) fn read(key: &'static Key, location: Location, text: &str) -> Result<Self, ConfigError> {
        let value = value::no_secret(key, text).and_then(|()| match key.kind {
            Kind::Texts | Kind::Accounts => {
                let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                Ok(Written::list(texts.map(str::to_owned), &location))
            }
            Kind::Boolean => value::boolean(text).map(Written::Boolean),
            _ => Ok(Written::Text(text.to_owned())),
        });
        match value {
            Ok(value) => Ok(Self { key, value, location }),
            Err(problem) => Err(location.refuses(problem)),
        }
    }

    /// The text, of a key that is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Written::Text(text) => Some(text),
            Written::List(_) | Written::Boolean(_) => None,
        }
    }
}
