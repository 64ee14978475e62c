//! Where servers are, and by which key one is known: the address of one, a name in DNS that stands for several, and the
//! public key of a server as its owner writes it down.

use base64ct::{Base64, Encoding};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

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

    /// Whether the host looks like this machine: a Unix socket, 127.0.0.0/8, `::1` or `localhost`. Where a connection
    /// really leads is judged when there is one.
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

/// Bytes of a SHA-256 hash.
const BYTES: usize = 32;
/// Characters of one in base64.
const BASE64: usize = 44;
/// Digits of one in hex.
const HEX: usize = 2 * BYTES;

/// How to compute a pin where the certificate is.
pub const COMPUTE_PIN: &str = "openssl x509 -in FILE -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 \
                           -binary | base64";

/// The SHA-256 hash of a certificate's `SubjectPublicKeyInfo` (RFC 7469, section 2.4): it stays as long as the key does,
/// whoever signs the certificate and however often. Shown in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; BYTES]);

/// Why a text is no pin. Nothing of the text is repeated: it may be a share in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// Neither of the two lengths.
    #[error("this is no SHA-256 hash: it has {0} characters, and such a hash has 44 in base64 or 64 in hex")]
    Length(usize),
    /// The length of base64, but it is none.
    #[error(
        "this is no SHA-256 hash: it has the 44 characters of base64, and some that base64 does not have"
    )]
    Base64,
    /// The length of hex, but it is none.
    #[error("this is no SHA-256 hash: it has the 64 characters of hex, and some that are no hex digits")]
    Hex,
    /// An empty list.
    #[error("names no key, so no server would be the right one")]
    Nothing,
}

impl From<[u8; BYTES]> for Pin {
    fn from(hash: [u8; BYTES]) -> Self {
        Self(hash)
    }
}

impl FromStr for Pin {
    type Err = PinError;

    /// Reads base64, perhaps behind the `sha256//` of curl, or hex, perhaps with colons.
    fn from_str(text: &str) -> Result<Self, PinError> {
        let text = text.trim();
        let text = text.strip_prefix("sha256//").unwrap_or(text);
        let digits: String = text.chars().filter(|c| *c != ':').collect();
        let mut hash = [0; BYTES];
        match (text.chars().count(), digits.chars().count()) {
            (BASE64, _) => match Base64::decode(text, &mut hash) {
                Ok(bytes) if bytes.len() == BYTES => Ok(Self(hash)),
                _ => Err(PinError::Base64),
            },
            (_, HEX) => match base16ct::mixed::decode(&digits, &mut hash) {
                Ok(_) => Ok(Self(hash)),
                Err(_) => Err(PinError::Hex),
            },
            (length, _) => Err(PinError::Length(length)),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64::encode_string(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[test]
    fn every_way_of_writing_one_hash_is_that_hash() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let pairs: Vec<&str> = (0..32).filter_map(|at| hex.get(2 * at..2 * at + 2)).collect();
        for text in [
            PIN.to_owned(),
            format!("sha256//{PIN}"),
            format!(" {PIN}\n"),
            hex.to_owned(),
            hex.to_uppercase(),
            pairs.join(":"),
        ] {
            assert_eq!(text.parse::<Pin>().map(|pin| pin.to_string()), Ok(PIN.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_hash_is_told_by_what_is_wrong_with_it() {
        let dashes = PIN.replace('+', "-");
        for (text, error) in [
            ("", PinError::Length(0)),
            ("sha256//", PinError::Length(0)),
            (PIN.trim_end_matches('='), PinError::Length(43)),
            (&dashes, PinError::Base64),
            ("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU+", PinError::Base64),
            (&"g".repeat(64), PinError::Hex),
            (&"0".repeat(63), PinError::Length(63)),
        ] {
            assert_eq!(text.parse::<Pin>(), Err(error), "{text}");
        }
    }
}
