//! Where shares come from, and what is odd about those that were accepted.

use super::credential;
use super::share::ShareSet;
pub(super) use crate::cluster::ShareSource;
use crate::explain::Explain;
use crate::external::{in_words, quote};
use std::borrow::Cow;
use std::path::Path;

/// The name of standard input, for messages and for commands that are advised.
pub const STANDARD_INPUT: &str = "/dev/stdin";

/// What reading a source gave.
pub struct LoadedShares {
    /// The shares.
    pub shares: ShareSet,
    /// What is odd about them.
    pub notices: Vec<Notice>,
}

/// Where a copy goes that has no root token: to another file than the one that has it.
const COPIES: [&str; 2] = ["/etc/vault-unseal/shares.json", "/etc/vault-unseal/shares-alone.json"];

/// Something a careful owner wants to know about shares that were accepted. Never carries a byte of a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Notice {
    /// The root token lies beside the shares: whoever reads the source needs no unsealing any more.
    #[error("{origin} holds the root token beside the shares")]
    RootToken {
        /// Where it lies.
        origin: ShareSource,
        /// Whether it is a member of a JSON object, or a line of text.
        json: bool,
    },
    /// Recovery keys beside the shares. They unseal nothing and are never sent.
    #[error("{0} holds recovery keys beside the shares; they unseal nothing and are never sent")]
    RecoveryKeys(ShareSource),
    /// The shares that a rekey printed which waits for its verification: the server still has the old ones.
    #[error(
        "{0} holds the shares of a rekey that is to be verified: until then the old shares unseal, not these"
    )]
    Unverified(ShareSource),
    /// The same share more than once, which counts once: where each copy stood, counted from 1. The first is used.
    #[error(
        "{} holds the same share more than once (shares {}); it counts once", .0, positions_in_words(.1)
    )]
    Duplicate(ShareSource, Vec<usize>),
}

impl Explain for Notice {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::RootToken { origin, .. } => {
                let file = match origin {
                    ShareSource::File(path) => Some(path.clone()),
                    ShareSource::Credential(name) => credential::plain_source(name),
                    ShareSource::Socket(_) | ShareSource::Tpm2 { .. } => None,
                };
                let advice = match (file, origin) {
                    (Some(path), _) => copy_without_token(&path),
                    (None, ShareSource::Tpm2 { .. }) => {
                        "Seal the shares anew without it: vault-unseal enroll".to_owned()
                    }
                    (None, ShareSource::Socket(_)) => {
                        "Have its service give the shares alone: vault-unseal enroll FILE --plain \
                         --output COPY makes a copy without it."
                            .to_owned()
                    }
                    (None, _) => {
                        "Make the credential anew, from where the shares are kept: vault-unseal enroll FILE, \
                                  which leaves it out"
                            .to_owned()
                    }
                };
                return ("root-token", Some(advice.into()));
            }
            Self::RecoveryKeys(_) => {
                ("recovery-keys-beside", "Keep them elsewhere: with them, somebody can make a root token.")
            }
            Self::Unverified(_) => (
                "rekey-not-verified",
                "Keep the old shares until the server accepts the new ones: vault operator rekey -verify, or bao operator \
                 rotate-keys -verify. If that is done, all is well.",
            ),
            Self::Duplicate(..) => (
                "duplicate-share",
                "If they should differ, copy the missing share again from where the shares are kept.",
            ),
        };
        (kind, Some(advice.into()))
    }
}

/// The command that makes a copy without the root token. Never one that changes the file: others read the token there.
fn copy_without_token(path: &Path) -> String {
    let copy = COPIES.into_iter().find(|copy| path != Path::new(copy)).unwrap_or_default();
    format!(
        "The file can stay as it is. A copy without the token, for this program alone: vault-unseal enroll {} --plain \
         --output {copy}",
        quote::shell(path)
    )
}

/// `1, 3 and 4`.
pub fn positions_in_words(positions: &[usize]) -> String {
    let words: Vec<String> = positions.iter().map(ToString::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { in_words(&words, "and") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_named_as_a_person_would() {
        assert_eq!(
            ShareSource::File("/etc/vault-unseal/shares.json".into()).to_string(),
            "/etc/vault-unseal/shares.json"
        );
        assert_eq!(ShareSource::Credential("shares".into()).to_string(), "credential \"shares\"");
    }
}
