//! Why a configuration was refused: what is said, its kind and the advice.

use super::address::AddressError;
use super::file::FileError;
use super::key::nearest;
use super::keys::{self, KEYS, Key, Kind, Scope};
use super::value::{DurationError, PASTED, ValueError};
use crate::explain::Explain;
use crate::external::quote::{sentence, toml};
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The place of a value, or of a mistake: a line of a file, an environment variable, or a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
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

impl Location {
    /// The error that something is wrong here.
    pub(super) fn refuses(self, fault: impl Into<ConfigFault>) -> ConfigError {
        ConfigError::At(self, fault.into())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, key } => write!(f, "{}:{line}: {key}", sentence(path)),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::Flag(name) => f.write_str(name),
            Self::Nowhere => f.write_str("configuration"),
        }
    }
}

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
    /// What stands at a location cannot be used.
    #[error("{0}: {1}")]
    At(Location, ConfigFault),
    /// A variable with our prefix that is not known.
    #[error("the environment variable {0} is not known")]
    UnknownVariable(String),
    /// A variable or flag that cannot know which cluster it means, and how many there are.
    #[error("{0} is meant for one cluster, and there are {1}")]
    WhichCluster(Location, usize),
    /// No server anywhere; the file that can say it.
    #[error("no server is configured")]
    NothingConfigured(PathBuf),
    /// The merged layers do not fit together; the checks above leave nothing for this.
    #[error("configuration: {0}")]
    Inconsistent(&'static str),
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

/// Why what stands at a location cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// A key that is not known in its table.
    #[error("there is no key `{key}` {}", in_table(*table))]
    UnknownKey {
        /// Its name.
        key: String,
        /// The table it stands in.
        table: Scope,
        /// That is a table with a line of its own, as `[cluster.tls]`; or the key is.
        header: bool,
        /// What it says could be a share.
        secret: bool,
    },
    /// A value of the wrong type.
    #[error("needs a {}, and this is {found}", key.kind.word())]
    Type {
        /// The key.
        key: &'static Key,
        /// The type that was found, with its article.
        found: &'static str,
        /// The text that was found, unless it could be a secret.
        text: Option<String>,
        /// It could be a share, or has one in it.
        secret: bool,
    },
    /// A duration written as this number.
    #[error("{0} has no unit")]
    BareNumber(String),
    /// A duration that cannot be read or is out of bounds.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// `retry_min` above `retry_max`, in this order.
    #[error("retry_min ({}) is longer than retry_max ({})", format(*.0), format(*.1))]
    RetryOrder(Duration, Duration),
    /// The address of a server that cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Any other value that cannot be used.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// Shares would cross a network in the clear to this address or name.
    #[error("{0} would send key shares unencrypted to another machine")]
    Plaintext(String),
    /// One server twice: its address, or the name; and the first place.
    #[error("{0} is configured twice, first at {1}")]
    SameNode(String, Box<Location>),
    /// Two clusters of one file with the same name, and the first of them.
    #[error("two clusters of this file are named \"{0}\", the first at {1}")]
    SameName(String, Box<Location>),
    /// Several clusters, one of them without a name.
    #[error("this cluster has no name, and there are several")]
    NameNeeded,
    /// A name that would not fit into a table or a metric.
    #[error("\"{0}\" is not a name for a cluster")]
    BadName(String),
    /// A cluster of this name without servers.
    #[error("the cluster \"{0}\" has no nodes")]
    NoNodes(String),
    /// A cluster of this name without shares, for a verb that needs them; and the file that can say it.
    #[error("nothing says where the key shares of the cluster \"{0}\" are")]
    NoShares(String, PathBuf),
    /// `shares = {}`.
    #[error("does not say where the key shares are")]
    NoSource,
    /// `shares` with two sources.
    #[error("names two sources of key shares")]
    SeveralSources,
    /// `client_cert` without `client_key`, or the other way round: the one that is there, and the one that is not.
    #[error("{0} is of no use without {1}")]
    HalfClientCertificate(&'static str, &'static str),
    /// `pin_sha256` beside a server at this address, which shows no key.
    #[error("{0} is sent key shares without TLS: it has no key that could be pinned")]
    PinWithoutTls(String),
    /// `tcti` without `tpm2`.
    #[error("`tcti` says which TPM, and the shares are in none")]
    TctiOfNothing,
}

impl Explain for ConfigError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::File(error) => error.explained(),
            Self::Syntax(error) if error.extract.starts_with('{') => (
                "config-syntax",
                "This is JSON, perhaps the file with the shares; the configuration is a TOML file."
                    .to_owned(),
            ),
            Self::Syntax(_) => (
                "config-syntax",
                "Fix the line; strings stand in double quotes, and https://toml.io has the rest.".to_owned(),
            ),
            Self::At(location, fault) => fault.explained(location),
            Self::UnknownVariable(name) => ("config-unknown-variable", unknown_variable(name)),
            Self::WhichCluster(location, _) => {
                let thing = if matches!(location, Location::Flag(_)) { "flag" } else { "variable" };
                let advice = format!(
                    "Leave the {thing} out and write the value into the [[cluster]] it is meant for."
                );
                ("config-which-cluster", advice)
            }
            Self::NothingConfigured(file) => ("config-no-nodes", example(file)),
            Self::Inconsistent(_) => return ("config-inconsistent", None),
        };
        (kind, Some(advice.into()))
    }
}

impl ConfigFault {
    /// The stable word, and what to do about it.
    fn explained(&self, location: &Location) -> (&'static str, String) {
        let (kind, advice) = match self {
            Self::UnknownKey { key, table, header, secret } => {
                let advice = unknown_key(key, *table, *header);
                return ("config-unknown-key", if *secret { format!("{advice} {PASTED}") } else { advice });
            }
            Self::Type { key, text, secret, .. } => {
                return ("config-type", wrong_type(key, text.as_deref(), *secret));
            }
            Self::BareNumber(number) => {
                let advice =
                    format!("Write \"{number}s\", with the quotes, for seconds; ms, m and h work too.");
                return ("config-duration", advice);
            }
            Self::Duration(problem) => return ("config-duration", problem.advice()),
            Self::RetryOrder(..) => ("config-duration", "Make retry_max at least as long as retry_min."),
            Self::Address(problem) => return ("config-address", problem.advice()),
            Self::Value(problem) => return ("config-value", problem.advice()),
            Self::Plaintext(node) => {
                let https = node.replacen("http://", "https://", 1);
                let advice = format!(
                    "Use https, as in \"{https}\"; or, if the network between is yours alone, write \
                     `allow_plaintext = true` in this cluster."
                );
                return ("config-plaintext", advice);
            }
            Self::SameNode(..) => ("config-same-node", "Leave one of the two out."),
            Self::SameName(..) => (
                "config-cluster-name",
                "Write the nodes of one cluster into one [[cluster]], or give the second another name.",
            ),
            Self::NameNeeded => ("config-cluster-name", "Write `name = \"…\"` into every [[cluster]]."),
            Self::BadName(_) => ("config-cluster-name", "Use up to 64 letters, digits, `.`, `-` and `_`."),
            Self::NoNodes(_) => {
                ("config-no-nodes", "Write `nodes = [\"https://vault.example:8200\"]` into it.")
            }
            Self::NoShares(_, file) => {
                let advice = match location {
                    Location::Nowhere => format!(
                        "Set VAULT_UNSEAL_SHARES_CREDENTIAL (the service) or VAULT_UNSEAL_SHARES_FILE (by hand), or \
                         write a [[cluster]] with `shares` to {}.",
                        sentence(file)
                    ),
                    _ => shares("/path/of/shares.json"),
                };
                return ("config-no-shares", advice);
            }
            Self::NoSource => ("config-no-shares", ONE_SOURCE),
            Self::SeveralSources => ("config-several-sources", ONE_SOURCE),
            Self::HalfClientCertificate(..) => {
                ("config-half-client-certificate", "Give both client_cert and client_key, or neither.")
            }
            Self::PinWithoutTls(_) => (
                "config-pin-without-tls",
                "Write its https address, or move it into a [[cluster]] of its own, without pins.",
            ),
            Self::TctiOfNothing => (
                "config-tcti",
                "Name the sealed file beside it, `{ tpm2 = \"…\", tcti = \"…\" }`, or leave `tcti` out.",
            ),
        };
        (kind, advice.to_owned())
    }
}

const ONE_SOURCE: &str = "Name exactly one: `{ credential = \"…\" }`, `{ tpm2 = \"…\" }`, `{ socket = \"…\" }` or, by hand, \
                          `{ file = \"…\" }`.";

/// The least that a configuration says.
fn example(file: &Path) -> String {
    format!(
        "Write to {}:\n\
         \n\
         [[cluster]]\n\
         nodes  = [\"https://vault.example:8200\"]\n\
         shares = {{ credential = \"shares\" }}    # the service: /etc/vault-unseal/shares.json\n\
         \u{20}                                     # by hand: {{ file = \"/path/of/shares.json\" }}",
        sentence(file)
    )
}

/// The service's user is another at each start and cannot read a file of root's: systemd hands that over.
fn shares(path: &str) -> String {
    format!(
        "Write `shares = {{ credential = \"shares\" }}`: the service is given /etc/vault-unseal/shares.json by that name. By hand: \
         `shares = {{ file = {} }}`.",
        toml(path)
    )
}

fn wrong_type(key: &Key, text: Option<&str>, secret: bool) -> String {
    match key.kind {
        Kind::Table(Scope::Shares) => {
            let advice = shares(text.unwrap_or("/path/of/shares.json"));
            if secret { format!("{PASTED} {advice}") } else { advice }
        }
        _ if secret => PASTED.to_owned(),
        Kind::Clusters => {
            "Write `[[cluster]]`, with two brackets, above the keys of each cluster.".to_owned()
        }
        Kind::Boolean => format!("Write `{} = true` or `{} = false`, without quotes.", key.name, key.name),
        _ => format!("Write `{} = {}`.", key.name, key.example),
    }
}

fn unknown_key(key: &str, table: Scope, header: bool) -> String {
    if let Some(nearest) = nearest(key, keys::names(table)) {
        return format!("Did you mean `{nearest}`?");
    }
    // A key in the wrong table is as common as a slip of the pen.
    let Some(known) = KEYS.iter().find(|known| known.name == key) else {
        let names: Vec<&str> = keys::names(table).collect();
        return format!("The keys of {} are {}.", table.table(), names.join(", "));
    };
    match known.scope {
        Scope::Shares | Scope::Tls => {
            let table = known.scope.table();
            format!("It belongs in the table `{table}` of a [[cluster]]: `{table} = {{ {key} = … }}`.")
        }
        Scope::Top => "It belongs above the first [[cluster]] line.".to_owned(),
        // All that stands below the line of a table is in it.
        Scope::Cluster | Scope::Everywhere => match table {
            Scope::Shares | Scope::Tls if header => format!(
                "It belongs in the [[cluster]] itself: move it above the `[cluster.{}]` line.",
                table.table()
            ),
            Scope::Shares | Scope::Tls => {
                format!("It belongs in the [[cluster]] itself: move it out of `{}`.", table.table())
            }
            _ if header && matches!(known.kind, Kind::Table(_)) => {
                format!("Write `[cluster.{key}]`, below the [[cluster]] line that it belongs to.")
            }
            _ => "It belongs below a [[cluster]] line.".to_owned(),
        },
    }
}

fn unknown_variable(name: &str) -> String {
    let short = |variable: &'static str| variable.strip_prefix(keys::VARIABLE_PREFIX).unwrap_or(variable);
    let known: Vec<&'static str> =
        KEYS.iter().filter_map(|key| key.variable).chain([keys::CONFIG_VARIABLE]).map(short).collect();
    let written = name.strip_prefix(keys::VARIABLE_PREFIX).unwrap_or(name);
    match nearest(written, known.iter().copied()) {
        Some(nearest) => format!("Did you mean {}{nearest}?", keys::VARIABLE_PREFIX),
        None => format!("Known are {}, all behind {}.", known.join(", "), keys::VARIABLE_PREFIX),
    }
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
