//! `GET /v1/sys/seal-status`, and the same body as the answer to a submitted share.

use super::refusal::printable;
use crate::shares::Scheme;
use serde::Deserialize;

/// The one seal that shares open.
const SHAMIR: &str = "shamir";

/// The path of the seal status.
pub const PATH: &str = "/v1/sys/seal-status";

#[expect(clippy::struct_excessive_bools, reason = "the API's own independent flags")]
/// How a server is sealed, and how far its current unseal round has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealStatus {
    /// `type`: `shamir`, or the name of an auto-unseal mechanism (`static`, `awskms`, `transit`, …).
    pub seal_type: String,
    /// `initialized`: there is a seal configuration.
    pub initialized: bool,
    /// `sealed`.
    pub sealed: bool,
    /// `t`: shares needed. 0 while there is no seal configuration.
    pub threshold: usize,
    /// `n`: shares that exist.
    pub total: usize,
    /// `progress`: different shares in the current round.
    pub progress: usize,
    /// `nonce`: names the current round; empty while `progress` is 0.
    pub nonce: String,
    /// `recovery_seal`: `t` and `n` speak of recovery keys, which never unseal.
    pub recovery_seal: bool,
    /// `migration`: an operator is moving the server to another seal.
    pub migration: bool,
    /// `removed_from_cluster` (Vault 1.19).
    pub removed: bool,
    /// `version`.
    pub version: Option<String>,
}

impl SealStatus {
    /// True for the seal that we can open: Shamir shares of the unseal key itself.
    pub fn takes_unseal_shares(&self) -> bool {
        self.seal_type == SHAMIR && !self.recovery_seal
    }

    /// How its key is split.
    pub fn scheme(&self) -> Scheme {
        Scheme { threshold: self.threshold, total: self.total }
    }

    /// Reads a body; `None` when it is not a seal status.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(body).ok()?;
        Some(Self {
            sealed: wire.sealed?,
            // Servers before 0.10 name no type; all of them were Shamir.
            seal_type: match wire.seal_type {
                None => SHAMIR.to_owned(),
                Some(word) if word == SHAMIR => word,
                // It is shown to people; escaped, so that nothing becomes `shamir` by being cleaned.
                Some(word) => word.escape_debug().take(40).collect(),
            },
            // Absent in servers before 1.0: they answered this path only when initialized.
            initialized: wire.initialized.unwrap_or(true),
            threshold: wire.t.unwrap_or(0),
            total: wire.n.unwrap_or(0),
            progress: wire.progress.unwrap_or(0),
            nonce: wire.nonce.unwrap_or_default(),
            recovery_seal: wire.recovery_seal == Some(true),
            migration: wire.migration == Some(true),
            removed: wire.removed_from_cluster == Some(true),
            version: wire.version.as_deref().map(printable),
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wire {
    #[serde(rename = "type")]
    seal_type: Option<String>,
    initialized: Option<bool>,
    sealed: Option<bool>,
    t: Option<usize>,
    n: Option<usize>,
    progress: Option<usize>,
    nonce: Option<String>,
    recovery_seal: Option<bool>,
    migration: Option<bool>,
    removed_from_cluster: Option<bool>,
    version: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_calls_itself_cannot_write_to_a_terminal() {
        let body = br#"{"sealed":true,"type":"shamir\n\u001b[2J","version":"2\u001b]0;x\u0007"}"#;
        let status = SealStatus::parse(body).unwrap();
        assert!(!status.takes_unseal_shares(), "only the exact word is shamir");
        let shown = format!("{}{}", status.seal_type, status.version.unwrap());
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
}
