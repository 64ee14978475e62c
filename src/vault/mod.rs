//! The one thing we speak to: a Vault or OpenBao server's unauthenticated seal API.

mod client;
mod connection;
mod dial;
mod driver;
mod failure;
mod handshake;
mod peer;
mod server;
mod stream;
mod tls;

pub use client::name_and_version;
pub use server::init::{InitFailure, TokenFailure, WRAP_TTL};
pub use server::{ClusterClient, Server};
#[cfg(feature = "fuzzing")]
pub use tls::fuzzing;
pub(crate) use tls::{Lifetimes, is_self_issued};
pub use tls::{TlsFileError, certificate_chain, private_key};
