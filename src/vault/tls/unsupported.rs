//! Forms of certificates that are not accepted here, however good their signatures are, and by what they are known.

use super::anchors::Issuer;
use super::cause::TlsFailure;
use der::{Reader, SliceReader};

/// rsaEncryption, 1.2.840.113549.1.1.1 (RFC 3279, section 2.3.1).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// id-ecPublicKey, 1.2.840.10045.2.1 (RFC 5480, section 2.1.1), and its curves.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 4, 0, 0x23];
/// id-Ed25519, 1.3.101.112 (RFC 8410, section 3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// sha1WithRSAEncryption, 1.2.840.113549.1.1.5, and ecdsa-with-SHA1, 1.2.840.10045.4.1 (RFC 3279, section 2.2).
const SHA1: [&[u8]; 2] =
    [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]];

/// What is not accepted of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// Not of version 3 (RFC 5280, section 4.1.2.1).
    #[error("is of X.509 version {0}, and version 3 is needed")]
    Version(u8),
    /// A key that ring does not take.
    #[error("has {0}")]
    Key(UnsupportedKey),
    /// Its signature.
    #[error("is signed with SHA-1, which can be forged")]
    Sha1,
}

/// Keys that ring cannot verify signatures of, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsupportedKey {
    /// The bits of its modulus.
    #[error("an RSA key of {0} bits, and fewer than 2048 are not accepted")]
    ShortRsa(usize),
    /// The bits of its modulus.
    #[error("an RSA key of {0} bits, and more than 8192 are not supported")]
    LongRsa(usize),
    /// The curve of NIST.
    #[error("a key on the curve P-521, which is not supported")]
    P521,
    /// Any other.
    #[error("a key of a kind that is not supported")]
    Other,
}

impl UnsupportedKey {
    /// What is wrong with a key: its `AlgorithmIdentifier`, without tag and length, and the bits.
    pub(super) fn of(algorithm: &[u8], key: &[u8]) -> der::Result<Option<Self>> {
        let mut algorithm = SliceReader::new(algorithm)?;
        let kind: der::AnyRef<'_> = algorithm.decode()?;
        Ok(match kind.value() {
            RSA => {
                let mut key = SliceReader::new(key)?;
                let modulus: der::asn1::UintRef<'_> = key.decode::<der::AnyRef<'_>>()?.sequence(|key| {
                    let modulus = key.decode()?;
                    key.tlv_bytes()?;
                    Ok::<_, der::Error>(modulus)
                })?;
                // ring counts whole bytes as well.
                match modulus.as_bytes().len().saturating_mul(8) {
                    bits @ ..2048 => Some(Self::ShortRsa(bits)),
                    2048..=8192 => None,
                    bits => Some(Self::LongRsa(bits)),
                }
            }
            EC => match algorithm.decode::<der::AnyRef<'_>>()?.value() {
                P256 | P384 => None,
                P521 => Some(Self::P521),
                _ => Some(Self::Other),
            },
            ED25519 => None,
            _ => Some(Self::Other),
        })
    }
}

/// Whether a signature's `AlgorithmIdentifier`, without tag and length, is of SHA-1.
pub(super) fn is_sha1(algorithm: &[u8]) -> der::Result<bool> {
    let kind: der::AnyRef<'_> = SliceReader::new(algorithm)?.decode()?;
    Ok(SHA1.contains(&kind.value()))
}

impl Unsupported {
    /// It, of the certificate that the server shows.
    pub(super) fn of_server(self) -> TlsFailure {
        TlsFailure::Unsupported { issuer: None, what: self }
    }

    /// It, of a CA certificate that the server sends. Anybody could have named that.
    pub(super) fn of_sent(self) -> TlsFailure {
        TlsFailure::Unsupported {
            issuer: Some("a CA certificate that the server sends".to_owned()),
            what: self,
        }
    }

    /// It, of a CA certificate that is trusted.
    pub(super) fn of_issuer(self, issuer: &Issuer) -> TlsFailure {
        TlsFailure::Unsupported { issuer: Some(issuer.to_string()), what: self }
    }

    /// What to do about it, with a server's own certificate or one above it.
    pub(in crate::vault) fn advice(self, own: bool) -> &'static str {
        match self {
            Self::Version(_) if own => {
                "Make it anew as version 3: `openssl x509 -req` needs `-extfile` with a subjectAltName for that. Or pin \
                 its key: `tls = { skip_verify = true, pin_sha256 = [\"…\"] }`."
            }
            Self::Version(_) => "Make it anew as version 3, with basicConstraints CA:TRUE.",
            Self::Key(_) if own => {
                "Make it anew with a key on P-256 or of RSA with 2048 bits or more. A pin does not help: with such a key \
                 the server cannot prove here that it holds it."
            }
            Self::Key(_) => {
                "Make it anew with a key on P-256 or of RSA with 2048 bits or more, and sign the server's certificate \
                 with that."
            }
            Self::Sha1 => {
                "Have it signed anew with SHA-256, which OpenSSL and Vault's own PKI use by themselves."
            }
        }
    }
}
