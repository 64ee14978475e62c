//! A real OpenBao or Vault server, as [`Flavour`] says, on loopback or on a node of a [`Network`](super::network::Network), with raft storage in a directory of its own.

mod api;
mod flavour;
mod settings;
mod transit;

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

pub use api::{Init, LASTING_UNSEAL, is_active, is_sealed};
pub use flavour::{Ability, Flavour, cannot};
pub use settings::{API_PORT, Builder};

use super::certs::{Authority, Issued};
use super::guarded::Guarded;
use super::http::Client;
use super::ports::Port;
use super::{PATIENCE, poll};

/// One server. Killed and waited for when dropped, so never keep one in a `static`.
pub struct Server {
    settings: Builder,
    directory: tempfile::TempDir,
    api: Port,
    cluster: Port,
    client: Client,
    process: Option<Guarded>,
}

/// How an attempt to start ended.
enum Attempt {
    Started,
    PortTaken,
}

impl Server {
    /// Plain HTTP on 127.0.0.1, sealed by Shamir shares, alone. See [`Builder`] for the rest.
    pub fn start_plain() -> Self {
        Builder::new().start()
    }

    fn create(settings: Builder) -> Self {
        let directory = crate::support::directory::named("server-");
        flavour::note_that_it_has_a_server();
        fs::create_dir(directory.path().join("data")).unwrap();
        let (api, cluster) = settings.ports();
        let client = settings.client(api.address());
        let mut server = Self { settings, directory, api, cluster, client, process: None };
        server.settings.write_files(server.directory.path());
        let deadline = Instant::now() + PATIENCE;
        while let Attempt::PortTaken = server.attempt() {
            assert!(Instant::now() < deadline, "no port stays free:\n{}", server.log_tail());
            (server.api, server.cluster) = server.settings.ports();
            server.client = server.settings.client(server.api.address());
        }
        server
    }

    /// Starts it again with the same data, on the same ports.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let deadline = Instant::now() + PATIENCE;
        while let Attempt::PortTaken = self.attempt() {
            assert!(Instant::now() < deadline, "{} stays taken:\n{}", self.api.address(), self.log_tail());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn attempt(&mut self) -> Attempt {
        let (mut process, log_from) = self.spawn();
        // The line is printed once the listeners are bound: only then does an answer surely come from this process.
        let outcome = poll(PATIENCE, || {
            let ended = process.ended();
            let log = self.log_since(log_from);
            match ended {
                Some(_) if log.contains("address already in use") => Some(Attempt::PortTaken),
                Some(status) => panic!("it ended with {status}:\n{log}"),
                None => {
                    (log.contains("server started!") && self.try_health().is_ok()).then_some(Attempt::Started)
                }
            }
        });
        let outcome = outcome.unwrap_or_else(|| panic!("it does not answer:\n{}", self.log_tail()));
        if let Attempt::Started = outcome {
            self.process = Some(process);
        }
        outcome
    }

    /// As [`Server::start`], without waiting for anything: for a server whose ports nobody contends for.
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        self.process = Some(self.spawn().0);
    }

    /// The process, and where its log begins.
    fn spawn(&mut self) -> (Guarded, u64) {
        let hcl = self.settings.hcl(self.directory.path(), self.api.address(), self.cluster.address());
        let config = self.directory.path().join("config.hcl");
        fs::write(&config, hcl).unwrap();
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let log_from = log.metadata().unwrap().len();
        self.api.release();
        self.cluster.release();
        let mut command = Command::new(self.settings.program());
        command
            .arg("server")
            .arg("-config")
            .arg(&config)
            .env_clear()
            .env("HOME", self.directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let mut spawn = || Guarded::spawn(&mut command);
        let process = match &self.settings.namespace {
            None => spawn(),
            Some(namespace) => namespace.inside(spawn),
        };
        (process, log_from)
    }

    /// An operator gave it another seal, a key in another server, and restarted it: it is to migrate.
    pub fn migrate_to_transit(&mut self) {
        self.stop();
        self.settings = self.settings.clone().transit_seal();
        self.start();
    }

    /// It is replaced by a new machine at the same place, as a pod is: its storage is gone.
    pub fn replace(&mut self) {
        self.kill();
        fs::remove_dir_all(self.storage()).unwrap();
        fs::create_dir(self.storage()).unwrap();
        self.start();
    }

    /// Where its storage is.
    pub fn storage(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The Unix socket of [`Builder::socket`], in a directory of its own.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("run/api.sock")
    }

    /// Ends it as systemd does: SIGTERM, then waits.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let status = self.process().wait(PATIENCE);
        self.process = None;
        status.unwrap_or_else(|| panic!("it ignores SIGTERM:\n{}", self.log_tail()))
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.process = None;
    }

    /// Whether it has stopped running by itself or by a signal; it may be started again then.
    pub fn ended(&mut self) -> bool {
        if self.process.as_mut().is_some_and(|process| process.ended().is_some()) {
            self.process = None;
        }
        self.process.is_none()
    }

    /// Makes it hang: connections are accepted by the kernel, nothing is answered.
    pub fn pause(&mut self) {
        self.process().pause();
    }

    /// Ends [`Server::pause`].
    pub fn resume(&mut self) {
        self.process().resume();
    }

    /// Presents another certificate from now on, without a restart.
    pub fn present(&mut self, certificate: &Issued) {
        certificate.write(self.directory.path(), "server");
        let reloads = |server: &Self| server.log().matches("reload triggered").count();
        let before = reloads(self);
        self.signal(Signal::HUP);
        poll(PATIENCE, || (reloads(self) > before).then_some(())).expect("it reloads on SIGHUP");
    }

    /// Presents a certificate of another authority from now on, which the harness trusts instead.
    pub fn move_to(&mut self, authority: &Authority) {
        self.settings = self.settings.clone().tls(authority);
        self.client = self.settings.client(self.address());
        let certificate = self.settings.certificate_in_use().clone();
        self.present(&certificate);
    }

    /// Any other signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process().signal(signal);
    }

    fn process(&mut self) -> &mut Guarded {
        self.process.as_mut().expect("it runs")
    }

    /// Whether it has been started and not been stopped since.
    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// The process; only while it runs.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("it runs").pid()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.api.address()
    }

    /// `https://127.0.0.1:20001`, without a slash at the end.
    pub fn url(&self) -> String {
        self.settings.url(self.address())
    }

    /// Its directory, removed with it; tests may put their own files there.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The certificate of the authority behind its TLS certificate. Panics on a server without TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.settings.ca_file(self.directory.path()).expect("a server with TLS")
    }

    /// A client that trusts it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Runs a command of its own client against it, such as `["operator", "unseal", key]`.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = self.client_command();
        command.args(arguments);
        let mut run = || command.stdin(Stdio::null()).output().expect("the client starts");
        match &self.settings.namespace {
            None => run(),
            Some(namespace) => namespace.inside(run),
        }
    }

    /// Its own client, which is told where it is and whom to trust, under the names of both.
    pub fn client_command(&self) -> Command {
        let mut command = Command::new(self.settings.program());
        command.env_clear().env("HOME", self.directory.path());
        for brand in ["VAULT", "BAO"] {
            command.env(format!("{brand}_ADDR"), self.url());
            if let Some(ca) = self.settings.ca_file(self.directory.path()) {
                command.env(format!("{brand}_CACERT"), ca);
            }
        }
        command
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Everything it logged, over all its runs.
    pub fn log(&self) -> String {
        self.log_since(0)
    }

    /// The last 40 lines of its log.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// What it logged behind this many bytes.
    pub fn log_since(&self, start: u64) -> String {
        let mut text = Vec::new();
        let mut file = File::open(self.log_path()).unwrap();
        file.seek(SeekFrom::Start(start)).unwrap();
        file.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    }
}
