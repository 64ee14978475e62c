//! `GET /v1/sys/seal-status`, and `PUT /v1/sys/unseal`, whose answer has the same body.

use super::health::Product;
use super::refusal::{LogHint, Refusal};
use crate::cluster::Scheme;
use crate::external::ExternalText;
use ring::digest;
use serde::Deserialize;
use std::ops::Deref;

/// The one seal that shares open.
const SHAMIR: &str = "shamir";

/// The path of the seal status.
pub(crate) const PATH: &str = "/v1/sys/seal-status";
/// The path that takes shares and resets.
pub(crate) const UNSEAL_PATH: &str = "/v1/sys/unseal";

/// How a server is sealed, and how far its current unseal round has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealStatus {
    /// What is decided by.
    pub state: SealState,
    /// `type`: `shamir`, or the name of an auto-unseal mechanism (`static`, `awskms`, `transit`, …).
    pub seal_type: ExternalText,
    /// `version`.
    pub version: Option<ExternalText>,
}

#[expect(clippy::struct_excessive_bools, reason = "the API's own independent flags")]
/// The numbers and flags of a seal status. No text of the server's is in it: the answer to a share is kept as this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealState {
    /// `type` is `shamir`.
    pub shamir: bool,
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
    /// `nonce`: names the current round; none while `progress` is 0.
    pub nonce: Nonce,
    /// `recovery_seal`: `t` and `n` speak of recovery keys, which never unseal.
    pub recovery_seal: bool,
    /// `migration`: an operator is moving the server to another seal.
    pub migration: bool,
    /// `removed_from_cluster` (Vault 1.19).
    pub removed: bool,
    /// What it says of which program it is.
    pub product: Product,
}

impl Deref for SealStatus {
    type Target = SealState;

    fn deref(&self) -> &SealState {
        &self.state
    }
}

/// Tells the rounds of one server apart: the digest of the name that it gives one. The name itself is text from an answer to
/// a share, and may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nonce(Option<[u8; digest::SHA256_OUTPUT_LEN]>);

impl Nonce {
    /// The nonce of this text; an empty one is none.
    pub fn of(text: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        Self(digest.as_ref().try_into().ok().filter(|_| !text.is_empty()))
    }

    /// The server does not name the round, or there is none.
    pub fn is_empty(self) -> bool {
        self.0.is_none()
    }
}

impl SealState {
    /// True for the seal that we can open: Shamir shares of the unseal key itself.
    pub fn takes_unseal_shares(&self) -> bool {
        self.shamir && !self.recovery_seal
    }

    /// How its key is split.
    pub fn scheme(&self) -> Scheme {
        Scheme { threshold: self.threshold, total: self.total }
    }
}

impl SealStatus {
    /// What unseals the server, if that is not a Shamir seal. Vault 1.12 and 1.14, once initialised, tell `shamir` of a server
    /// that unseals itself: its recovery keys are split so. `OpenBao` tells the seal.
    pub fn foreign_type(&self) -> Option<&ExternalText> {
        (!self.shamir).then_some(&self.seal_type)
    }

    /// Reads a body; `None` when it is not a seal status.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(body).ok()?;
        // Servers before 0.10 name no type; all of them were Shamir.
        let seal_type = wire.seal_type.unwrap_or_else(|| SHAMIR.to_owned());
        let state = SealState {
            sealed: wire.sealed?,
            shamir: seal_type == SHAMIR,
            // Absent in servers before 1.0: they answered this path only when initialized.
            initialized: wire.initialized.unwrap_or(true),
            threshold: wire.t.unwrap_or(0),
            total: wire.n.unwrap_or(0),
            progress: wire.progress.unwrap_or(0),
            nonce: wire.nonce.as_deref().map(Nonce::of).unwrap_or_default(),
            recovery_seal: wire.recovery_seal == Some(true),
            migration: wire.migration == Some(true),
            removed: wire.removed_from_cluster == Some(true),
            product: Product::of(wire.version.as_deref(), wire.commit_date.is_some(), false),
        };
        let version = wire.version.map(ExternalText::new);
        Some(Self { state, seal_type: ExternalText::new(seal_type), version })
    }
}

/// What a server answers to a submitted share or a reset. It may repeat the share wherever it has room for text, so that
/// nothing is kept of it but numbers and flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsealAnswer {
    /// Its seal status after the request.
    Status(SealState),
    /// An error.
    Refused(Refusal),
}

impl UnsealAnswer {
    /// Sorts an answer by its code and body.
    pub fn parse(status: u16, body: &[u8], hint: LogHint) -> Self {
        match SealStatus::parse(body) {
            Some(seal_status) if status == 200 => Self::Status(seal_status.state),
            _ => Self::Refused(Refusal::parse(status, body, hint)),
        }
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
    commit_date: Option<serde::de::IgnoredAny>,
    version: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is `Copy` owns no text, and what is `'static` borrows none but ours.
    #[test]
    fn answer_to_a_share_has_no_room_for_text() {
        fn holds_no_text<T: Copy + 'static>() {}
        holds_no_text::<UnsealAnswer>();
    }

    #[test]
    fn what_a_server_calls_itself_cannot_write_to_a_terminal() {
        let body = br#"{"sealed":true,"type":"shamir\n\u001b[2J","version":"2\u001b]0;x\u0007"}"#;
        let status = SealStatus::parse(body).unwrap();
        assert!(!status.takes_unseal_shares(), "only the exact word is shamir");
        let shown = format!("{}{}", status.seal_type, status.version.unwrap());
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
}
