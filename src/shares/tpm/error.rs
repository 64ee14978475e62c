//! Why shares could not be sealed to a TPM, or opened by it.

use crate::external::quote;
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

/// A stable word for each.
const WORDS: [(TpmErrorKind, &str); 11] = [
    (TpmErrorKind::HelperMissing, "tpm-helper-missing"),
    (TpmErrorKind::Absent, "tpm-absent"),
    (TpmErrorKind::Permission, "tpm-permission"),
    (TpmErrorKind::Busy, "tpm-busy"),
    (TpmErrorKind::Timeout, "tpm-timeout"),
    (TpmErrorKind::PcrChanged, "tpm-pcr-changed"),
    (TpmErrorKind::Other, "tpm-other"),
    (TpmErrorKind::Lockout, "tpm-lockout"),
    (TpmErrorKind::BlobCorrupt, "tpm-blob-corrupt"),
    (TpmErrorKind::BlobVersion, "tpm-blob-version"),
    (TpmErrorKind::Failed, "tpm-failed"),
];

impl TpmErrorKind {
    /// A stable word for each.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(kind, _)| *kind == self).map_or("tpm-failed", |(_, word)| word)
    }

    /// The one whose word is this.
    pub(super) fn find(is_word: impl Fn(&str) -> bool) -> Option<Self> {
        WORDS.iter().find(|(_, word)| is_word(word)).map(|(kind, _)| *kind)
    }
}

/// Why shares could not be sealed to a TPM, or opened by it. Never carries a byte of a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct TpmError {
    trouble: TpmErrorKind,
    text: String,
}

impl TpmError {
    /// A refusal in words, without a full stop.
    pub fn new(trouble: TpmErrorKind, text: impl Into<String>) -> Self {
        Self { trouble, text: text.into() }
    }

    /// What stands in the way.
    pub fn trouble(&self) -> TpmErrorKind {
        self.trouble
    }

    /// A stable word for each refusal.
    pub fn kind(&self) -> &'static str {
        self.trouble.word()
    }

    /// What to do about it; `path` is the sealed file, if it is there already.
    pub fn advice(&self, path: Option<&Path>) -> String {
        match self.trouble {
            TpmErrorKind::HelperMissing => {
                "Install the package vault-unseal-tpm: apt install ./vault-unseal-tpm_*.deb"
            }
            TpmErrorKind::Absent => {
                "See whether the machine has one and it is switched on in the firmware: \
                 ls -l /dev/tpm*; journalctl -k | grep -i tpm. If only the service \
                 does not see it: sudo vault-unseal check"
            }
            TpmErrorKind::Permission => {
                "See who may use it: ls -l /dev/tpmrm0. The service needs a drop-in for it, as this \
                 says: sudo vault-unseal check"
            }
            TpmErrorKind::Busy => {
                "It is tried again. If it lasts, find who holds the TPM: fuser -v /dev/tpm0 /dev/tpmrm0"
            }
            TpmErrorKind::Timeout => {
                "It is tried again. If it lasts, see what the kernel says of it: journalctl -k | grep -i tpm"
            }
            TpmErrorKind::PcrChanged => {
                "If that was you, seal the shares anew, to what the machine is now: \
                 vault-unseal enroll --rebind FILE, with the shares from where they are kept"
            }
            TpmErrorKind::Other | TpmErrorKind::BlobCorrupt => {
                "Seal the shares anew, from where they are kept: vault-unseal enroll"
            }
            TpmErrorKind::Lockout => "It ends by itself, or: tpm2_dictionarylockout --clear-lockout",
            TpmErrorKind::BlobVersion => {
                let file = path.map_or_else(|| "FILE".to_owned(), quote::shell);
                return format!("Use the version of vault-unseal that wrote {file}, or a later one.");
            }
            TpmErrorKind::Failed => {
                "See whether the TPM works at all: tpm2_getrandom --hex 8; journalctl -k | grep -i tpm"
            }
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_of_every_kind_has_a_word_of_its_own_and_advice() {
        for (kind, word) in WORDS {
            assert_eq!((kind.word(), TpmErrorKind::find(|known| known == word)), (word, Some(kind)));
            let refusal = TpmError::new(kind, "a reason");
            assert!(refusal.kind().starts_with("tpm-"));
            assert!(!refusal.advice(Some(Path::new("/etc/vault-unseal/shares.tpm2"))).is_empty());
        }
        assert_eq!(TpmErrorKind::find(|word| word == "tpm-unheard-of"), None);
    }
}
