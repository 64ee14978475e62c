//! Reads the address of one server, and a name in DNS that stands for several.

use super::redact;
use crate::cluster::{ADDRESSES, Discovery, NodeAddress, SERVICES};
use crate::external;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// The longest path of a Unix socket, in bytes (`unix(7)`: 108 with the zero at its end).
pub(super) const LONGEST_SOCKET: usize = 107;

/// Why a text is not the address of a server. Carries no user, password or query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing.
    #[error("the address is empty")]
    Empty,
    /// No `https://`; the text, and the address it probably means.
    #[error("\"{0}\" has no scheme")]
    NoScheme(String, Option<String>),
    /// Neither `https` nor `http`; the text, and its scheme.
    #[error("\"{0}\" has the scheme \"{1}\", which is not spoken here")]
    Scheme(String, String),
    /// More than a server's address; the text, and "a path", "a query", "a fragment" or "a user or password".
    #[error("\"{0}\" has {1} in it")]
    Part(String, &'static str),
    /// An IPv6 zone.
    #[error("\"{0}\" has an IPv6 zone")]
    Zone(String),
    /// Port 0.
    #[error("\"{0}\" has port 0")]
    PortZero(String),
    /// `dns+` before an address.
    #[error("\"{0}\" has an address where a name is to be looked up")]
    NotAName(String),
    /// `srv+` before a name of another form.
    #[error("\"{0}\" does not begin with a service, as SRV records do")]
    NotAService(String),
    /// `srv+` with a port.
    #[error("\"{0}\" names a port, which the SRV record does")]
    ServicePort(String),
    /// `unix://` before something else than the path of a socket; the text, and what is wrong.
    #[error("\"{0}\" is not the address of a Unix socket: {1}")]
    Socket(String, &'static str),
    /// No URL at all; the text, and what the URL parser says.
    #[error("\"{0}\" is not a URL: {1}")]
    Unreadable(String, String),
}

impl AddressError {
    /// What to write instead.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::NoScheme(_, Some(meant)) => format!("Write \"{meant}\"."),
            Self::Scheme(..) => {
                "Servers are reached over https, or over http or a Unix socket on this machine: write \
                 \"https://vault.example:8200\" or \"unix:///run/openbao/api.sock\"; or \"dns+https://vault.example:8200\" or \
                 \"srv+https://_vault._tcp.example\" for a name that stands for several."
                    .to_owned()
            }
            Self::Part(..) => {
                "Leave it out: scheme, host and port are all, as in \"https://vault.example:8200\".".to_owned()
            }
            Self::Zone(_) => "A zone (%eth0) has a meaning on one machine only, and no certificate has one. \
                                  Use a global or unique local address (fd00::/8), or a name."
                .to_owned(),
            Self::NotAName(_) => "Leave `dns+` out: an address is one server.".to_owned(),
            Self::NotAService(_) => {
                "Write the record's whole name, as in \"srv+https://_vault._tcp.example\"; or \
                 \"dns+https://vault.example:8200\" for the addresses of a name."
                    .to_owned()
            }
            Self::ServicePort(_) => "Leave the port out.".to_owned(),
            Self::Socket(..) => {
                "Write the absolute path of the server's socket, as in \"unix:///run/openbao/api.sock\".".to_owned()
            }
            Self::PortZero(_) => "Write the port on which the server listens, usually 8200.".to_owned(),
            Self::Empty | Self::NoScheme(..) | Self::Unreadable(..) => {
                "Write scheme, host and port, as in \"https://vault.example:8200\"; an IPv6 address stands in \
                 brackets."
                    .to_owned()
            }
        }
    }
}

impl FromStr for NodeAddress {
    type Err = AddressError;

    /// Reads a URL. Without a port it is the scheme's, 443 or 80, as in every other URL.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::behind("", text.trim())
    }
}

impl NodeAddress {
    /// Reads a URL that stands behind `prefix`.
    pub(super) fn behind(prefix: &str, text: &str) -> Result<Self, AddressError> {
        let shown = || format!("{prefix}{}", redact::address(text));
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(AddressError::NoScheme(shown(), meant(text).filter(|_| prefix.is_empty())));
        };
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            "unix" if prefix.is_empty() => return Self::of_socket(rest, &shown),
            _ => {
                let scheme = format!("{prefix}{}", redact::redact(scheme));
                return Err(AddressError::Scheme(shown(), scheme));
            }
        };
        let unreadable = |reason: &str| AddressError::Unreadable(shown(), reason.to_owned());
        // The URL parser forgives these silently; in a file they are slips.
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(unreadable("it has a space, a backslash or a control character"));
        }
        if rest.starts_with('/') || rest.is_empty() {
            return Err(unreadable("it has no host"));
        }
        if rest.contains('@') {
            return Err(AddressError::Part(shown(), "a user or password"));
        }
        if authority(rest).starts_with('[') && authority(rest).contains('%') {
            return Err(AddressError::Zone(shown()));
        }
        let url = url::Url::parse(text).map_err(|error| unreadable(external::error::url(error)))?;
        let surplus = match (url.path(), url.query(), url.fragment()) {
            ("" | "/", None, None) => None,
            (_, _, Some(_)) => Some("a fragment"),
            (_, Some(_), _) => Some("a query"),
            _ => Some("a path"),
        };
        if let Some(part) = surplus {
            return Err(AddressError::Part(shown(), part));
        }
        let host = url.host_str().ok_or_else(|| unreadable("it has no host"))?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match url.port_or_known_default() {
            Some(0) | None => Err(AddressError::PortZero(shown())),
            Some(port) => Ok(Self { tls, host: host.to_owned(), port }),
        }
    }

    fn of_socket(path: &str, shown: &impl Fn() -> String) -> Result<Self, AddressError> {
        let refuse = |reason| Err(AddressError::Socket(shown(), reason));
        if !path.starts_with('/') {
            return refuse("its path does not begin with /");
        }
        if path.contains(|c: char| !c.is_ascii_graphic() || "?#%\\".contains(c)) {
            return refuse("it has a space, one of ? # % \\, or a character that is not of ASCII");
        }
        let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
        if path.ends_with('/') || !Path::new(path).components().all(plain) {
            return refuse("its path is not that of a file");
        }
        if path.len() > LONGEST_SOCKET {
            return refuse("its path is longer than a socket's can be (107 bytes)");
        }
        // Of several slashes in a row one counts: the same socket is the same node.
        let path: PathBuf = Path::new(path).components().collect();
        Ok(Self { tls: false, host: path.to_string_lossy().into_owned(), port: 0 })
    }
}

/// Whether the port is written in an address that can be read; a URL parser drops `:443` from `https`.
pub(super) fn names_port(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = authority(rest);
    let behind_brackets = authority.rsplit_once(']').map_or(authority, |(_, behind)| behind);
    behind_brackets.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty())
}

/// What stands before the path, the query and the fragment.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// The URL that a bare host, or host and port, most likely stands for.
fn meant(text: &str) -> Option<String> {
    let bare = text.trim_matches('/');
    let guess = match bare.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("https://[{address}]:8200"),
        Err(_) if names_port(bare) => format!("https://{bare}"),
        Err(_) => format!("https://{bare}:8200"),
    };
    guess.parse::<NodeAddress>().ok()?;
    Some(redact::address(&guess))
}

/// The protocol that servers are reached by, as an SRV name has it (RFC 2782).
const PROTOCOL: &str = "_tcp";

impl Discovery {
    /// Whether a text is meant for one, whatever else is wrong with it.
    pub(super) fn is_meant(text: &str) -> bool {
        split(text.trim()).is_some()
    }
}

impl FromStr for Discovery {
    type Err = AddressError;

    /// Reads a URL whose scheme begins with `dns+` or `srv+`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let shown = || redact::address(text);
        let Some((kind, rest)) = split(text) else {
            let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
            return Err(AddressError::Scheme(shown(), redact::redact(scheme)));
        };
        let mut address = NodeAddress::behind(kind, rest)?;
        // An absolute name is the same name: no certificate has the dot.
        if address.host.ends_with('.') {
            address.host.pop();
        }
        if kind == ADDRESSES {
            if address.host.parse::<IpAddr>().is_ok() {
                return Err(AddressError::NotAName(shown()));
            }
            return Ok(Self::Addresses(address));
        }
        if names_port(rest) {
            return Err(AddressError::ServicePort(shown()));
        }
        let mut labels = address.host.splitn(3, '.');
        let is_service =
            |label: Option<&str>| label.is_some_and(|label| label.len() > 1 && label.starts_with('_'));
        let domain = |label: Option<&str>| label.is_some_and(|domain| !domain.is_empty());
        if !(is_service(labels.next()) && labels.next() == Some(PROTOCOL) && domain(labels.next())) {
            return Err(AddressError::NotAService(shown()));
        }
        Ok(Self::Services { tls: address.tls, name: address.host })
    }
}

/// The kind, and the URL behind it.
fn split(text: &str) -> Option<(&'static str, &str)> {
    [ADDRESSES, SERVICES].into_iter().find_map(|kind| {
        let begins = text.get(..kind.len())?.eq_ignore_ascii_case(kind);
        begins.then(|| (kind, text.get(kind.len()..).unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_normalised() {
        let cases = [
            ("https://vault.home:8200", "https://vault.home:8200"),
            (" HTTPS://Vault.Home:8200/ ", "https://vault.home:8200"),
            ("https://vault.home", "https://vault.home:443"),
            ("http://127.0.0.1", "http://127.0.0.1:80"),
            ("https://[2001:DB8:0:0::1]:8200", "https://[2001:db8::1]:8200"),
            ("https://tresor.müller.example:8200", "https://tresor.xn--mller-kva.example:8200"),
            ("https://vault_1.home:443", "https://vault_1.home:443"),
            ("unix:///run/openbao/api.sock", "unix:///run/openbao/api.sock"),
            ("UNIX:////run//./vault.sock", "unix:///run/vault.sock"),
        ];
        for (text, expected) in cases {
            let address: NodeAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), expected);
            assert_eq!(address.to_string().parse(), Ok(address), "{text} reads back");
        }
    }

    #[test]
    fn loopback_is_known_without_a_resolver() {
        let loopback = |text: &str| text.parse::<NodeAddress>().expect(text).is_loopback();
        for text in [
            "http://127.0.0.1",
            "http://127.9.9.9:1",
            "http://[::1]:8200",
            "http://[::ffff:127.0.0.1]:8200",
            "http://LOCALHOST:8200",
        ] {
            assert!(loopback(text), "{text}");
        }
        for text in ["http://128.0.0.1", "http://localhost.example", "http://[::2]", "http://127.example"] {
            assert!(!loopback(text), "{text}");
        }
    }

    #[test]
    fn the_port_counts_as_named_only_when_written() {
        for text in ["https://a:443", "https://[::1]:443/", "https://a:8200"] {
            assert!(names_port(text), "{text}");
        }
        for text in ["https://a", "https://[::1]", "https://[2001:db8::1]/", "https://a:/"] {
            assert!(!names_port(text), "{text}");
        }
    }

    #[test]
    fn a_host_is_not_guessed() {
        for text in
            ["https://", "https:///vault.home", "https:vault.home", "https://\\vault.home", "https://:8200"]
        {
            assert!(text.parse::<NodeAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_path_of_a_socket_is_refused() {
        let long = format!("unix:///run/{}", "a/".repeat(50) + "sock");
        for text in [
            "unix://",
            "unix:///",
            "unix://run/vault.sock",
            "unix:///run/vault/",
            "unix:///run/../etc/vault.sock",
            "unix:///run/vault.sock?x",
            "unix:///run/va ult.sock",
            "unix:///run/%76ault.sock",
            &long,
        ] {
            let error = text.parse::<NodeAddress>().expect_err(text);
            assert!(matches!(error, AddressError::Socket(..)), "{error:?}");
        }
        assert!("dns+unix:///run/vault.sock".parse::<crate::cluster::Discovery>().is_err());
    }

    #[test]
    fn no_password_and_no_token_is_repeated() {
        for text in [
            "https://root:hunter2@vault:8200",
            "https://root:hun/ter2@vault:8200",
            "https://vault:8200?token=hunter2",
            "https://vault:8200/v1#hunter2",
            "root:hunter2@vault",
            "ftp://root:hunter2@vault",
            "https://root:hunter2@[::1%eth0]",
        ] {
            let error = text.parse::<NodeAddress>().expect_err(text);
            let said = format!("{error} {} {error:?}", error.advice());
            assert!(!said.contains("hun"), "{said}");
        }
    }

    fn read(text: &str) -> Discovery {
        text.parse().expect(text)
    }

    #[test]
    fn names_are_normalised() {
        let cases = [
            ("dns+https://Vault-Internal.vault.svc:8200", "dns+https://vault-internal.vault.svc:8200"),
            ("DNS+HTTPS://vault.example.:8200/", "dns+https://vault.example:8200"),
            ("dns+http://vault.example", "dns+http://vault.example:80"),
            ("srv+https://_Vault._tcp.Example.", "srv+https://_vault._tcp.example"),
            ("srv+http://_vault._tcp.service.consul", "srv+http://_vault._tcp.service.consul"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).to_string(), expected);
            assert_eq!(read(&read(text).to_string()), read(text), "{text} reads back");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "dns+https://10.0.0.1:8200",
            "dns+https://[fd00::1]:8200",
            "dns+ftp://vault.example",
            "dns+https://vault.example:8200/v1",
            "dns+https://root:hunter2@vault.example",
            "srv+https://_vault._tcp.example:8200",
            "srv+https://_vault._tcp.example:443",
            "srv+https://vault.example",
            "srv+https://_vault._udp.example",
            "srv+https://_vault._tcp",
            "srv+https://_vault._tcp.",
            "srv+https://_._tcp.example",
            "dns+https://",
            "dns://vault.example",
        ] {
            let error = text.parse::<Discovery>().expect_err(text);
            assert!(!format!("{error} {}", error.advice()).contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn only_a_target_in_the_domain_of_the_record_may_be_a_node() {
        let record = read("srv+https://_vault._tcp.home.example");
        for target in ["home.example", "v1.home.example", "a.b.home.example"] {
            assert!(record.may_be(target), "{target}");
        }
        for target in ["example", "v1.example", "evilhome.example", "home.example.evil.net", "", "10.0.0.1"] {
            assert!(!record.may_be(target), "{target}");
        }
    }
}
