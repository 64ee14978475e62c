//! Configuration: layers as files, environment and flags give them, merged, then validated to [`Settings`].
//!
//! [`load()`] is the way in. `keys` is the table of all that may be written, `document` holds a file against it, `layers`
//! puts one layer on the other, `cluster` checks what they say together.

mod address;
mod cluster;
mod document;
mod environment;
mod error;
mod file;
mod key;
pub mod keys;
mod layers;
mod load;
mod redact;
mod settings;
mod value;

pub use address::AddressError;
pub use environment::{Environment, Overrides};
pub use error::{ConfigError, ConfigFault, Location, SyntaxError};
pub use file::{FileError, read_file};
pub use load::{LoadedConfig, Origin, load};
pub use settings::{CaCredential, Cluster, ConfigNotice, Durations, Purpose, Settings, TlsSettings};
pub use value::{DurationError, ValueError};
