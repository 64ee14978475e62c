//! Why a configuration was refused.

use super::address::AddressError;
use super::duration::DurationError;
use super::file::FileError;
use super::keys::{Key, Scope};
use super::place::Place;
use super::value::ValueError;
use crate::external::quote::sentence;
use std::path::PathBuf;
use std::time::Duration;

/// Why a configuration was refused: names the file, the line and the key, or the variable or flag.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read or must not be trusted.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is not TOML.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A key that is not known in its table.
    #[error("{place}: there is no key `{key}` {}", in_table(*table))]
    UnknownKey {
        /// Where it stands.
        place: Place,
        /// Its name.
        key: String,
        /// The table it stands in.
        table: Scope,
        /// That is a table with a line of its own, as `[cluster.tls]`; or the key is.
        header: bool,
        /// What it says could be a share.
        secret: bool,
    },
    /// A variable with our prefix that is not known.
    #[error("the environment variable {name} is not known")]
    UnknownVariable {
        /// Its name.
        name: String,
    },
    /// A value of the wrong type.
    #[error("{place}: needs a {}, and this is {found}", key.kind.word())]
    Type {
        /// Where it stands.
        place: Place,
        /// The key.
        key: &'static Key,
        /// The type that was found, with its article.
        found: &'static str,
        /// The text that was found, unless it could be a secret.
        text: Option<String>,
        /// It could be a share, or has one in it.
        secret: bool,
    },
    /// A duration written as a number.
    #[error("{place}: {number} has no unit")]
    BareNumber {
        /// Where it stands.
        place: Place,
        /// The number.
        number: String,
    },
    /// A duration that cannot be read or is out of bounds.
    #[error("{place}: {problem}")]
    Duration {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        problem: DurationError,
    },
    /// `retry_min` above `retry_max`.
    #[error("{place}: retry_min ({}) is longer than retry_max ({})", format(*least), format(*most))]
    RetryOrder {
        /// Where one of them stands.
        place: Place,
        /// `retry_min`.
        least: Duration,
        /// `retry_max`.
        most: Duration,
    },
    /// The address of a server that cannot be used.
    #[error("{place}: {problem}")]
    Address {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        problem: AddressError,
    },
    /// Any other value that cannot be used.
    #[error("{place}: {problem}")]
    Value {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        problem: ValueError,
    },
    /// Shares would cross a network in the clear.
    #[error("{place}: {node} would send key shares unencrypted to another machine")]
    Plaintext {
        /// Where the address stands.
        place: Place,
        /// The address, or the name.
        node: String,
    },
    /// One server twice.
    #[error("{place}: {node} is configured twice, first at {first}")]
    SameNode {
        /// The second place.
        place: Place,
        /// The address, or the name.
        node: String,
        /// The first place.
        first: Box<Place>,
    },
    /// Two clusters of one file with the same name.
    #[error("{place}: two clusters of this file are named \"{name}\", the first at {first}")]
    SameName {
        /// The second place.
        place: Place,
        /// The name.
        name: String,
        /// The first cluster.
        first: Box<Place>,
    },
    /// Several clusters, one of them without a name.
    #[error("{place}: this cluster has no name, and there are several")]
    NameNeeded {
        /// The cluster.
        place: Place,
    },
    /// A name that would not fit into a table or a metric.
    #[error("{place}: \"{name}\" is not a name for a cluster")]
    BadName {
        /// Where it stands.
        place: Place,
        /// The name.
        name: String,
    },
    /// A variable or flag that cannot know which cluster it means.
    #[error("{place} is meant for one cluster, and there are {count}")]
    WhichCluster {
        /// The variable or flag.
        place: Place,
        /// How many clusters there are.
        count: usize,
    },
    /// No server anywhere.
    #[error("no server is configured")]
    NothingConfigured {
        /// The file that can say it.
        file: PathBuf,
    },
    /// A cluster without servers.
    #[error("{place}: the cluster \"{name}\" has no nodes")]
    NoNodes {
        /// The cluster.
        place: Place,
        /// Its name.
        name: String,
    },
    /// A cluster without shares, for a verb that needs them.
    #[error("{place}: nothing says where the key shares of the cluster \"{name}\" are")]
    NoShares {
        /// The cluster.
        place: Place,
        /// Its name.
        name: String,
        /// The file that can say it.
        file: PathBuf,
    },
    /// `shares = {}`.
    #[error("{place}: does not say where the key shares are")]
    NoSource {
        /// Where it stands.
        place: Place,
    },
    /// `shares` with two sources.
    #[error("{place}: names two sources of key shares")]
    SeveralSources {
        /// Where it stands.
        place: Place,
    },
    /// `client_cert` without `client_key`, or the other way round.
    #[error("{place}: {present} is of no use without {missing}")]
    HalfClientCertificate {
        /// Where the one stands.
        place: Place,
        /// The one that is there.
        present: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// `pin_sha256` beside a server that shows no key.
    #[error("{place}: {node} is sent key shares without TLS: it has no key that could be pinned")]
    PinWithoutTls {
        /// Where the pins stand.
        place: Place,
        /// The address.
        node: String,
    },
    /// `tcti` without `tpm2`.
    #[error("{place}: `tcti` says which TPM, and the shares are in none")]
    TctiOfNothing {
        /// Where it stands.
        place: Place,
    },
    /// The merged layers do not fit together; the checks above leave nothing for this.
    #[error("configuration: {reason}")]
    Inconsistent {
        /// Why not.
        reason: &'static str,
    },
}

/// Where a file stops being TOML.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}:{column}: {message}: {extract}", sentence(path))]
pub struct SyntaxError {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
    /// What the parser says.
    pub message: String,
    /// The line, cut short, without anything that could be a share.
    pub extract: String,
}

fn in_table(table: Scope) -> String {
    match table {
        Scope::Top | Scope::Everywhere => "at the top level".to_owned(),
        _ => format!("in {}", table.table()),
    }
}

fn format(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(duration)
}
