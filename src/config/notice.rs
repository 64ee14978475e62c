//! What a careful owner wants to know about a configuration that was accepted.

use super::error::Location;
use crate::cluster::{NodeAddress, ShareSource};
use crate::explain::Explain;
use crate::external::quote::sentence;
use std::path::PathBuf;

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
    /// The scheme's port is used, which is seldom meant.
    #[error("{location}: the address names no port, so {prefix}{node} is used")]
    PortNotNamed {
        /// Where the address stands.
        location: Location,
        /// The address, with the port that is used.
        node: NodeAddress,
        /// What stands before it, `dns+`.
        prefix: &'static str,
    },
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

impl ConfigNotice {
    /// The stable word, and what to do about it.
    fn told(&self) -> (&'static str, Option<String>) {
        let (kind, advice) = match self {
            Self::SkipVerify(..) => (
                "config-skip-verify",
                "Name the authority that signed their certificates, as in `tls = { ca_file = \
                 \"/etc/vault/tls/vault-ca.crt\" }`, and remove skip_verify; or name their keys with pin_sha256.",
            ),
            Self::Plaintext(..) => ("config-plaintext", "Use https as soon as the server has a certificate."),
            Self::PortNotNamed { node, prefix, .. } => {
                let usual = NodeAddress { port: 8200, ..node.clone() };
                let advice = format!(
                    "Write \"{prefix}{usual}\" if you mean Vault's usual port, or \"{prefix}{node}\" if this one."
                );
                return ("config-port-not-named", Some(advice));
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
        (kind, Some(advice.to_owned()))
    }
}

impl Explain for ConfigNotice {
    fn kind(&self) -> &'static str {
        self.told().0
    }

    fn advice(&self) -> Option<String> {
        self.told().1
    }
}
