//! Where a value was said.

use crate::external::quote::sentence;
use std::fmt;
use std::path::PathBuf;

/// The place of a value, or of a mistake: a line of a file, an environment variable, or a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A key of a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key with its tables, as in `cluster.tls.ca_file`.
        key: String,
    },
    /// An environment variable.
    Variable(String),
    /// A flag of the command line, with its dashes.
    Flag(String),
    /// Nothing says it: the default, or several places together.
    Nowhere,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, key } => write!(f, "{}:{line}: {key}", sentence(path)),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::Flag(name) => f.write_str(name),
            Self::Nowhere => f.write_str("configuration"),
        }
    }
}
