//! What servers answer, and every way of not getting an answer: types that own what they say. Vocabulary alone: nothing
//! here opens a connection; the client, `vault/`, makes these of what comes over one.

pub(crate) mod health;
pub(crate) mod seal_status;
mod tls_failure;
mod unreachable;
mod untrusted;

pub use health::{ConnectionEpoch, Health, Membership, Product, Release, Role};
pub use seal_status::{LogHint, Meaning, Nonce, Refusal, SealState, SealStatus, UnsealAnswer};
pub use tls_failure::{NameRemedy, TlsFailure, Unsupported, UnsupportedKey};
pub use unreachable::{AnswerText, PeerRefusal, Unreachable, UntrustedOwner};
pub use untrusted::{AuthoritiesPlace, NamedAuthorities, Untrusted, UntrustedIssuer};
