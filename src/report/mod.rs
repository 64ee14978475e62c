//! How states, trouble that lasts, and errors are told: to people in words, to machines in fields.

pub mod error;
pub mod message;
pub mod state;
