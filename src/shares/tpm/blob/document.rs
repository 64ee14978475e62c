//! The file's members as JSON has them.

use super::{Blob, BoundPcrs, FORMAT, TAG_LENGTH, TEXT_LIMIT, VERSION};
use crate::shares::tpm::pcrs::PcrBank;
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
                values: pcrs.values.iter().map(|(number, value)| (*number, hex(value))).collect(),
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
