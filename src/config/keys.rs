//! Every key there is: one table for the unknown-key errors, the names in the environment and the manual.

use std::time::Duration;

/// The table of the file in which a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Above the first `[[cluster]]`.
    Top,
    /// In a `[[cluster]]`, or above the first one as the default of all clusters.
    Everywhere,
    /// In a `[[cluster]]`.
    Cluster,
    /// In a cluster's `shares`.
    Shares,
    /// In a cluster's `tls`.
    Tls,
}

impl Scope {
    /// The table as a reader of the file knows it.
    pub fn table(self) -> &'static str {
        match self {
            Self::Top | Self::Everywhere => "the top level",
            Self::Cluster => "[[cluster]]",
            Self::Shares => "shares",
            Self::Tls => "tls",
        }
    }

    /// What stands before a key's name in its path; empty at the top level.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Top | Self::Everywhere => "",
            Self::Cluster => "cluster.",
            Self::Shares => "cluster.shares.",
            Self::Tls => "cluster.tls.",
        }
    }
}

/// What a key's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `[[cluster]]` tables.
    Clusters,
    /// A table with keys of its own.
    Table(Scope),
    /// A list of strings.
    Texts,
    /// Any string.
    Text,
    /// The path of a file or directory.
    Path,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// A humantime string between two bounds, both allowed.
    Duration(Duration, Duration),
}

impl Kind {
    /// The type as a noun, for errors and the manual.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clusters => "list of tables",
            Self::Table(_) => "table",
            Self::Texts => "list of strings",
            Self::Text => "string",
            Self::Path => "path",
            Self::Word(_) => "word",
            Self::Boolean => "boolean",
            Self::Duration(..) => "duration",
        }
    }
}

/// One key of the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// Where it stands.
    pub scope: Scope,
    /// What its value is.
    pub kind: Kind,
    /// The value when nothing is written, as it would be written; `None` when there is none.
    pub default: Option<&'static str>,
    /// What it does, in one paragraph.
    pub documentation: &'static str,
    /// A value as written in the file.
    pub example: &'static str,
    /// The environment variable that says the same; `None` when only files can say it.
    pub variable: Option<&'static str>,
}

impl Key {
    /// The key with its tables, as in `cluster.tls.ca_file`.
    pub fn path(&self) -> String {
        format!("{}{}", self.scope.prefix(), self.name)
    }

    /// Whether the key may stand in `table`.
    pub fn stands_in(&self, table: Scope) -> bool {
        self.scope == table || self.scope == Scope::Everywhere && matches!(table, Scope::Top | Scope::Cluster)
    }
}

/// The variable that names the configuration file, as `--config` does.
pub const CONFIG_VARIABLE: &str = "VAULT_UNSEAL_CONFIG";

/// What every environment variable of ours starts with.
pub const VARIABLE_PREFIX: &str = "VAULT_UNSEAL_";

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Every key, in the order of the manual.
pub static KEYS: &[Key] = &[
    Key {
        name: "log_level",
        scope: Scope::Top,
        kind: Kind::Word(&["error", "warn", "info", "debug", "trace"]),
        default: Some("\"info\""),
        documentation: "How much is logged. `info` tells of every change of a node's state, `debug` of every \
                        request.",
        example: "\"debug\"",
        variable: Some("VAULT_UNSEAL_LOG_LEVEL"),
    },
    Key {
        name: "poll_interval",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_millis(100), HOUR),
        default: Some("\"1s\""),
        documentation: "Time between two looks at a healthy node, from 100ms to 1h. A restart is noticed sooner: \
                        an idle connection beside the polls ends with the server.",
        example: "\"5s\"",
        variable: Some("VAULT_UNSEAL_POLL_INTERVAL"),
    },
    Key {
        name: "slow_interval",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_secs(1), DAY),
        default: Some("\"30s\""),
        documentation: "Time between two looks at a node that needs a person: it rejected the shares, it unseals \
                        by other means, or its seal is being migrated. From 1s to 24h.",
        example: "\"5m\"",
        variable: Some("VAULT_UNSEAL_SLOW_INTERVAL"),
    },
    Key {
        name: "retry_min",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_millis(5), MINUTE),
        default: Some("\"20ms\""),
        documentation: "The shortest pause before a node that does not answer is asked again, from 5ms to 1m. It \
                        doubles with every failure up to `retry_max`.",
        example: "\"100ms\"",
        variable: Some("VAULT_UNSEAL_RETRY_MIN"),
    },
    Key {
        name: "retry_max",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_millis(5), HOUR),
        default: Some("\"1s\""),
        documentation: "The longest such pause during the first minute, from 5ms to 1h, and never below \
                        `retry_min`.",
        example: "\"10s\"",
        variable: Some("VAULT_UNSEAL_RETRY_MAX"),
    },
    Key {
        name: "request_timeout",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_millis(100), Duration::from_secs(600)),
        default: Some("\"10s\""),
        documentation: "How long a request may take, from 100ms to 10m.",
        example: "\"30s\"",
        variable: Some("VAULT_UNSEAL_REQUEST_TIMEOUT"),
    },
    Key {
        name: "unseal_timeout",
        scope: Scope::Everywhere,
        kind: Kind::Duration(Duration::from_millis(100), Duration::from_secs(600)),
        default: Some("\"1m 40s\""),
        documentation: "How long the request that submits the last needed share may take, from 100ms to 10m. A \
                        server that joins a raft cluster answers it late.",
        example: "\"3m\"",
        variable: Some("VAULT_UNSEAL_UNSEAL_TIMEOUT"),
    },
    Key {
        name: "cluster",
        scope: Scope::Top,
        kind: Kind::Clusters,
        default: None,
        documentation: "Servers that share one set of keys. Clusters of the same name in several files are one \
                        cluster; what a later file says of a key replaces what an earlier one said.",
        example: "",
        variable: None,
    },
    Key {
        name: "name",
        scope: Scope::Cluster,
        kind: Kind::Text,
        default: Some("\"default\""),
        documentation: "The cluster's name in logs, status and metrics: up to 64 letters, digits, `.`, `-` and \
                        `_`. Needed as soon as there are two clusters.",
        example: "\"home\"",
        variable: None,
    },
    Key {
        name: "nodes",
        scope: Scope::Cluster,
        kind: Kind::Texts,
        default: None,
        documentation: "The addresses of all servers of the cluster, each as a URL with its port. Not the \
                        address of a load balancer: every server is unsealed by itself.",
        example: "[\"https://vault.home:8200\"]",
        variable: Some("VAULT_UNSEAL_NODES"),
    },
    Key {
        name: "shares",
        scope: Scope::Cluster,
        kind: Kind::Table(Scope::Shares),
        default: None,
        documentation: "Where the key shares are kept: exactly one of `file` and `credential`.",
        example: "{ file = \"/etc/vault-unseal/shares.json\" }",
        variable: None,
    },
    Key {
        name: "file",
        scope: Scope::Shares,
        kind: Kind::Path,
        default: None,
        documentation: "A file with key shares: the JSON of `vault operator init` or plain text, one share a \
                        line. Only root or the running user may be able to write it, and others must not read \
                        it. A relative path starts at the configuration file's directory.",
        example: "\"/etc/vault-unseal/shares.json\"",
        variable: Some("VAULT_UNSEAL_SHARES_FILE"),
    },
    Key {
        name: "credential",
        scope: Scope::Shares,
        kind: Kind::Text,
        default: None,
        documentation: "The name of a systemd credential with the same content, as given to LoadCredential= or \
                        LoadCredentialEncrypted= in the unit.",
        example: "\"shares\"",
        variable: Some("VAULT_UNSEAL_SHARES_CREDENTIAL"),
    },
    Key {
        name: "tls",
        scope: Scope::Cluster,
        kind: Kind::Table(Scope::Tls),
        default: None,
        documentation: "How the servers prove who they are, and we to them. Without it the system's certificate \
                        authorities are trusted.",
        example: "{ ca_file = \"/etc/vault/tls/vault-ca.crt\" }",
        variable: None,
    },
    Key {
        name: "ca_file",
        scope: Scope::Tls,
        kind: Kind::Path,
        default: None,
        documentation: "A PEM file of certificate authorities to trust instead of the system's. Read again when \
                        it changes.",
        example: "\"/etc/vault/tls/vault-ca.crt\"",
        variable: Some("VAULT_UNSEAL_TLS_CA_FILE"),
    },
    Key {
        name: "ca_dir",
        scope: Scope::Tls,
        kind: Kind::Path,
        default: None,
        documentation: "A directory of such files, trusted together with `ca_file`.",
        example: "\"/etc/vault/tls/ca.d\"",
        variable: Some("VAULT_UNSEAL_TLS_CA_DIR"),
    },
    Key {
        name: "client_cert",
        scope: Scope::Tls,
        kind: Kind::Path,
        default: None,
        documentation: "Our certificate chain, PEM, for servers that ask for one. Needs `client_key`.",
        example: "\"/etc/vault-unseal/client.crt\"",
        variable: Some("VAULT_UNSEAL_TLS_CLIENT_CERT"),
    },
    Key {
        name: "client_key",
        scope: Scope::Tls,
        kind: Kind::Path,
        default: None,
        documentation: "The private key of `client_cert`, PEM.",
        example: "\"/etc/vault-unseal/client.key\"",
        variable: Some("VAULT_UNSEAL_TLS_CLIENT_KEY"),
    },
    Key {
        name: "server_name",
        scope: Scope::Tls,
        kind: Kind::Text,
        default: None,
        documentation: "The DNS name or IP address to find in the servers' certificates, when it is not the one \
                        in `nodes`.",
        example: "\"vault.home\"",
        variable: Some("VAULT_UNSEAL_TLS_SERVER_NAME"),
    },
    Key {
        name: "skip_verify",
        scope: Scope::Tls,
        kind: Kind::Boolean,
        default: Some("false"),
        documentation: "Accept any certificate. Dangerous: whoever answers at the address gets the key shares. \
                        Warned about at every start.",
        example: "true",
        variable: Some("VAULT_UNSEAL_TLS_SKIP_VERIFY"),
    },
    Key {
        name: "allow_plaintext",
        scope: Scope::Cluster,
        kind: Kind::Boolean,
        default: Some("false"),
        documentation: "Accept `http://` addresses off this machine. Whoever can listen on the network gets the \
                        key shares.",
        example: "true",
        variable: Some("VAULT_UNSEAL_ALLOW_PLAINTEXT"),
    },
    Key {
        name: "on_operator_seal",
        scope: Scope::Cluster,
        kind: Kind::Word(&["unseal"]),
        default: Some("\"unseal\""),
        documentation: "What to do when an operator seals a server on purpose. `unseal`: unseal it again.",
        example: "\"unseal\"",
        variable: Some("VAULT_UNSEAL_ON_OPERATOR_SEAL"),
    },
];

/// The key of this name in `table`.
pub fn find(table: Scope, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name && key.stands_in(table))
}

/// The key that an environment variable speaks of.
pub fn of_variable(variable: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.variable == Some(variable))
}

/// The names that may stand in `table`.
pub fn names(table: Scope) -> impl Iterator<Item = &'static str> + Clone {
    KEYS.iter().filter(move |key| key.stands_in(table)).map(|key| key.name)
}

/// Of `known`, the word that `written` was most likely meant to be; `None` when nothing is near.
pub fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase().replace('-', "_");
    known
        .map(|word| (strsim::osa_distance(&written, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}
