//! What the flags of the command line say; the table of keys has which there are.

use super::entry::ConfigEntry;
use super::error::{ConfigError, ConfigFault, Location};
use super::keys::{self, Flag, Key, Scope};

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
