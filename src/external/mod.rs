//! Text that comes from outside: from servers, files, units, resolvers and sockets. It is data, whatever it looks like.
//! [`ExternalText`] holds and shows it, [`quote`] puts paths and names into sentences and commands, [`error`] says in
//! our own words what a library or the system complains of.

pub mod error;
pub mod quote;
mod text;

pub use text::{ExternalText, could_be_secret, in_words, json_line};
