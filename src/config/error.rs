//! Why a configuration was refused.

use crate::explain::Explain;

/// Why a configuration was refused: names the file, the line and the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Placeholder: to be written with the real cases.
    #[error("refused")]
    Refused,
}

impl Explain for ConfigError {
    fn kind(&self) -> &'static str {
        "refused"
    }
    fn advice(&self) -> Option<String> {
        None
    }
}
