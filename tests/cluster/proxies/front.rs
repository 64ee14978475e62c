//! Proxies before one server, each as its users have it: TLS ends there, and Vault listens on loopback alone.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use crate::support::certs::{Authority, Validity};
use crate::support::guarded::Guarded;
use crate::support::home::Home;
use crate::support::ports::Port;
use crate::support::{PATIENCE, poll};

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `HAProxy` with `http-server-close`, as MAAS's documentation has it, and a check that the port is open.
    Haproxy,
    /// The same, whose check wants what only an unsealed server answers.
    HaproxyAsksHealth,
    Nginx,
    Apache,
}

/// What becomes of the requests that carry shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shares {
    /// They reach the server.
    Pass,
    /// They are sent where nothing listens, or forbidden: the proxy answers them itself.
    Stopped,
}

impl Kind {
    /// Its program; `None`, having said so, where it is not installed.
    fn program(self) -> Option<&'static str> {
        let program = match self {
            Self::Haproxy | Self::HaproxyAsksHealth => "/usr/sbin/haproxy",
            Self::Nginx => "/usr/sbin/nginx",
            Self::Apache => "/usr/sbin/apache2",
        };
        let there = fs::exists(program).unwrap();
        if !there {
            crate::support::untested(&format!("this needs {program}"));
        }
        there.then_some(program)
    }

    fn configuration(self, place: &Home, listen: SocketAddr, server: SocketAddr, shares: Shares) -> String {
        let path = |name: &str| place.path(name).display().to_string();
        let (certificate, key, both) = (path("proxy.crt"), path("proxy.key"), path("proxy.pem"));
        let stopped = |how: &'static str| if shares == Shares::Stopped { how } else { "" };
        match self {
            Self::Haproxy | Self::HaproxyAsksHealth => {
                let check = if self == Self::Haproxy {
                    ""
                } else {
                    " option httpchk\n http-check send meth GET uri /v1/sys/health\n http-check expect status 200\n default-server inter 200ms\n"
                };
                format!(
                    "defaults\n mode http\n option http-server-close\n timeout connect 5s\n timeout client 60s\n \
                     timeout server 60s\nfrontend vault\n bind {listen} ssl crt {both}\n{} default_backend vault\n\
                     backend vault\n{check} server vault {server} check\n",
                    stopped(" http-request deny if METH_PUT\n"),
                )
            }
            Self::Nginx => {
                // One process, so that nothing outlives it.
                let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .iter()
                    .map(|what| format!("{what}_temp_path {};\n", path(what)))
                    .collect::<Vec<_>>()
                    .concat();
                format!(
                    "daemon off;\nmaster_process off;\npid {};\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n\
                     {temporary}server {{\nlisten {listen} ssl;\nssl_certificate {certificate};\nssl_certificate_key \
                     {key};\nlocation / {{ proxy_pass http://{server}; }}\n{}}}\n}}\n",
                    path("pid"),
                    stopped("location = /v1/sys/unseal { proxy_pass http://127.0.0.1:1; }\n"),
                )
            }
            Self::Apache => {
                let modules = ["mpm_event", "authz_core", "socache_shmcb", "ssl", "proxy", "proxy_http"];
                let modules = modules
                    .iter()
                    .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
                    .collect::<Vec<_>>()
                    .concat();
                format!(
                    "{modules}ServerRoot {}\nPidFile {}\nErrorLog {}\nUser nobody\nGroup nogroup\nServerName localhost\n\
                     Mutex posixsem\nListen {listen}\nSSLEngine on\nSSLCertificateFile {certificate}\nSSLCertificateKeyFile \
                     {key}\n{}ProxyPass / http://{server}/\n",
                    place.directory().display(),
                    path("pid"),
                    path("error.log"),
                    stopped("ProxyPass /v1/sys/unseal http://127.0.0.1:1/\n"),
                )
            }
        }
    }

    /// How it stays one process in the foreground.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Haproxy | Self::HaproxyAsksHealth => &["-db", "-f"],
            Self::Nginx => &["-e", "stderr", "-c"],
            Self::Apache => &["-X", "-f"],
        }
    }
}

/// A proxy that runs, where a daemon lives that trusts its certificate.
pub(super) struct Front {
    pub(super) home: Home,
    pub(super) url: String,
    _process: Guarded,
}

impl Front {
    /// Starts it before `server`; `None`, having said so, where it is not installed.
    pub(super) fn before(kind: Kind, server: SocketAddr, shares: Shares) -> Option<Self> {
        let program = kind.program()?;
        let home = Home::new();
        let authority = Authority::new("Private CA");
        home.put("ca.crt", &authority.pem());
        let issued = authority.issue(&["127.0.0.1"], Validity::Now);
        let (certificate, key) = issued.write(home.directory(), "proxy");
        let both = [certificate, key].map(|path| fs::read_to_string(path).unwrap()).concat();
        home.put("proxy.pem", &both);
        let mut port = Port::reserve(server.ip());
        let file = home.put("proxy.conf", &kind.configuration(&home, port.address(), server, shares));
        port.release();
        let mut command = Command::new(program);
        command.args(kind.arguments()).arg(file).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(home.path("proxy.log")).unwrap());
        let process = Guarded::spawn(&mut command);
        let listens = || TcpStream::connect(port.address()).is_ok().then_some(());
        let front = Self { home, url: format!("https://{}", port.address()), _process: process };
        poll(PATIENCE, listens).unwrap_or_else(|| panic!("{program} does not listen:\n{}", front.log()));
        Some(front)
    }

    /// What it wrote to standard error.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.home.path("proxy.log")).unwrap()
    }
}
