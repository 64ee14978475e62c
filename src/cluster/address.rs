//! Where servers are: the address of one, and a name in DNS that stands for several.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

/// The address of one server: scheme, host and port, nothing behind them; or a Unix socket on this machine.
///
/// ```
/// use vault_unseal::cluster::NodeAddress;
///
/// let server: NodeAddress = "https://Vault.home:8200".parse()?;
/// assert_eq!(server.to_string(), "https://vault.home:8200");
/// assert!("https://vault.home:8200/ui".parse::<NodeAddress>().is_err());
/// assert!("unix:///run/openbao/api.sock".parse::<NodeAddress>()?.is_loopback());
/// # Ok::<(), vault_unseal::config::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeAddress {
    /// `true` for `https`.
    pub tls: bool,
    /// The host in lower case: a name (ASCII), an IPv4 address, or an IPv6 address without brackets. Of a Unix socket
    /// its path, which alone begins with a slash.
    pub host: String,
    /// The TCP port; 0 of a Unix socket.
    pub port: u16,
}

impl NodeAddress {
    /// The path of a Unix socket, as in `unix:///run/openbao/api.sock`.
    pub fn socket(&self) -> Option<&Path> {
        self.host.starts_with('/').then(|| Path::new(&self.host))
    }

    /// Whether the host looks like this machine: a Unix socket, 127.0.0.0/8, `::1` or `localhost`. Where a connection really leads is
    /// judged when there is one.
    pub fn is_loopback(&self) -> bool {
        let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
        self.socket().is_some() || self.host == "localhost" || self.host.parse().is_ok_and(is_loopback)
    }

    /// `https`, `http` or `unix`.
    pub fn scheme(&self) -> &'static str {
        match (self.socket(), self.tls) {
            (Some(_), _) => "unix",
            (None, true) => "https",
            (None, false) => "http",
        }
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if self.socket().is_some() {
            write!(f, "unix://{host}")
        } else if host.contains(':') {
            write!(f, "{}://[{host}]:{port}", self.scheme())
        } else {
            write!(f, "{}://{host}:{port}", self.scheme())
        }
    }
}

/// One server: where it is, and the name that its certificate must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it is reached.
    pub address: NodeAddress,
    /// The name under which its address was found; `None` where the address's own host is the name.
    pub name: Option<String>,
}

impl From<NodeAddress> for Node {
    fn from(address: NodeAddress) -> Self {
        Self { address, name: None }
    }
}

/// A name whose entries in DNS are nodes, each of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Discovery {
    /// `dns+https://vault-internal:8200`: every address of this host is a node.
    Addresses(NodeAddress),
    /// `srv+https://_vault._tcp.example`: every target of this SRV record is a node (RFC 2782).
    Services {
        /// `true` for `https`.
        tls: bool,
        /// The whole name, in lower case and without a dot at its end.
        name: String,
    },
}

/// What begins the scheme of a name whose addresses are nodes.
pub(crate) const ADDRESSES: &str = "dns+";
/// What begins the scheme of the name of an SRV record.
pub(crate) const SERVICES: &str = "srv+";
impl Discovery {
    /// Whether its nodes speak TLS.
    pub fn tls(&self) -> bool {
        match self {
            Self::Addresses(address) => address.tls,
            Self::Services { tls, .. } => *tls,
        }
    }

    /// The name that is looked up.
    pub fn name(&self) -> &str {
        match self {
            Self::Addresses(address) => &address.host,
            Self::Services { name, .. } => name,
        }
    }

    /// Whether a target of the SRV record may be a node without a `server_name`: it lies in the domain that the record
    /// is of. DNS is not authenticated, and a target elsewhere could have a certificate of its own (RFC 6125,
    /// section 6.4).
    pub fn may_be(&self, target: &str) -> bool {
        match self {
            Self::Addresses(_) => true,
            Self::Services { .. } => {
                let domain = self.domain();
                target == domain || target.strip_suffix(domain).is_some_and(|host| host.ends_with('.'))
            }
        }
    }

    /// What stands behind `_service._tcp.`; of other names the whole.
    pub fn domain(&self) -> &str {
        match self {
            Self::Addresses(address) => &address.host,
            Self::Services { name, .. } => name.splitn(3, '.').nth(2).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(address) => write!(f, "{ADDRESSES}{address}"),
            Self::Services { tls, name } => {
                write!(f, "{SERVICES}{}://{name}", if *tls { "https" } else { "http" })
            }
        }
    }
}
