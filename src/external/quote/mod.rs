//! Paths and names in sentences, in commands to paste, and in unit files: one function for each grammar. What a grammar
//! cannot express is refused with the reason.

mod bind;
mod credential;
mod device;
mod exec;
mod inexpressible;
mod sentence;
mod shell;
mod toml;

pub use bind::bind_path;
pub use credential::{credential_name, load_credential};
pub use device::device_unit;
pub use exec::exec_argument;
pub use inexpressible::Inexpressible;
pub use sentence::sentence;
pub use shell::{shell, shell_word};
pub use toml::toml;

#[cfg(test)]
mod tests;
