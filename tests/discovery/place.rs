//! A machine of the test's own: its loopback addresses, its DNS server, its resolv.conf.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::certs::Authority;
use crate::support::dns::Dns;
use crate::support::home::Home;
use crate::support::network::Namespace;
use crate::support::process::{Daemon, Notify, run};
use crate::support::server::{Builder, Server, is_sealed};
use crate::support::status::status_document;

/// Keys of every configuration: names are looked up often.
pub(crate) const OFTEN: &str = "resolve_interval = \"300ms\"";

/// A machine.
pub(crate) struct Place {
    pub(crate) namespace: Namespace,
    pub(crate) dns: Dns,
    pub(crate) home: Home,
    pub(crate) authority: Authority,
    pub(crate) notify: Notify,
}

impl Place {
    /// A new one; `None`, having said so, where namespaces cannot be had.
    pub(crate) fn new() -> Option<Self> {
        let namespace = Namespace::alone()?;
        let dns = Dns::start(&namespace);
        let home = Home::new();
        home.put("resolv.conf", &Dns::resolv_conf());
        home.put("nsswitch.conf", "hosts: files dns\n");
        let authority = Authority::new("the tests");
        authority.write(home.directory(), "ca.crt");
        Some(Self { namespace, dns, home, authority, notify: Notify::new() })
    }

    /// A server on 127.0.1.`last`, whose certificate is for `name` alone.
    pub(crate) fn server(&self, last: u8, port: u16, name: &str) -> Server {
        self.builder(last, port).tls_as(name, &self.authority).start()
    }

    /// One over plain HTTP.
    pub(crate) fn plain(&self, last: u8) -> Server {
        self.builder(last, 8200).start()
    }

    fn builder(&self, last: u8, port: u16) -> Builder {
        Builder::new().ip(IpAddr::from([127, 0, 1, last])).within(&self.namespace, port)
    }

    /// Initialises the first of these servers and gives all of them its data: sealed, and opened by the same shares,
    /// which are the home's from now on. What they hold is the same, but they know nothing of each other.
    pub(crate) fn initialise(&self, servers: &mut [&mut Server]) {
        let (first, others) = servers.split_first_mut().unwrap();
        let init = first.init(1, 1);
        self.home.shares(&init.json);
        first.wait_until(is_sealed);
        first.stop();
        for other in others {
            other.stop();
            let to = other.directory().join("data");
            fs::remove_dir_all(&to).unwrap();
            let copied = Command::new("cp").arg("-a").arg(first.directory().join("data")).arg(&to).status();
            assert!(copied.unwrap().success());
            other.start();
            other.wait_until(is_sealed);
        }
        first.start();
    }

    /// The configuration: one cluster with these nodes that trusts the authority; `more` are further lines.
    pub(crate) fn configure(&self, nodes: &[&str], more: &str) {
        self.home.configure(nodes, &format!("{OFTEN}\n{more}\ntls = {{ ca_file = \"ca.crt\" }}"));
    }

    /// `vault-unseal` on this machine.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let inner = self.home.command(arguments);
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec"]);
        command.arg("mount --bind resolv.conf /etc/resolv.conf; mount --bind nsswitch.conf /etc/nsswitch.conf; exec \"$@\"");
        command.arg("sh").arg(inner.get_program()).args(inner.get_args());
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("RUNTIME_DIRECTORY", self.home.directory());
        command.current_dir(self.home.directory());
        command
    }

    /// The control socket of the daemon.
    pub(crate) fn socket(&self) -> PathBuf {
        self.home.path("control.sock")
    }

    /// Starts the daemon.
    pub(crate) fn run(&self) -> Daemon {
        let mut command = self.command(&["run"]);
        command.env("NOTIFY_SOCKET", self.notify.path());
        self.namespace.inside(|| Daemon::start(&mut command))
    }

    /// Runs a verb that ends by itself.
    pub(crate) fn verb(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        self.namespace.inside(|| run(&mut command))
    }

    /// `status --json`.
    pub(crate) fn status(&self) -> serde_json::Value {
        let socket = self.socket();
        status_document(&self.verb(&["status", "--json", "--socket", path(&socket)]).stdout)
    }
}

/// A path in an argument.
pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
