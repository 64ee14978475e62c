//! Values that come one by one: from the environment and from flags.

use super::error::ConfigError;
use super::keys::{Key, Kind};
use super::place::Place;
use super::value;
use figment::value::Value;

/// One value for one key.
pub(super) struct Given {
    /// The key.
    pub(super) key: &'static Key,
    /// The variable or flag.
    pub(super) place: Place,
    /// What it says, of the key's type.
    pub(super) value: Value,
}

impl Given {
    /// Reads `text` as a value of `key`.
    pub(super) fn read(key: &'static Key, place: Place, text: &str) -> Result<Self, ConfigError> {
        if let Err(problem) = value::no_secret(key, text) {
            return Err(ConfigError::Value { place, problem });
        }
        let value = match key.kind {
            Kind::Texts | Kind::Accounts => {
                let texts: Vec<&str> =
                    text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect();
                Value::from(texts)
            }
            Kind::Boolean => match value::boolean(text) {
                Ok(value) => Value::from(value),
                Err(problem) => return Err(ConfigError::Value { place, problem }),
            },
            _ => Value::from(text),
        };
        Ok(Self { key, place, value })
    }
}
