//! A validated configuration.

use crate::accounts::Trusted;
use crate::cluster::{Discovery, NodeAddress, OnOperatorSeal, Pace, Pin, ShareSource};
use std::path::PathBuf;
use std::sync::Arc;
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
    /// The name in logs, status and metrics; `default` when there is one cluster without a name.
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

/// What the configuration is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Shares are submitted or checked: every cluster must say where they are.
    Unseal,
    /// Servers are looked at only: shares may be missing.
    Observe,
}
