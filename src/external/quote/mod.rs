//! Paths and names in sentences, in commands to paste, and in unit files: one function for each grammar. What a grammar
//! cannot express is refused with the reason.

mod unit;
mod words;

pub use unit::{Inexpressible, bind_path, credential_name, device_unit, exec_argument, load_credential};
pub use words::{sentence, shell, shell_word, toml};

#[cfg(test)]
mod tests;
