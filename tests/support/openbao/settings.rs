//! How a server is set up.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::Server;
use crate::support::certs::{Authority, Issued, Validity};
use crate::support::http::Client;

/// A server to be: plain HTTP on 127.0.0.1, sealed by Shamir shares and alone, unless told otherwise.
#[derive(Clone)]
pub struct Builder {
    pub(super) ip: IpAddr,
    node: String,
    tls: Option<Tls>,
    /// What the tests show to a server that wants client certificates, and the authority it checks them with.
    client: Option<(Issued, String)>,
    static_seal: bool,
    leaders: Vec<Leader>,
}

#[derive(Clone)]
struct Tls {
    certificate: Issued,
    /// PEM of the authority behind it.
    authority: String,
}

#[derive(Clone)]
struct Leader {
    url: String,
    ca_file: Option<PathBuf>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    pub fn new() -> Self {
        Self {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            node: "n1".to_owned(),
            tls: None,
            client: None,
            static_seal: false,
            leaders: Vec::new(),
        }
    }

    /// Another loopback address, 127.0.0.2 say.
    pub fn ip(self, ip: IpAddr) -> Self {
        Self { ip, ..self }
    }

    /// TLS, with a certificate of this authority for `localhost` and the server's address. After [`Builder::ip`].
    pub fn tls(self, authority: &Authority) -> Self {
        let certificate = authority.issue(&["localhost", &self.ip.to_string()], Validity::Now);
        self.certificate(certificate, authority)
    }

    /// TLS with any certificate. The harness itself trusts `authority` and insists on the address being named in the
    /// certificate, so one that is broken has to come later, through [`Server::present`].
    pub fn certificate(self, certificate: Issued, authority: &Authority) -> Self {
        Self { tls: Some(Tls { certificate, authority: authority.pem() }), ..self }
    }

    /// Answers nobody who has no certificate of this authority. After [`Builder::tls`].
    pub fn require_client_certificate(self, authority: &Authority) -> Self {
        let own = authority.issue_client("the tests", Validity::Now);
        Self { client: Some((own, authority.pem())), ..self }
    }

    /// Unseals itself with a key from a file, as servers with a KMS do. See [`Server::init_recovery`].
    pub fn static_seal(self) -> Self {
        Self { static_seal: true, ..self }
    }

    /// A raft node that joins this server's cluster by itself (`retry_join`); `node` is its name there.
    pub fn join(mut self, leader: &Server, node: &str) -> Self {
        node.clone_into(&mut self.node);
        self.leaders.push(Leader {
            url: leader.url(),
            ca_file: leader.settings.tls.is_some().then(|| leader.ca_file()),
        });
        self
    }

    /// Starts it, and waits until it answers.
    pub fn start(self) -> Server {
        Server::create(self)
    }

    pub(super) fn url(&self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.tls.is_some() { "https" } else { "http" })
    }

    pub(super) fn client(&self, address: SocketAddr) -> Client {
        match &self.tls {
            None => Client::plain(address),
            Some(tls) => Client::tls(address, &tls.authority, self.client.as_ref().map(|(own, _)| own)),
        }
    }

    pub(super) fn certificate_in_use(&self) -> &Issued {
        &self.tls.as_ref().expect("a server with TLS").certificate
    }

    pub(super) fn ca_file(&self, directory: &Path) -> Option<PathBuf> {
        self.tls.is_some().then(|| directory.join("ca.crt"))
    }

    /// Everything the configuration points to.
    pub(super) fn write_files(&self, directory: &Path) {
        if let Some(tls) = &self.tls {
            tls.certificate.write(directory, "server");
            fs::write(directory.join("ca.crt"), &tls.authority).unwrap();
        }
        if let Some((_, authority)) = &self.client {
            fs::write(directory.join("client-ca.crt"), authority).unwrap();
        }
        if self.static_seal {
            let key: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
            fs::write(directory.join("seal.key"), key).unwrap();
        }
    }

    pub(super) fn hcl(&self, directory: &Path, api: SocketAddr, cluster: SocketAddr) -> String {
        let (node, url, home) = (&self.node, self.url(api), directory.display());
        let mut storage = String::new();
        for Leader { url, ca_file } in &self.leaders {
            let trust = ca_file
                .as_ref()
                .map_or(String::new(), |file| format!("leader_ca_cert_file = \"{}\"", file.display()));
            write!(storage, "\n  retry_join {{\n    leader_api_addr = \"{url}\"\n    {trust}\n  }}").unwrap();
        }
        let mut listener = String::from("tls_disable = true");
        if self.tls.is_some() {
            listener =
                format!("tls_cert_file = \"{home}/server.crt\"\n  tls_key_file = \"{home}/server.key\"");
        }
        if self.client.is_some() {
            write!(listener, "\n  tls_client_ca_file = \"{home}/client-ca.crt\"").unwrap();
            listener.push_str("\n  tls_require_and_verify_client_cert = true");
        }
        let seal = if self.static_seal {
            format!(
                "seal \"static\" {{\n  current_key_id = \"k1\"\n  current_key = \"file://{home}/seal.key\"\n}}\n"
            )
        } else {
            String::new()
        };
        // performance_multiplier 1: elections take a second instead of five.
        format!(
            r#"ui = false
api_addr = "{url}"
cluster_addr = "https://{cluster}"
storage "raft" {{
  path = "{home}/data"
  node_id = "{node}"
  performance_multiplier = 1{storage}
}}
listener "tcp" {{
  address = "{api}"
  cluster_address = "{cluster}"
  {listener}
}}
{seal}"#
        )
    }
}
