//! How a server is set up.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::transit::Transit;
use super::{Ability, Flavour, Server};
use crate::support::certs::{Authority, Issued, Validity};
use crate::support::http::Client;
use crate::support::network::{Namespace, Network, address};
use crate::support::ports::Port;

/// Where servers listen that have an address to themselves.
pub const API_PORT: u16 = 8200;

/// A server to be: plain HTTP on 127.0.0.1, sealed by Shamir shares and alone, unless told otherwise.
#[allow(clippy::struct_excessive_bools, reason = "settings that have nothing to do with each other")]
#[derive(Clone)]
pub struct Builder {
    flavour: Flavour,
    pub(super) ip: IpAddr,
    node: String,
    tls: Option<Tls>,
    /// It speaks TLS 1.2 at the most.
    old_tls: bool,
    /// What the tests show to a server that wants client certificates, and the authority it checks them with.
    client: Option<(Issued, String)>,
    static_seal: bool,
    /// The server by whose key it unseals itself.
    transit: Option<Arc<Transit>>,
    /// Whether whoever has no token may begin and cancel a rekey and the making of a root token.
    unauthed_endpoints: Option<bool>,
    leaders: Vec<Leader>,
    /// Where it runs, if not on the host's loopback.
    pub(super) namespace: Option<Namespace>,
    /// Its port for the API there; the next is for its cluster.
    api_port: u16,
    /// Urls of the other members.
    members: Vec<String>,
    log_level: Option<&'static str>,
    /// It listens on a Unix socket as well.
    socket: bool,
    /// Whoever has the root token can read and write its storage through `sys/raw`.
    raw: bool,
    /// Its storage is files, one an entry, which only an older server has.
    pub(super) files: bool,
}

#[derive(Clone)]
struct Tls {
    certificate: Issued,
    /// PEM of the authority behind it.
    authority: String,
    /// What it is for, if not for the address.
    name: Option<String>,
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
            flavour: Flavour::of_this_run(),
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            node: "n1".to_owned(),
            tls: None,
            old_tls: false,
            client: None,
            static_seal: false,
            transit: None,
            unauthed_endpoints: None,
            leaders: Vec::new(),
            namespace: None,
            api_port: API_PORT,
            members: Vec::new(),
            log_level: None,
            socket: false,
            raw: false,
            files: false,
        }
    }

    /// A server that is not what the test is about: of the next flavour, where this run's has no engines.
    pub(super) fn with_engines(self) -> Self {
        match self.flavour.lacks(Ability::Administration) {
            Some(_) => Self { flavour: Flavour::Vault112, ..self },
            None => self,
        }
    }

    /// On a machine of its own: this node of a network, with its address and the ports 8200 and 8201.
    pub fn on(self, network: &Network, node: usize) -> Self {
        Self { ip: address(node), namespace: Some(network.node(node).clone()), ..self }
    }

    /// In this namespace, where it has its address and these two ports for itself. After [`Builder::ip`].
    pub fn within(self, namespace: &Namespace, api_port: u16) -> Self {
        Self { namespace: Some(namespace.clone()), api_port, ..self }
    }

    /// A raft node of this name that looks for these other members of its cluster by itself. After [`Builder::tls`],
    /// whose authority is theirs, too.
    pub fn member(self, node: &str, others: &[String]) -> Self {
        Self { node: node.to_owned(), members: others.to_vec(), ..self }
    }

    /// Logs more than usual, or less: `debug` for each share that it is sent.
    pub fn log_level(self, level: &'static str) -> Self {
        Self { log_level: Some(level), ..self }
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

    /// TLS 1.2 at the most, where it speaks TLS.
    pub fn old_tls(self) -> Self {
        Self { old_tls: true, ..self }
    }

    /// TLS, with a certificate of this authority for this name alone, under which the harness asks for it, too.
    pub fn tls_as(self, name: &str, authority: &Authority) -> Self {
        let tls = Tls {
            certificate: authority.issue(&[name], Validity::Now),
            authority: authority.pem(),
            name: Some(name.to_owned()),
        };
        Self { tls: Some(tls), ..self }
    }

    /// TLS with any certificate. The harness itself trusts `authority` and insists on the address being named in the
    /// certificate, so one that is broken has to come later, through [`Server::present`].
    pub fn certificate(self, certificate: Issued, authority: &Authority) -> Self {
        Self { tls: Some(Tls { certificate, authority: authority.pem(), name: None }), ..self }
    }

    /// Answers nobody who has no certificate of this authority. After [`Builder::tls`].
    pub fn require_client_certificate(self, authority: &Authority) -> Self {
        let own = authority.issue_client("the tests", Validity::Now);
        Self { client: Some((own, authority.pem())), ..self }
    }

    /// Unseals itself, as servers with a KMS do: with a key from a file, or where there is no such seal, with a key in
    /// another server. See [`Server::init_recovery`].
    pub fn unseals_itself(self) -> Self {
        if self.flavour.lacks(Ability::StaticSeal).is_some() {
            return self.transit_seal();
        }
        Self { static_seal: true, ..self }
    }

    /// Unseals itself with a key in the transit engine of another server, which lives as long.
    pub fn transit_seal(self) -> Self {
        Self { transit: Some(Arc::new(Transit::start())), ..self }
    }

    /// Still has the endpoints of `operator rekey`, in whose place later versions want `rotate-keys`.
    pub fn with_rekey(self) -> Self {
        self.unauthed_endpoints(true)
    }

    /// Has the `disable_unauthed_*` options say whether that needs no token.
    pub fn unauthed_endpoints(self, open: bool) -> Self {
        Self { unauthed_endpoints: Some(open), ..self }
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

    /// A server, on `OpenBao` 2.7 an older one, whose storage is a file an entry below [`Server::storage`], to be damaged. It joins nobody.
    pub fn file_storage(self) -> Self {
        Self { files: true, ..self }
    }

    /// Listens on [`Server::socket`] as well.
    pub fn socket(self) -> Self {
        Self { socket: true, ..self }
    }

    /// Lets its storage be damaged, with [`Server::damage_lease`].
    pub fn raw_storage(self) -> Self {
        Self { raw: true, ..self }
    }

    /// The binary it runs.
    pub(super) fn program(&self) -> &'static Path {
        if self.files { self.flavour.program_with_files() } else { self.flavour.program() }
    }

    /// Starts it, and waits until it answers.
    pub fn start(self) -> Server {
        Server::create(self)
    }

    pub(super) fn url(&self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.tls.is_some() { "https" } else { "http" })
    }

    pub(super) fn client(&self, address: SocketAddr) -> Client {
        let client = match &self.tls {
            None => Client::plain(address),
            Some(tls) => {
                let client = Client::tls(address, &tls.authority, self.client.as_ref().map(|(own, _)| own));
                tls.name.iter().fold(client, |client, name| client.named(name))
            }
        };
        match &self.namespace {
            None => client,
            Some(namespace) => client.within(namespace),
        }
    }

    /// Its ports for the API and for its cluster.
    pub(super) fn ports(&self) -> (Port, Port) {
        match &self.namespace {
            None => (Port::reserve(self.ip), Port::reserve(self.ip)),
            Some(_) => (Port::fixed(self.ip, self.api_port), Port::fixed(self.ip, self.api_port + 1)),
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
        if self.socket {
            fs::create_dir(directory.join("run")).unwrap();
        }
        if self.static_seal {
            let key: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
            fs::write(directory.join("seal.key"), key).unwrap();
        }
    }

    pub(super) fn hcl(&self, directory: &Path, api: SocketAddr, cluster: SocketAddr) -> String {
        let (node, url, home) = (&self.node, self.url(api), directory.display());
        let mut storage = String::new();
        let members = self.members.iter().map(|url| (url, self.ca_file(directory)));
        let leaders = self.leaders.iter().map(|Leader { url, ca_file }| (url, ca_file.clone()));
        for (url, ca_file) in leaders.chain(members) {
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
        if self.old_tls {
            listener.push_str("\n  tls_max_version = \"tls12\"");
        }
        if self.client.is_some() {
            write!(listener, "\n  tls_client_ca_file = \"{home}/client-ca.crt\"").unwrap();
            listener.push_str("\n  tls_require_and_verify_client_cert = true");
        }
        if let Some(open) = self.unauthed_endpoints.filter(|_| !self.flavour.is_vault()) {
            for endpoints in ["rekey", "generate_root"] {
                write!(listener, "\n  disable_unauthed_{endpoints}_endpoints = {}", !open).unwrap();
            }
        }
        let socket = if self.socket {
            format!("listener \"unix\" {{\n  address = \"{home}/run/api.sock\"\n}}\n")
        } else {
            String::new()
        };
        let seal = if let Some(transit) = &self.transit {
            transit.stanza()
        } else if self.static_seal {
            format!(
                "seal \"static\" {{\n  current_key_id = \"k1\"\n  current_key = \"file://{home}/seal.key\"\n}}\n"
            )
        } else {
            String::new()
        };
        // Without the right to it, Vault does not start otherwise.
        let mlock = if self.flavour.is_vault() { "disable_mlock = true\n" } else { "" };
        let log_level = self.log_level.map_or(String::new(), |level| format!("log_level = \"{level}\"\n"));
        let raw = if self.raw { "raw_storage_endpoint = true\n" } else { "" };
        if self.files {
            return format!(
                "ui = false\napi_addr = \"{url}\"\nstorage \"file\" {{\n  path = \"{home}/data\"\n}}\n\
                 listener \"tcp\" {{\n  address = \"{api}\"\n  {listener}\n}}\n{socket}{seal}{log_level}{mlock}"
            );
        }
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
{socket}{seal}{log_level}{mlock}{raw}"#
        )
    }
}
