//! The file that holds shares sealed to a TPM; `docs/tpm2-file.md` describes it for readers without this program.
//!
//! JSON in exactly one spelling: what is not written as [`Blob::render`] would write it is refused, so that nothing in
//! the file can be changed without being either seen here or covered by the cipher.
//! The file's members as JSON has them.

use super::error::{TpmError, TpmErrorKind};
use super::pcrs::{PcrBank, PcrSelection};
use crate::ordered;
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version that is written and read.
pub(super) const VERSION: u32 = 1;
/// Bytes of the key that the TPM keeps.
pub const KEY_LENGTH: usize = 32;
/// Bytes of the nonce of ChaCha20-Poly1305 (RFC 8439).
pub const NONCE_LENGTH: usize = 12;
/// Bytes by which the ciphertext is longer than the text.
pub const TAG_LENGTH: usize = 16;
/// The longest text that is sealed, in bytes: its file stays below the limit of all share files.
pub const TEXT_LIMIT: usize = 32 * 1024;

const FORMAT: &str = "vault-unseal-tpm2";

/// What the file says. None of it is secret to anybody but the TPM that sealed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// How many shares there are.
    pub shares: usize,
    /// The name of the primary key (TPM 2.0 Library, part 1, 16): 2 bytes of algorithm, 32 of SHA-256.
    pub primary: [u8; 34],
    /// The PCRs that must not change, if any.
    pub pcrs: Option<BoundPcrs>,
    /// The sealed key's `TPM2B_PUBLIC`, as the TPM marshals it.
    pub public: Vec<u8>,
    /// The sealed key's `TPM2B_PRIVATE`, encrypted by the TPM.
    pub private: Vec<u8>,
    /// The nonce of the cipher.
    pub nonce: [u8; NONCE_LENGTH],
    /// The shares under the sealed key, and the tag.
    pub ciphertext: Vec<u8>,
}

/// PCRs and what they held when the shares were sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundPcrs {
    /// The bank.
    pub bank: PcrBank,
    /// Each PCR and its value, of the length of the bank's digests; at least one.
    pub values: BTreeMap<u8, Vec<u8>>,
    /// The policy that follows from them: the sealed key's authPolicy.
    pub policy: [u8; 32],
}

impl BoundPcrs {
    /// The PCRs without their values; `None` when there are none.
    pub fn selection(&self) -> Option<PcrSelection> {
        PcrSelection::of(self.bank, self.values.keys().copied())
    }
}

impl Blob {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, TpmError> {
        let head: Head = serde_json::from_slice(bytes)
            .map_err(|_| corrupt("it is not a file of shares sealed to a TPM, or it was damaged"))?;
        if head.format != FORMAT {
            return Err(corrupt("it is not a file of shares sealed to a TPM"));
        }
        if head.version != VERSION {
            return Err(TpmError::new(
                TpmErrorKind::BlobVersion,
                format!("its format has version {}, and this program knows version {VERSION}", head.version),
            ));
        }
        let document: Document =
            serde_json::from_slice(bytes).map_err(|error| corrupt(&format!("line {}", error.line())))?;
        let blob = document.blob().ok_or_else(|| corrupt("a value in it cannot be"))?;
        if blob.render() != bytes {
            return Err(corrupt("it is not written as it was when the shares were sealed"));
        }
        Ok(blob)
    }

    /// The file.
    pub fn render(&self) -> Vec<u8> {
        self.written(&self.ciphertext)
    }

    /// What the cipher covers beside the shares: the file without the ciphertext.
    pub fn associated_data(&self) -> Vec<u8> {
        self.written(&[])
    }

    fn written(&self, ciphertext: &[u8]) -> Vec<u8> {
        let document = Document::of(self, ciphertext);
        // Cannot fail: text, numbers and maps of them.
        let mut bytes = serde_json::to_vec_pretty(&document).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

fn corrupt(what: &str) -> TpmError {
    TpmError::new(TpmErrorKind::BlobCorrupt, what)
}

const HIERARCHY: &str = "owner";
const TEMPLATE: &str = "tcg-srk-ecc-p256";
const CIPHER: &str = "chacha20-poly1305";
/// The largest `TPM2B_PUBLIC` and `TPM2B_PRIVATE` of a sealed key are far smaller.
const STRUCTURE_LIMIT: usize = 1024;

/// Enough to tell a later version from a damaged file.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) format: String,
    pub(super) version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    format: String,
    version: u32,
    shares: usize,
    primary: DocumentPrimary,
    pcrs: Option<DocumentPcrs>,
    public: String,
    private: String,
    cipher: String,
    nonce: String,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentPrimary {
    hierarchy: String,
    template: String,
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentPcrs {
    bank: String,
    values: BTreeMap<u8, String>,
    policy: String,
}

impl Document {
    /// The members that say what `blob` says, with this ciphertext.
    pub(super) fn of(blob: &Blob, ciphertext: &[u8]) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            shares: blob.shares,
            primary: DocumentPrimary {
                hierarchy: HIERARCHY.to_owned(),
                template: TEMPLATE.to_owned(),
                name: hex(&blob.primary),
            },
            pcrs: blob.pcrs.as_ref().map(|pcrs| DocumentPcrs {
                bank: pcrs.bank.word().to_owned(),
                values: ordered::map(pcrs.values.iter().map(|(number, value)| (*number, hex(value)))),
                policy: hex(&pcrs.policy),
            }),
            public: Base64::encode_string(&blob.public),
            private: Base64::encode_string(&blob.private),
            cipher: CIPHER.to_owned(),
            nonce: Base64::encode_string(&blob.nonce),
            ciphertext: Base64::encode_string(ciphertext),
        }
    }

    /// The values; `None` when one of them cannot be. Words that have only one value are left to the comparison with
    /// what would be written.
    pub(super) fn blob(&self) -> Option<Blob> {
        let structure = |text| base64(text).filter(|bytes| (1..=STRUCTURE_LIMIT).contains(&bytes.len()));
        let blob = Blob {
            shares: self.shares,
            primary: unhex(&self.primary.name)?.try_into().ok()?,
            pcrs: match &self.pcrs {
                Some(pcrs) => Some(pcrs.bound()?),
                None => None,
            },
            public: structure(&self.public)?,
            private: structure(&self.private)?,
            nonce: base64(&self.nonce)?.try_into().ok()?,
            ciphertext: base64(&self.ciphertext)?,
        };
        let text = blob.ciphertext.len().checked_sub(TAG_LENGTH)?;
        (text <= TEXT_LIMIT).then_some(blob)
    }
}

impl DocumentPcrs {
    fn bound(&self) -> Option<BoundPcrs> {
        let bank = PcrBank::of_word(&self.bank)?;
        let mut values = BTreeMap::new();
        for (number, value) in &self.values {
            let value = unhex(value).filter(|value| value.len() == bank.digest_length())?;
            values.insert(*number, value);
        }
        let bound = BoundPcrs { bank, values, policy: unhex(&self.policy)?.try_into().ok()? };
        bound.selection().is_some().then_some(bound)
    }
}

fn hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    base16ct::lower::decode_vec(text).ok()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(pcrs: bool) -> Blob {
        let values = BTreeMap::from([(7, vec![0xab; 32]), (11, vec![0xcd; 32])]);
        Blob {
            shares: 3,
            primary: [0x0b; 34],
            pcrs: pcrs.then_some(BoundPcrs { bank: PcrBank::Sha256, values, policy: [0xef; 32] }),
            public: vec![1; 80],
            private: vec![2; 160],
            nonce: [3; NONCE_LENGTH],
            ciphertext: vec![4; 200 + TAG_LENGTH],
        }
    }

    /// What reading a text that was changed leads to.
    fn kind(from: &str, to: &str) -> &'static str {
        let text = String::from_utf8(blob(true).render()).unwrap();
        assert!(text.contains(from), "{from}");
        Blob::parse(text.replacen(from, to, 1).as_bytes())
            .map_or_else(|refusal| refusal.kind().word(), |_| "taken")
    }

    #[test]
    fn what_is_written_is_read_and_described() {
        for pcrs in [true, false] {
            let blob = blob(pcrs);
            assert_eq!(Blob::parse(&blob.render()), Ok(blob.clone()));
            assert_eq!(blob.shares, 3);
            let selection = blob.pcrs.and_then(|bound| bound.selection()).map(|pcrs| pcrs.to_string());
            assert_eq!(selection, pcrs.then(|| "sha256:7+11".to_owned()));
        }
    }

    #[test]
    fn the_cipher_covers_everything_but_the_ciphertext() {
        let one = blob(true);
        let covered = one.associated_data();
        let mut other = blob(true);
        other.ciphertext = vec![5; 50];
        assert_eq!(other.associated_data(), covered);
        let changes: [fn(&mut Blob); 7] = [
            |blob| blob.shares = 4,
            |blob| blob.primary[33] ^= 1,
            |blob| blob.pcrs = None,
            |blob| blob.pcrs.as_mut().unwrap().policy[0] ^= 1,
            |blob| blob.public[0] ^= 1,
            |blob| blob.private[0] ^= 1,
            |blob| blob.nonce[0] ^= 1,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = blob(true);
            change(&mut changed);
            assert_ne!(changed.associated_data(), covered, "change {number}");
        }
    }

    #[test]
    fn another_spelling_of_the_same_is_refused() {
        for (from, to) in [
            ("\n", "\n\n"),
            ("\": ", "\":"),
            ("\"shares\": 3,", "\"shares\": 3.0,"),
            ("\"shares\": 3,", "\"shares\": 3, \"more\": 1,"),
            ("\"shares\": 3,", "\"shares\": 3,\n  \"shares\": 3,"),
            ("\"bank\": \"sha256\",", "\"bank\": \"sha256\",\n      \"more\": 1,"),
            ("\"owner\"", "\"endorsement\""),
            ("tcg-srk-ecc-p256", "tcg-srk-rsa-2048"),
            ("chacha20-poly1305", "aes-256-gcm"),
            ("\"7\"", "\"07\""),
            ("abab", "ABab"),
            ("AwMDAwMDAwMDAwMD", "AwMDAwMDAwMDAwM"),
            ("AwMDAwMDAwMDAwMD", "AwMDAwMDAwMDAw=="),
            ("vault-unseal-tpm2", "vault-unseal-tpm3"),
        ] {
            assert_eq!(kind(from, to), "tpm-blob-corrupt", "{from} -> {to}");
        }
        assert_eq!(kind("\"version\": 1", "\"version\": 2, \"new\": {}"), "tpm-blob-version");
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        let changes: [fn(&mut Blob); 7] = [
            |blob| blob.public.clear(),
            |blob| blob.private = vec![0; 1025],
            |blob| blob.ciphertext.truncate(TAG_LENGTH - 1),
            |blob| blob.ciphertext = vec![0; TEXT_LIMIT + TAG_LENGTH + 1],
            |blob| blob.pcrs.as_mut().unwrap().values.clear(),
            |blob| drop(blob.pcrs.as_mut().unwrap().values.insert(24, vec![0; 32])),
            |blob| drop(blob.pcrs.as_mut().unwrap().values.insert(8, vec![0; 48])),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = blob(true);
            change(&mut changed);
            let refused =
                Blob::parse(&changed.render()).map_or_else(|refusal| refusal.kind().word(), |_| "taken");
            assert_eq!(refused, "tpm-blob-corrupt", "change {number}");
        }
        let mut longest = blob(true);
        longest.ciphertext = vec![0; TEXT_LIMIT + TAG_LENGTH];
        assert!(Blob::parse(&longest.render()).is_ok());
        assert!(longest.render().len() <= crate::shares::share::LIMIT, "as long as a share file may be");
    }
}
