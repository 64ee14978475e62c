//! What really protects stored shares, read from the file without opening it.
//!
//! The layout of credentials is systemd's (`src/shared/creds-util.c`): 16 bytes that identify the keys, four little-endian 32-bit
//! sizes (key, block, initialization vector, tag), the initialization vector, zeros up to a multiple of 8; where a TPM
//! takes part, a little-endian 64-bit mask of PCRs follows.

use crate::shares::tpm::Blob;
use base64ct::{Base64, Encoding};
use std::fmt;

/// What the 16 bytes say: host key, TPM, and whether a signed policy for PCRs comes on top. The identifiers ending in
/// "scoped" are of credentials for one user (systemd 256).
const KINDS: [(&[u8; 16], Keys); 9] = [
    (b"\x5a\x1c\x6a\x86\xdf\x9d\x40\x96\xb1\xd5\xa6\x5e\x08\x62\xf1\x9a", HOST),
    (b"\x55\xb9\xed\x1d\x38\x59\x4d\x43\xa8\x31\x9d\x2e\xbb\x33\x2a\xc6", HOST),
    (b"\x0c\x7c\xc0\x7b\x11\x76\x45\x91\x9c\x4b\x0b\xea\x08\xbc\x20\xfe", TPM2),
    (
        b"\xfa\xf7\xeb\x93\x41\xe3\x41\x2c\xa1\xa4\x36\xf9\x5a\x29\x36\x2f",
        Keys { signed_policy: true, ..TPM2 },
    ),
    (b"\x93\xa8\x94\x09\x48\x74\x44\x90\x90\xca\xf2\xfc\x93\xca\xb5\x53", BOTH),
    (b"\xef\x4a\xc1\x36\x79\xa9\x48\x0e\xa7\xdb\x68\x89\x7f\x9f\x16\x5d", BOTH),
    (
        b"\xaf\x49\x50\xa8\x49\x13\x4e\xb1\xa7\x38\x46\x30\x4f\xf3\x0c\x05",
        Keys { signed_policy: true, ..BOTH },
    ),
    (
        b"\xad\xbc\x4c\xa3\xef\xb6\x42\x01\xba\x88\x1b\x6f\x2e\x40\x95\xea",
        Keys { signed_policy: true, ..BOTH },
    ),
    (b"\x05\x84\x69\xda\xf6\xf5\x43\x24\x80\x05\x49\xda\x0f\x8e\xa2\xfb", NONE),
];

struct Keys {
    host: bool,
    tpm2: bool,
    signed_policy: bool,
}

const NONE: Keys = Keys { host: false, tpm2: false, signed_policy: false };
const HOST: Keys = Keys { host: true, ..NONE };
const TPM2: Keys = Keys { tpm2: true, ..NONE };
const BOTH: Keys = Keys { host: true, ..TPM2 };

/// Sizes above this are not those of a cipher.
const MOST: usize = 4096;

/// Which keys protect an encrypted credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialKind {
    /// The host key alone: `/var/lib/systemd/credential.secret`, on the same disk unless that is elsewhere.
    Host,
    /// The TPM alone.
    Tpm2(Tpm2Binding),
    /// Both; neither opens it without the other.
    HostAndTpm2(Tpm2Binding),
    /// A key of zeros (`tpm2-absent`, `null`): anybody can open it.
    Nothing,
    /// Of a kind that this program does not know.
    Unknown,
}

/// What the TPM asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tpm2Binding {
    /// The PCRs that must be as they were, ascending; none binds to the TPM alone.
    pub pcrs: Vec<u8>,
    /// Whether, beside that, a signed policy allows it (`--tpm2-public-key=`).
    pub signed_policy: bool,
}

/// Whether a credential file begins with these bytes.
pub(crate) fn is_credential_id(id: &[u8; 16]) -> bool {
    KINDS.iter().any(|(known, _)| *known == id)
}

impl CredentialKind {
    /// Reads it from the content of a credential file; `None` when that is no encrypted credential at all.
    ///
    /// A file of a kind that is not known cannot be told from other base64, and is [`CredentialKind::Unknown`].
    pub fn of(file: &[u8]) -> Option<Self> {
        let text: Vec<u8> = file.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let mut bytes = vec![0; text.len()];
        let bytes = Base64::decode(&text, &mut bytes).ok()?;
        let (id, rest) = bytes.split_at_checked(16)?;
        let Some((_, keys)) = KINDS.iter().find(|(known, _)| known.as_slice() == id) else {
            return Some(Self::Unknown);
        };
        let vector = number::<4>(rest.get(8..)?)?;
        if !keys.tpm2 {
            return Some(if keys.host { Self::Host } else { Self::Nothing });
        }
        let vector = usize::try_from(vector).ok().filter(|vector| *vector <= MOST)?;
        let mask = number::<8>(bytes.get((32 + vector).next_multiple_of(8)..)?)?;
        let pcrs = (0..64).filter(|pcr| mask >> pcr & 1 == 1).collect();
        let binding = Tpm2Binding { pcrs, signed_policy: keys.signed_policy };
        Some(if keys.host { Self::HostAndTpm2(binding) } else { Self::Tpm2(binding) })
    }

    /// What the TPM asks for, where one takes part.
    pub fn tpm2(&self) -> Option<&Tpm2Binding> {
        match self {
            Self::Tpm2(binding) | Self::HostAndTpm2(binding) => Some(binding),
            Self::Host | Self::Nothing | Self::Unknown => None,
        }
    }

    /// A stable word for each: `host`, `tpm2`, `host+tpm2`, `nothing`, `unknown`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Tpm2(_) => "tpm2",
            Self::HostAndTpm2(_) => "host+tpm2",
            Self::Nothing => "nothing",
            Self::Unknown => "unknown",
        }
    }
}

/// As a sentence goes on after "protected by".
impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "the host key alone",
            Self::Tpm2(_) => "the TPM",
            Self::HostAndTpm2(_) => "the host key and the TPM",
            Self::Nothing => "nothing: its key is known to everybody",
            Self::Unknown => "keys of a kind that this program does not know",
        })?;
        let Some(binding) = self.tpm2() else { return Ok(()) };
        let pcrs: Vec<String> = binding.pcrs.iter().map(ToString::to_string).collect();
        match (pcrs.as_slice(), binding.signed_policy) {
            ([], false) => f.write_str(", whatever the machine starts"),
            ([], true) => f.write_str(", under a signed policy"),
            (pcrs, false) => write!(f, ", bound to PCR {}", pcrs.join("+")),
            (pcrs, true) => write!(f, ", bound to PCR {} and a signed policy", pcrs.join("+")),
        }
    }
}

/// What protects shares where they rest, from the file itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreProtection {
    /// Of a credential: which keys.
    pub kind: Option<CredentialKind>,
    /// The PCRs that must not change, with their bank where there is a choice of it.
    pub pcrs: Option<String>,
    /// Nothing has been measured into any of these PCRs, so that they bind to nothing: the firmware does not measure.
    pub unmeasured: bool,
}

impl StoreProtection {
    /// That of a file sealed to the TPM.
    pub fn of_tpm2(blob: &Blob) -> Self {
        let Some(bound) = &blob.pcrs else { return Self::default() };
        Self {
            kind: None,
            pcrs: bound.selection().map(|selection| selection.to_string()),
            // What a PCR holds when the machine starts: zeros, or for those of a dynamic launch ones.
            unmeasured: bound
                .values
                .values()
                .all(|value| value.iter().all(|byte| *byte == 0) || value.iter().all(|byte| *byte == 0xff)),
        }
    }
}

/// The first `N` bytes, little-endian.
fn number<const N: usize>(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk::<N>().map(|bytes| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole, of systemd 252, with a host key: what is inside is no secret.
    const HOST: &str = "Whxqht+dQJax1aZeCGLxmiAAAAABAAAADAAAABAAAABf2NAgYq/HYstpsqQAAAAA7B1+JmJyfGilkiX\n\
                        RYrjBT+sRGyRcp3De7Dy7nxM4/cG3jK9SNXIGXKE/b0q5Iq8TlB7e9Xt+\n";

    /// The beginning of one that a TPM takes part in: identifier, sizes, vector, mask.
    fn with_tpm(id: &str, vector: usize, mask: u64) -> Vec<u8> {
        let mut bytes = base16ct::lower::decode_vec(id).unwrap();
        for size in [32, 1, u32::try_from(vector).unwrap(), 16] {
            bytes.extend(size.to_le_bytes());
        }
        bytes.extend(vec![0xee; vector]);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend(mask.to_le_bytes());
        bytes.extend([0x0b, 0x00, 0x23, 0x00]);
        Base64::encode_string(&bytes).into_bytes()
    }

    fn shown(file: &[u8]) -> String {
        CredentialKind::of(file).map_or_else(|| "none".to_owned(), |kind| format!("{}: {kind}", kind.word()))
    }

    #[test]
    fn what_protects_a_credential_is_read_from_it() {
        assert_eq!(shown(HOST.as_bytes()), "host: the host key alone");
        for (id, mask, expected) in [
            ("0c7cc07b117645919c4b0bea08bc20fe", 1 << 7, "tpm2: the TPM, bound to PCR 7"),
            ("0c7cc07b117645919c4b0bea08bc20fe", 1 << 7 | 1 << 11, "tpm2: the TPM, bound to PCR 7+11"),
            ("0c7cc07b117645919c4b0bea08bc20fe", 0, "tpm2: the TPM, whatever the machine starts"),
            ("faf7eb9341e3412ca1a436f95a29362f", 0, "tpm2: the TPM, under a signed policy"),
            ("93a894094874449090caf2fc93cab553", 1, "host+tpm2: the host key and the TPM, bound to PCR 0"),
            (
                "af4950a849134eb1a73846304ff30c05",
                1 << 23,
                "host+tpm2: the host key and the TPM, bound to PCR 23 and a signed policy",
            ),
            ("058469daf6f54324800549da0f8ea2fb", 0, "nothing: nothing: its key is known to everybody"),
            (
                "00000000000000000000000000000000",
                0,
                "unknown: keys of a kind that this program does not know",
            ),
        ] {
            for vector in [12, 16] {
                assert_eq!(shown(&with_tpm(id, vector, mask)), expected, "{id}");
            }
        }
    }

    #[test]
    fn what_is_cut_short_or_no_credential_is_none() {
        let whole = with_tpm("0c7cc07b117645919c4b0bea08bc20fe", 12, 1 << 7);
        for length in (0..74).step_by(4) {
            assert_eq!(CredentialKind::of(&whole[..length]), None, "{length}");
        }
        assert!(CredentialKind::of(&whole[..76]).is_some());
        let huge = with_tpm("0c7cc07b117645919c4b0bea08bc20fe", 5000, 1);
        for file in [&b"[\"00\"]"[..], b"", b"\xff\xfe", &huge] {
            assert_eq!(CredentialKind::of(file), None);
        }
    }
}
