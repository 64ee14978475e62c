//! `GET /v1/sys/seal-status`, and `PUT /v1/sys/unseal`, whose answer has the same body; or is an error. The error
//! answers to a request that carried a secret are sorted by what they mean, and nothing of their text is kept.

use super::health::Product;
use crate::cluster::Scheme;
use crate::external::ExternalText;
use ring::digest;
use serde::Deserialize;
use std::fmt;
use std::ops::Deref;
use std::time::{Duration, UNIX_EPOCH};

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

/// Tells the rounds of one server apart: the digest of the name that it gives one. The name itself is text from an
/// answer to a share, and may be anything.
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
    /// What unseals the server, if that is not a Shamir seal. Vault 1.12 and 1.14, once initialised, tell `shamir` of a
    /// server that unseals itself: its recovery keys are split so. `OpenBao` tells the seal.
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

/// An error answer to a request that carried a share, a token or keys. It may repeat what was sent, in any encoding, so
/// that no text of it is kept: a `Copy` type has no room for one.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// The HTTP status code.
    pub status: u16,
    /// What it means.
    pub meaning: Meaning,
    /// It came in the API's own JSON form, not from a proxy or another service.
    pub from_server: bool,
    /// Finds it in the server's log.
    pub hint: LogHint,
}

/// The same answer at another time is the same: what is repeated is no news.
impl PartialEq for Refusal {
    fn eq(&self, other: &Self) -> bool {
        let told = |refusal: &Self| (refusal.status, refusal.meaning, refusal.from_server);
        told(self) == told(other)
    }
}

impl Eq for Refusal {}

/// When an answer came, and over which of our ports: what we know ourselves that finds it in the server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogHint {
    /// Time since 1970, UTC.
    at: Duration,
    /// The port of our end; a Unix socket has none.
    port: Option<u16>,
}

/// What a refused request means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// The round was complete and its shares are not this server's: ours are wrong, or a stranger's was among them.
    RoundFailed,
    /// The server cannot read the share at all (not hex or base64, too short, too long).
    Malformed,
    /// The server has no keys yet.
    NotInitialized,
    /// There is nothing to reset: the server is unsealed.
    AlreadyUnsealed,
    /// `Unseal failed, invalid key`: the shares are wrong on old servers, the keyring is damaged on new ones. The
    /// [`Release`](super::Release) decides.
    InvalidKey,
    /// The server has a keyring and no seal configuration.
    NoSealConfiguration,
    /// A rate limit quota that an operator set for this path: it says nothing of our shares.
    QuotaExceeded,
    /// The `X-Vault-Request` header, which we send, did not arrive.
    HeaderMissing,
    /// An operator is in the middle of a seal migration.
    Migrating,
    /// The server has no usable keyring: in mid-join, or restoring a snapshot.
    NoKeyring,
    /// The token that was shown may not do that, or is none.
    PermissionDenied,
    /// The server has keys already: only `init` asks for some.
    Initialized,
    /// An overload, a quota, a proxy's 502/503, an internal error: says nothing of our shares.
    Transient,
}

/// Substrings of server texts and what they mean, most telling first. From Vault and OpenBao, old and new.
const MEANINGS: &[(&str, Meaning)] = &[
    ("invalid key size 0", Meaning::NoKeyring),
    ("migrate option not provided", Meaning::Migrating),
    ("seal migration", Meaning::Migrating),
    ("not initialized", Meaning::NotInitialized),
    ("vault is unsealed", Meaning::AlreadyUnsealed),
    ("failed to compute combined key", Meaning::RoundFailed),
    ("failed to decrypt keys from storage", Meaning::RoundFailed),
    ("message authentication failed", Meaning::RoundFailed),
    ("failed to setup unseal key", Meaning::RoundFailed),
    ("unseal failed, invalid key", Meaning::InvalidKey),
    ("no seal configuration found", Meaning::NoSealConfiguration),
    ("rate limit quota exceeded", Meaning::QuotaExceeded),
    ("missing \"x-vault-request\" header", Meaning::HeaderMissing),
    ("must be a valid hex or base64 string", Meaning::Malformed),
    ("shorter than minimum", Meaning::Malformed),
    ("longer than maximum", Meaning::Malformed),
    ("permission denied", Meaning::PermissionDenied),
    ("already initialized", Meaning::Initialized),
];

/// The API's own form of an error.
#[derive(Deserialize)]
pub(crate) struct ApiErrors {
    errors: Vec<String>,
}

impl ApiErrors {
    /// Reads a body; `None` when it is no error of the API.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// All of them in one text; empty when it gives no reason.
    pub(crate) fn text(&self) -> String {
        self.errors.join("; ")
    }
}

impl Refusal {
    /// Sorts an answer by its text; the status code alone decides nothing.
    pub fn parse(status: u16, body: &[u8], hint: LogHint) -> Self {
        // An HTML page may contain any words: only the server's own JSON is believed.
        let errors = ApiErrors::parse(body);
        let meaning = errors.as_ref().map_or(Meaning::Transient, |errors| Meaning::of(&errors.text()));
        Self { status, meaning, from_server: errors.is_some(), hint }
    }
}

/// `HTTP 400: the shares do not make this server's key`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}: ", self.status)?;
        match self.meaning.words() {
            Some(words) => f.write_str(words),
            None => self.hint.fmt(f),
        }
    }
}

impl Meaning {
    /// What a server's text means.
    pub(crate) fn of(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        MEANINGS
            .iter()
            .find(|(part, _)| lower.contains(part))
            .map_or(Self::Transient, |(_, meaning)| *meaning)
    }

    /// Our own words for it; `None` when the text said nothing that we know.
    fn words(self) -> Option<&'static str> {
        Some(match self {
            Self::RoundFailed => "the shares do not make this server's key",
            Self::Malformed => "the server cannot read the share",
            Self::NotInitialized => "the server is not initialised",
            Self::AlreadyUnsealed => "the server is unsealed",
            Self::Migrating => "the server is being moved to another seal",
            Self::NoKeyring => {
                "the server has no keyring: it is joining a cluster, or a snapshot is being restored"
            }
            Self::InvalidKey => "the shares do not make this server's key, or its keyring is damaged",
            Self::NoSealConfiguration => "the server has a keyring, and no seal configuration",
            Self::QuotaExceeded => "a rate limit quota of the server refuses shares for now",
            Self::HeaderMissing => {
                "the X-Vault-Request header did not arrive: a proxy on the way to the server removes it"
            }
            Self::PermissionDenied => "permission denied",
            Self::Initialized => "the server is initialised already",
            Self::Transient => return None,
        })
    }
}

impl LogHint {
    /// Of an answer that came so long after 1970, UTC, to this port of ours.
    pub(crate) fn new(at: Duration, port: Option<u16>) -> Self {
        Self { at, port }
    }
}

/// `unknown text: see the server's log at 2026-11-27T08:00:00.123Z (our port 40001)`.
impl fmt::Display for LogHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = humantime::format_rfc3339_millis(UNIX_EPOCH + self.at);
        write!(f, "unknown text: see the server's log at {at}")?;
        match self.port {
            Some(port) => write!(f, " (our port {port})"),
            None => Ok(()),
        }
    }
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

    /// What is `Copy` owns no text, and what is `'static` borrows none but ours.
    #[test]
    fn refusal_has_no_room_for_text() {
        fn holds_no_text<T: Copy + 'static>() {}
        holds_no_text::<Refusal>();
    }

    #[test]
    fn refusal_says_when_and_where_to_look() {
        let hint = LogHint { at: Duration::from_millis(1_764_230_400_123), port: Some(40001) };
        let said = |body: &[u8]| Refusal::parse(500, body, hint).to_string();
        let unknown =
            "HTTP 500: unknown text: see the server's log at 2025-11-27T08:00:00.123Z (our port 40001)";
        assert_eq!(said(br#"{"errors":["something new: s.abcdef"]}"#), unknown);
        assert_eq!(
            said(br#"{"errors":["failed to compute combined key: s.abcdef"]}"#),
            "HTTP 500: the shares do not make this server's key"
        );
        for (text, words) in [
            (
                "request path \\\"sys/unseal\\\": rate limit quota exceeded",
                "HTTP 500: a rate limit quota of the server refuses shares for now",
            ),
            (
                "missing \\\"X-Vault-Request\\\" header",
                "HTTP 500: the X-Vault-Request header did not arrive: a proxy on the way to the server removes it",
            ),
        ] {
            assert_eq!(said(format!(r#"{{"errors":["{text}"]}}"#).as_bytes()), words);
        }
        let nowhere = Refusal { hint: LogHint::default(), ..Refusal::parse(500, b"", hint) };
        assert!(nowhere.to_string().ends_with("see the server's log at 1970-01-01T00:00:00.000Z"));
    }
}
