//! What a careful owner wants to know about a configuration that was accepted.

use super::place::Place;
use crate::cluster::NodeAddress;
use crate::explain::Explain;
use crate::external::quote::sentence;
use crate::shares::Source;
use std::path::PathBuf;

/// Something odd or dangerous in an accepted configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigNotice {
    /// Certificates are not checked.
    #[error(
        "{place}: the servers of the cluster \"{cluster}\" are not authenticated: whoever answers gets the key shares"
    )]
    SkipVerify {
        /// Where it was said.
        place: Place,
        /// The cluster.
        cluster: String,
    },
    /// Shares cross a network in the clear.
    #[error("{place}: {node} is sent key shares unencrypted")]
    Plaintext {
        /// Where the address stands.
        place: Place,
        /// The address, or the name.
        node: String,
    },
    /// The scheme's port is used, which is seldom meant.
    #[error("{place}: the address names no port, so {prefix}{node} is used")]
    PortNotNamed {
        /// Where the address stands.
        place: Place,
        /// The address.
        node: NodeAddress,
        /// What stands before it, `dns+`.
        prefix: &'static str,
    },
    /// Some servers with TLS, some without.
    #[error("{place}: the cluster \"{cluster}\" has both http and https addresses")]
    MixedSchemes {
        /// The cluster's place.
        place: Place,
        /// The cluster.
        cluster: String,
    },
    /// TLS keys where no TLS is.
    #[error("{place}: has no effect: every address of the cluster \"{cluster}\" is http")]
    TlsWithoutHttps {
        /// Where one of them was said.
        place: Place,
        /// The cluster.
        cluster: String,
    },
    /// Two clusters with the same shares.
    #[error("{place}: the cluster \"{cluster}\" has the shares of the cluster \"{first}\", in {origin}")]
    SharedSource {
        /// Where the second stands.
        place: Place,
        /// The source.
        origin: Source,
        /// The second cluster.
        cluster: String,
        /// The first cluster.
        first: String,
    },
    /// A fragment that says nothing.
    #[error("{}: says nothing", sentence(path))]
    EmptyFragment {
        /// The file.
        path: PathBuf,
    },
    /// No account of this machine has this name; there may be one later.
    #[error("{place}: no account of this machine is called \"{name}\"")]
    UnknownAccount {
        /// Where it was said.
        place: Place,
        /// The name.
        name: String,
    },
    /// A variable of Vault's or OpenBao's client that is overruled.
    #[error("the environment variable {name} is ignored: {reason}")]
    VariableIgnored {
        /// The variable.
        name: String,
        /// Why.
        reason: String,
    },
}

impl Explain for ConfigNotice {
    fn kind(&self) -> &'static str {
        match self {
            Self::SkipVerify { .. } => "config-skip-verify",
            Self::Plaintext { .. } => "config-plaintext",
            Self::PortNotNamed { .. } => "config-port-not-named",
            Self::MixedSchemes { .. } => "config-mixed-schemes",
            Self::TlsWithoutHttps { .. } => "config-tls-without-https",
            Self::SharedSource { .. } => "config-shared-source",
            Self::EmptyFragment { .. } => "config-empty-fragment",
            Self::UnknownAccount { .. } => "config-unknown-account",
            Self::VariableIgnored { .. } => "config-variable-ignored",
        }
    }

    fn advice(&self) -> Option<String> {
        Some(match self {
            Self::SkipVerify { .. } => {
                "Name the authority that signed their certificates, as in `tls = { ca_file = \
                 \"/etc/vault/tls/vault-ca.crt\" }`, and remove skip_verify; or name their keys with pin_sha256."
                    .to_owned()
            }
            Self::Plaintext { .. } => "Use https as soon as the server has a certificate.".to_owned(),
            Self::PortNotNamed { node, prefix, .. } => {
                let with = |port| NodeAddress { port, ..node.clone() };
                format!(
                    "Write \"{prefix}{}\" if you mean Vault's usual port, or \"{prefix}{node}\" if this one.",
                    with(8200)
                )
            }
            Self::MixedSchemes { .. } => {
                "Check that the http addresses are meant: whoever listens there gets the shares, whatever the others have to \
                 prove."
                    .to_owned()
            }
            Self::TlsWithoutHttps { .. } => "Remove the tls keys, or write https addresses.".to_owned(),
            Self::SharedSource { .. } => {
                "Give each cluster its own: one is offered the shares of the other. Only the secondary of a disaster \
                 recovery replication has its primary's shares."
                    .to_owned()
            }
            Self::EmptyFragment { .. } => "Remove the file, or fill it.".to_owned(),
            Self::UnknownAccount { .. } => {
                "Correct the name, or write the number of an account that is not in /etc/passwd: \
                 `ps -o user:32=,uid= -C vault,bao` shows what the servers run as."
                    .to_owned()
            }
            Self::VariableIgnored { .. } => return None,
        })
    }
}
