//! Why shares could not be sealed to a TPM, or opened by it.

use crate::external::quote;
use std::borrow::Cow;
use std::path::Path;

/// What stands between us and the shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TpmErrorKind {
    /// The executable that speaks with the TPM is not there, or must not be trusted.
    HelperMissing,
    /// There is no TPM, or nothing that leads to one.
    Absent,
    /// There is one, and we may not use it.
    Permission,
    /// It has no room, or does something else; passes by itself.
    Busy,
    /// It did not answer in time.
    Timeout,
    /// The machine did not start as it did when the shares were sealed.
    PcrChanged,
    /// The shares were sealed by another TPM, or by this one before it was cleared.
    Other,
    /// It refuses authorizations after too many wrong ones.
    Lockout,
    /// The file is not what was written.
    BlobCorrupt,
    /// The file is of another version of this program.
    BlobVersion,
    /// Anything else.
    Failed,
}

/// All of them.
const KINDS: [TpmErrorKind; 11] = [
    TpmErrorKind::HelperMissing,
    TpmErrorKind::Absent,
    TpmErrorKind::Permission,
    TpmErrorKind::Busy,
    TpmErrorKind::Timeout,
    TpmErrorKind::PcrChanged,
    TpmErrorKind::Other,
    TpmErrorKind::Lockout,
    TpmErrorKind::BlobCorrupt,
    TpmErrorKind::BlobVersion,
    TpmErrorKind::Failed,
];

impl TpmErrorKind {
    /// A stable word for each.
    pub fn word(self) -> &'static str {
        self.explained(None).0
    }

    /// The one whose word is this.
    pub(super) fn find(is_word: impl Fn(&str) -> bool) -> Option<Self> {
        KINDS.into_iter().find(|kind| is_word(kind.word()))
    }

    /// A stable word for each, and what to do about it; `path` is the sealed file, if it is there already.
    fn explained(self, path: Option<&Path>) -> (&'static str, Cow<'static, str>) {
        let (word, advice) = match self {
            Self::HelperMissing => (
                "tpm-helper-missing",
                "Install the package vault-unseal-tpm: apt install ./vault-unseal-tpm_*.deb",
            ),
            Self::Absent => (
                "tpm-absent",
                "See whether the machine has one and it is switched on in the firmware: \
                 ls -l /dev/tpm*; journalctl -k | grep -i tpm. If only the service \
                 does not see it: sudo vault-unseal check",
            ),
            Self::Permission => (
                "tpm-permission",
                "See who may use it: ls -l /dev/tpmrm0. The service needs a drop-in for it, as this \
                 says: sudo vault-unseal check",
            ),
            Self::Busy => (
                "tpm-busy",
                "It is tried again. If it lasts, find who holds the TPM: fuser -v /dev/tpm0 /dev/tpmrm0",
            ),
            Self::Timeout => (
                "tpm-timeout",
                "It is tried again. If it lasts, see what the kernel says of it: journalctl -k | grep -i tpm",
            ),
            Self::PcrChanged => (
                "tpm-pcr-changed",
                "If that was you, seal the shares anew, to what the machine is now: \
                 vault-unseal enroll --rebind FILE, with the shares from where they are kept",
            ),
            Self::Other => ("tpm-other", SEAL_ANEW),
            Self::BlobCorrupt => ("tpm-blob-corrupt", SEAL_ANEW),
            Self::Lockout => ("tpm-lockout", "It ends by itself, or: tpm2_dictionarylockout --clear-lockout"),
            Self::BlobVersion => {
                let file = path.map_or_else(|| "FILE".to_owned(), quote::shell);
                let advice = format!("Use the version of vault-unseal that wrote {file}, or a later one.");
                return ("tpm-blob-version", advice.into());
            }
            Self::Failed => (
                "tpm-failed",
                "See whether the TPM works at all: tpm2_getrandom --hex 8; journalctl -k | grep -i tpm",
            ),
        };
        (word, advice.into())
    }
}

const SEAL_ANEW: &str = "Seal the shares anew, from where they are kept: vault-unseal enroll";

/// Why shares could not be sealed to a TPM, or opened by it. Never carries a byte of a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct TpmError {
    kind: TpmErrorKind,
    text: String,
}

impl TpmError {
    /// A refusal in words, without a full stop.
    pub fn new(kind: TpmErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// What stands in the way.
    pub fn kind(&self) -> TpmErrorKind {
        self.kind
    }

    /// A stable word for each refusal, and what to do about it; `path` is the sealed file, if it is there already.
    pub fn explained(&self, path: Option<&Path>) -> (&'static str, String) {
        let (word, advice) = self.kind.explained(path);
        (word, advice.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_of_every_kind_has_a_word_of_its_own_and_advice() {
        for kind in KINDS {
            assert_eq!(TpmErrorKind::find(|known| known == kind.word()), Some(kind));
            let file = Path::new("/etc/vault-unseal/shares.tpm2");
            let (word, advice) = TpmError::new(kind, "a reason").explained(Some(file));
            assert!(word.starts_with("tpm-") && !advice.is_empty());
        }
        assert_eq!(TpmErrorKind::find(|word| word == "tpm-unheard-of"), None);
    }
}
