//! Configuration: fragments as files and the environment give them, merged, then validated to [`Settings`].

mod error;
mod settings;

pub use error::ConfigError;
pub use settings::{Cluster, NodeAddress, Pace, Settings, TlsSettings};
