//! How states, occurrences and errors are told: to people in words, to machines in fields. One place each.

pub mod error;
pub mod lasting;
pub mod message;
pub mod state;
