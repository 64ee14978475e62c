//! What the command line says.

use super::error::ConfigError;
use super::given::Given;
use super::keys::{self, Key, Scope};
use super::place::Place;

/// The flags that say the same as a key, each as the text that was written; errors name the flag.
///
/// The name of the flag is that of the field with dashes: `--shares-file`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The servers' addresses, separated by commas.
    pub nodes: Option<String>,
    /// The file with the shares.
    pub shares_file: Option<String>,
    /// The systemd credential with the shares.
    pub shares_credential: Option<String>,
    /// The file with the shares that a TPM sealed.
    pub shares_tpm2: Option<String>,
    /// A PEM file of certificate authorities.
    pub ca_file: Option<String>,
    /// A directory of such files.
    pub ca_dir: Option<String>,
    /// Our certificate.
    pub client_cert: Option<String>,
    /// Its key.
    pub client_key: Option<String>,
    /// The name to find in the servers' certificates.
    pub server_name: Option<String>,
    /// The servers' public keys, separated by commas.
    pub pin_sha256: Option<String>,
    /// Accept any certificate; `false` says nothing.
    pub skip_verify: bool,
    /// Accept http off this machine; `false` says nothing.
    pub allow_plaintext: bool,
    /// Between two looks at a healthy node.
    pub poll_interval: Option<String>,
    /// Limit of one request.
    pub request_timeout: Option<String>,
    /// How much is logged.
    pub log_level: Option<String>,
}

impl Overrides {
    /// What the flags say.
    pub(super) fn given(&self) -> Result<Vec<Given>, ConfigError> {
        let sources = [
            ("--shares-file", &self.shares_file),
            ("--shares-credential", &self.shares_credential),
            ("--shares-tpm2", &self.shares_tpm2),
        ];
        if let Some((flag, _)) = sources.iter().filter(|(_, text)| text.is_some()).nth(1) {
            return Err(ConfigError::SeveralSources { place: Place::Flag((*flag).to_owned()) });
        }
        let switch = |on: bool| on.then_some("true");
        let flags: [(&str, Option<&Key>, Option<&str>); 15] = [
            ("--nodes", keys::find(Scope::Cluster, "nodes"), self.nodes.as_deref()),
            ("--shares-file", keys::find(Scope::Shares, "file"), self.shares_file.as_deref()),
            (
                "--shares-credential",
                keys::find(Scope::Shares, "credential"),
                self.shares_credential.as_deref(),
            ),
            ("--shares-tpm2", keys::find(Scope::Shares, "tpm2"), self.shares_tpm2.as_deref()),
            ("--ca-file", keys::find(Scope::Tls, "ca_file"), self.ca_file.as_deref()),
            ("--ca-dir", keys::find(Scope::Tls, "ca_dir"), self.ca_dir.as_deref()),
            ("--client-cert", keys::find(Scope::Tls, "client_cert"), self.client_cert.as_deref()),
            ("--client-key", keys::find(Scope::Tls, "client_key"), self.client_key.as_deref()),
            ("--server-name", keys::find(Scope::Tls, "server_name"), self.server_name.as_deref()),
            ("--pin-sha256", keys::find(Scope::Tls, "pin_sha256"), self.pin_sha256.as_deref()),
            ("--skip-verify", keys::find(Scope::Tls, "skip_verify"), switch(self.skip_verify)),
            (
                "--allow-plaintext",
                keys::find(Scope::Cluster, "allow_plaintext"),
                switch(self.allow_plaintext),
            ),
            ("--poll-interval", keys::find(Scope::Cluster, "poll_interval"), self.poll_interval.as_deref()),
            (
                "--request-timeout",
                keys::find(Scope::Cluster, "request_timeout"),
                self.request_timeout.as_deref(),
            ),
            ("--log-level", keys::find(Scope::Top, "log_level"), self.log_level.as_deref()),
        ];
        let mut given = Vec::new();
        for (flag, key, text) in flags {
            if let (Some(key), Some(text)) = (key, text) {
                given.push(Given::read(key, Place::Flag(flag.to_owned()), text)?);
            }
        }
        Ok(given)
    }
}
