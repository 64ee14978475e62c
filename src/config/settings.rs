//! A validated configuration, and what a careful owner wants to know about it.

use super::error::Location;
use super::keys::{self, KEYS, Key};
use crate::accounts::Trusted;
use crate::cluster::{Discovery, NodeAddress, OnOperatorSeal, Pace, Pin, ShareSource};
use crate::explain::Explain;
use crate::external::quote::sentence;
use crate::ordered;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tracing::level_filters::LevelFilter;

/// Everything the daemon needs to know, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The clusters to watch; at least one, each with a different name.
    pub clusters: Vec<Cluster>,
    /// The least important events that are logged. Default info.
    pub log_level: LevelFilter,
    /// Who is trusted with shares, and to say who is. Default: besides root and us, `vault` and `openbao`.
    pub trusted: Arc<Trusted>,
}

impl Settings {
    /// How many servers there are in all clusters.
    pub fn nodes(&self) -> usize {
        self.clusters.iter().map(|cluster| cluster.nodes.len()).sum()
    }
}

/// One cluster: servers that share one set of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The name in logs and status; `default` when there is one cluster without a name.
    pub name: String,
    /// Its servers, no two the same.
    pub nodes: Vec<NodeAddress>,
    /// Names that stand for more of them; no two the same, and at least one where `nodes` is empty.
    pub discoveries: Vec<Discovery>,
    /// Where its shares are; `None` only for verbs that submit nothing (`status`, `wait`) when nothing is configured.
    pub shares: Option<ShareSource>,
    /// How its servers are authenticated.
    pub tls: TlsSettings,
    /// Its intervals and time limits.
    pub pace: Pace,
    /// The same and all others, by their keys.
    pub durations: Durations,
    /// What follows when an operator seals a server on purpose. Default unseal.
    pub on_operator_seal: OnOperatorSeal,
    /// Shares may be sent without TLS to other machines, and to servers whose owner cannot be found. Default no.
    pub allow_plaintext: bool,
    /// Who is trusted, as for every cluster.
    pub trusted: Arc<Trusted>,
}

/// How a cluster's servers prove who they are, and we to them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// A PEM file of certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// A directory of such files.
    pub ca_dir: Option<PathBuf>,
    /// A systemd credential that is such a file.
    pub ca_credential: Option<CaCredential>,
    /// Our certificate chain, PEM.
    pub client_cert: Option<PathBuf>,
    /// Its key, PEM.
    pub client_key: Option<PathBuf>,
    /// The name to ask for (SNI) and to find in the certificate, instead of the address's host.
    pub server_name: Option<String>,
    /// Accept any certificate. Dangerous without pins; warned about at every start.
    pub skip_verify: bool,
    /// The public keys that the servers may have; empty when any will do.
    pub pin_sha256: Vec<Pin>,
}

/// A file of certificate authorities that systemd hands over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaCredential {
    /// The credential's name.
    pub name: String,
    /// Where this process reads it.
    pub path: PathBuf,
}

impl TlsSettings {
    /// Whether a server over TLS is known to be the right one: by its certificate, by its key, or by both.
    pub fn authenticates(&self) -> bool {
        !self.skip_verify || !self.pin_sha256.is_empty()
    }

    /// Whether it says whom to trust, in place of the system's authorities.
    pub fn names_authorities(&self) -> bool {
        self.ca_file.is_some() || self.ca_dir.is_some() || self.ca_credential.is_some()
    }

    /// Whether `server_name` is what certificates must have, so that a server has to prove it wherever it is.
    pub fn binds_name(&self) -> bool {
        self.server_name.is_some() && self.authenticates()
    }
}

/// The pace that a cluster's durations make.
pub(super) fn pace(durations: &Durations, presence: bool) -> Pace {
    Pace {
        poll_interval: durations.get(&keys::POLL_INTERVAL),
        slow_interval: durations.get(&keys::SLOW_INTERVAL),
        retry_min: durations.get(&keys::RETRY_MIN),
        retry_max: durations.get(&keys::RETRY_MAX),
        request_timeout: durations.get(&keys::REQUEST_TIMEOUT),
        unseal_timeout: durations.get(&keys::UNSEAL_TIMEOUT),
        presence,
        resolve_interval: durations.get(&keys::RESOLVE_INTERVAL),
        forget_after: durations.get(&keys::FORGET_AFTER),
    }
}

// Here, and not beside the type: the defaults stand in the table.
impl Default for Pace {
    fn default() -> Self {
        pace(&Durations::default(), keys::PRESENCE.default)
    }
}

/// Every duration of one cluster whose key has a default, by the name of the key: what is said, else the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durations(BTreeMap<&'static str, Duration>);

impl Durations {
    /// The duration of a key.
    pub fn get(&self, key: &Key<Duration>) -> Duration {
        self.0.get(key.name).copied().unwrap_or(key.default)
    }

    /// All of them, with the names of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        self.0.iter().map(|(name, duration)| (*name, *duration))
    }

    pub(super) fn set(&mut self, key: &Key, duration: Duration) {
        self.0.insert(key.name, duration);
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self(ordered::map(KEYS.iter().filter_map(|key| Some((key.name, key.default.duration()?)))))
    }
}

/// What the configuration is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Shares are submitted or checked: every cluster must say where they are.
    Unseal,
    /// Servers are looked at only: shares may be missing.
    Observe,
}

/// Something odd or dangerous in an accepted configuration, and where it is said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigNotice {
    /// Certificates are not checked in this cluster.
    #[error(
        "{0}: the servers of the cluster \"{1}\" are not authenticated: whoever answers gets the key shares"
    )]
    SkipVerify(Location, String),
    /// Shares cross a network in the clear to this address or name.
    #[error("{0}: {1} is sent key shares unencrypted")]
    Plaintext(Location, String),
    /// The scheme's port is used, which is seldom meant: the address with that port, and what stands before it (`dns+`).
    #[error("{0}: the address names no port, so {2}{1} is used")]
    PortNotNamed(Location, NodeAddress, &'static str),
    /// Some servers of this cluster with TLS, some without.
    #[error("{0}: the cluster \"{1}\" has both http and https addresses")]
    MixedSchemes(Location, String),
    /// TLS keys in this cluster, where no TLS is.
    #[error("{0}: has no effect: every address of the cluster \"{1}\" is http")]
    TlsWithoutHttps(Location, String),
    /// Two clusters with the same shares.
    #[error("{location}: the cluster \"{cluster}\" has the shares of the cluster \"{first}\", in {origin}")]
    SharedSource {
        /// Where the second cluster names the source.
        location: Location,
        /// Where the shares of both are.
        origin: ShareSource,
        /// The second cluster.
        cluster: String,
        /// The first cluster.
        first: String,
    },
    /// A fragment, this file, that says nothing.
    #[error("{}: says nothing", sentence(.0))]
    EmptyFragment(PathBuf),
    /// No account of this machine has this name; there may be one later.
    #[error("{0}: no account of this machine is called \"{1}\"")]
    UnknownAccount(Location, String),
    /// A variable of Vault's or OpenBao's client that is overruled, and why.
    #[error("the environment variable {0} is ignored: {1}")]
    VariableIgnored(String, String),
}

impl Explain for ConfigNotice {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::SkipVerify(..) => (
                "config-skip-verify",
                "Name the authority that signed their certificates, as in `tls = { ca_file = \
                 \"/etc/vault/tls/vault-ca.crt\" }`, and remove skip_verify; or name their keys with pin_sha256.",
            ),
            Self::Plaintext(..) => ("config-plaintext", "Use https as soon as the server has a certificate."),
            Self::PortNotNamed(_, node, prefix) => {
                let usual = NodeAddress { port: 8200, ..node.clone() };
                let advice = format!(
                    "Write \"{prefix}{usual}\" if you mean Vault's usual port, or \"{prefix}{node}\" if this one."
                );
                return ("config-port-not-named", Some(advice.into()));
            }
            Self::MixedSchemes(..) => (
                "config-mixed-schemes",
                "Check that the http addresses are meant: whoever listens there gets the shares, whatever the others have to \
                 prove.",
            ),
            Self::TlsWithoutHttps(..) => {
                ("config-tls-without-https", "Remove the tls keys, or write https addresses.")
            }
            Self::SharedSource { .. } => (
                "config-shared-source",
                "Give each cluster its own: one is offered the shares of the other. Only the secondary of a disaster \
                 recovery replication has its primary's shares.",
            ),
            Self::EmptyFragment(_) => ("config-empty-fragment", "Remove the file, or fill it."),
            Self::UnknownAccount(..) => (
                "config-unknown-account",
                "Correct the name, or write the number of an account that is not in /etc/passwd: \
                 `ps -o user:32=,uid= -C vault,bao` shows what the servers run as.",
            ),
            Self::VariableIgnored(..) => return ("config-variable-ignored", None),
        };
        (kind, Some(advice.into()))
    }
}
