//! To whom a copy is encrypted.

use super::program::{self, ProgramTrouble};
use crate::external::quote;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What recipients of age begin with (C2SP age, section X25519; plugins too).
const AGE: &str = "age1";

/// Somebody who keeps shares elsewhere, known by a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// A recipient of age(1).
    Age(String),
    /// A file with an OpenPGP public key, armoured or not, for gpg(1).
    Pgp(PathBuf),
}

/// Not a recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRecipient {
    /// The secret half.
    #[error("that is a secret key: give its public half, which begins with age1")]
    SecretKey,
    /// Nothing.
    #[error("it is empty")]
    Empty,
    /// Begins like one of age's and goes on otherwise.
    #[error("a recipient of age has lower-case letters and digits only")]
    Malformed,
}

impl FromStr for Recipient {
    type Err = NoRecipient;

    fn from_str(text: &str) -> Result<Self, NoRecipient> {
        let text = text.trim();
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err(NoRecipient::SecretKey);
        }
        if text.is_empty() {
            return Err(NoRecipient::Empty);
        }
        // A file of that name would be ./age1…
        if !text.starts_with(AGE) {
            return Ok(Self::Pgp(PathBuf::from(text)));
        }
        let plain =
            text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if plain { Ok(Self::Age(text.to_owned())) } else { Err(NoRecipient::Malformed) }
    }
}

impl Recipient {
    /// What the names of files for it end in.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::Age(_) => "age",
            Self::Pgp(_) => "asc",
        }
    }

    /// The Debian package that encrypts for it.
    pub(super) fn package(&self) -> &'static str {
        match self {
            Self::Age(_) => "age",
            Self::Pgp(_) => "gnupg",
        }
    }

    /// Encrypts; text that can be printed. Public keys alone are among the arguments.
    pub(super) fn encrypt(&self, text: &[u8]) -> Result<Vec<u8>, ProgramTrouble> {
        match self {
            Self::Age(recipient) => program::encrypt(
                "age",
                &["--encrypt", "--armor", "--recipient", recipient].map(OsStr::new),
                text,
            ),
            Self::Pgp(path) => {
                // The program runs in another directory.
                let path = std::path::absolute(path)
                    .map_err(|error| ProgramTrouble::Io { program: "gpg", error })?;
                // No keyring, no options and no agent of anybody's: the file says whose key it is, and giving it here
                // says that it is trusted.
                let mut arguments: Vec<&OsStr> = [
                    "--homedir",
                    "/nonexistent",
                    "--no-options",
                    "--no-keyring",
                    "--no-random-seed-file",
                    "--batch",
                    "--no-tty",
                    "--quiet",
                    "--trust-model",
                    "always",
                    "--armor",
                    "--recipient-file",
                ]
                .map(OsStr::new)
                .to_vec();
                arguments.extend([path.as_os_str(), OsStr::new("--encrypt")]);
                program::encrypt("gpg", &arguments, text)
            }
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age(recipient) => f.write_str(recipient),
            Self::Pgp(path) => f.write_str(&quote::sentence(Path::new(path))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        assert_eq!("age1qqq".parse(), Ok(Recipient::Age("age1qqq".to_owned())));
        assert_eq!("keys/anna.asc".parse(), Ok(Recipient::Pgp("keys/anna.asc".into())));
        assert_eq!("AGE-SECRET-KEY-1QQQ".parse::<Recipient>(), Err(NoRecipient::SecretKey));
        assert_eq!("age1 --output x".parse::<Recipient>(), Err(NoRecipient::Malformed));
        assert_eq!(" ".parse::<Recipient>(), Err(NoRecipient::Empty));
    }
}
