//! Configuration: layers as files, environment and flags give them, merged, then validated to [`Settings`].
//!
//! [`load()`] is the way in. `keys` says what may be written, `shape` holds a file against it, `layers` puts one
//! layer on the other, `cluster` checks what they say together.

mod address;
mod advice;
mod cluster;
mod discovery;
mod document;
mod duration;
mod environment;
mod error;
mod file;
mod fragment;
mod given;
pub mod keys;
mod layers;
mod load;
mod notice;
mod overrides;
mod pace;
mod place;
mod settings;
mod shape;
mod shown;
mod tls;
mod value;

pub use crate::cluster::{COMPUTE_PIN, Discovery, NodeAddress, OnOperatorSeal, Pace, Pin, PinError};
pub use address::AddressError;
pub use duration::DurationError;
pub use environment::Environment;
pub use error::{ConfigError, SyntaxError};
pub use file::FileError;
pub use load::{Loaded, Origin, load};
pub use notice::ConfigNotice;
pub use overrides::Overrides;
pub use place::Place;
pub use settings::{CaCredential, Cluster, Purpose, Settings, TlsSettings};
pub use value::ValueError;
