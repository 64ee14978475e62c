//! Where a daemon lives: its configuration and its share file.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::hostile::Hostile;
use super::process::{Daemon, vault_unseal};
use super::server::Server;

/// A pace at which a test does not wait long for what needs several looks.
const QUICK: &str = "poll_interval = \"100ms\"\nslow_interval = \"1s\"\nretry_max = \"100ms\"\n";

/// A directory with `config.toml` and `shares`, removed with it.
pub struct Home {
    directory: tempfile::TempDir,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// An empty one.
    pub fn new() -> Self {
        Self { directory: super::directory::named("vault-unseal-") }
    }

    /// One for a real server, with these shares. Its authority is trusted if it has one.
    pub fn of(server: &Server, shares: &str) -> Self {
        let home = Self::new();
        home.shares(shares);
        let tls =
            if server.url().starts_with("https:") { trusting(&server.ca_file()) } else { String::new() };
        home.configure(&[&server.url()], &tls);
        home
    }

    /// One for a server that misbehaves over plain HTTP.
    pub fn of_hostile(server: &Hostile, shares: &str) -> Self {
        let home = Self::new();
        home.shares(shares);
        home.configure(&[&server.url()], "");
        home
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a file in it at one stroke, mode 0600.
    pub fn put(&self, name: &str, text: &str) -> PathBuf {
        let (new, path) = (self.path(&format!("{name}.new")), self.path(name));
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        fs::rename(&new, &path).unwrap();
        path
    }

    /// Sets the share file.
    pub fn shares(&self, text: &str) -> PathBuf {
        self.put("shares", text)
    }

    /// Sets the configuration to one cluster with these nodes; `more` are further lines of it.
    pub fn configure(&self, nodes: &[&str], more: &str) {
        self.config(&cluster(nodes, more));
    }

    /// Sets the configuration to these clusters (see [`cluster`]), at the quick pace.
    pub fn config(&self, clusters: &str) {
        self.put("config.toml", &format!("{QUICK}{clusters}"));
    }

    /// `vault-unseal` with this configuration and these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = vault_unseal(arguments);
        command.arg("--config").arg(self.path("config.toml")).current_dir(self.directory.path());
        command
    }

    /// Makes `run` if it is not there, with the mode that systemd would give it, whatever the umask.
    pub fn make_run(&self) -> PathBuf {
        let run = self.path("run");
        fs::DirBuilder::new().recursive(true).mode(0o750).create(&run).unwrap();
        run
    }

    /// Starts the daemon.
    pub fn run(&self) -> Daemon {
        Daemon::start(&mut self.command(&["run"]))
    }

    /// Its own path, for leaving it out of what is compared.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Changes a file's permissions.
    pub fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// One `[[cluster]]` with these nodes, the shares of [`Home::shares`] and further lines.
pub fn cluster(nodes: &[&str], more: &str) -> String {
    let mut text = format!("\n[[cluster]]\nnodes = {nodes:?}\n");
    if !more.contains("shares =") {
        text.push_str("shares = { file = \"shares\" }\n");
    }
    writeln!(text, "{more}").unwrap();
    text
}

/// The line of a cluster that trusts this authority.
pub fn trusting(ca_file: &Path) -> String {
    format!("tls = {{ ca_file = \"{}\" }}", ca_file.display())
}

/// A share file of plain text, one share a line.
pub fn lines(shares: &[impl AsRef<str>]) -> String {
    shares.iter().fold(String::new(), |text, share| text + share.as_ref() + "\n")
}

/// So many shares of a threshold, of a secret nobody knows: what a server that misbehaves is fed with. They lie on
/// one polynomial, as a real server's do.
pub fn shares_of_nobody(count: u8, threshold: u8) -> Vec<String> {
    if threshold == 1 {
        return vec![hex(&random::<32>())];
    }
    let coefficients: Vec<[u8; 32]> = (0..threshold).map(|_| random()).collect();
    let share = |x: u8| {
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = coefficients.iter().rev().fold(0, |sum, row| product(sum, x) ^ row[at]);
        }
        hex(&bytes) + &hex(&[x])
    };
    (1..=count).map(share).collect()
}

/// In the field of AES, by shifting and adding.
fn product(mut a: u8, mut b: u8) -> u8 {
    let mut sum = 0;
    while b > 0 {
        if b & 1 == 1 {
            sum ^= a;
        }
        a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1b };
        b >>= 1;
    }
    sum
}

fn random<const N: usize>() -> [u8; N] {
    std::array::from_fn(|_| fastrand::u8(..))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The bytes of lower-case hex.
pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A share with one bit of its first byte turned: well formed, and wrong.
pub fn corrupt(share_hex: &str) -> String {
    let mut bytes = unhex(share_hex);
    bytes[0] ^= 1;
    hex(&bytes)
}
