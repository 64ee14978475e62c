//! The public key of a server, as its owner writes it down.

use base64ct::{Base64, Encoding};
use std::fmt;
use std::str::FromStr;

/// Bytes of a SHA-256 hash.
const BYTES: usize = 32;
/// Characters of one in base64.
const BASE64: usize = 44;
/// Digits of one in hex.
const HEX: usize = 2 * BYTES;

/// How to compute a pin where the certificate is.
pub const COMPUTE: &str = "openssl x509 -in FILE -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 \
                           -binary | base64";

/// The SHA-256 hash of a certificate's `SubjectPublicKeyInfo` (RFC 7469, section 2.4): it stays as long as the key does,
/// whoever signs the certificate and however often. Shown in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; BYTES]);

/// Why a text is no pin. Nothing of the text is repeated: it may be a share in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// Neither of the two lengths.
    #[error("this is no SHA-256 hash: it has {0} characters, and such a hash has 44 in base64 or 64 in hex")]
    Length(usize),
    /// The length of base64, but it is none.
    #[error(
        "this is no SHA-256 hash: it has the 44 characters of base64, and some that base64 does not have"
    )]
    Base64,
    /// The length of hex, but it is none.
    #[error("this is no SHA-256 hash: it has the 64 characters of hex, and some that are no hex digits")]
    Hex,
    /// An empty list.
    #[error("names no key, so no server would be the right one")]
    Nothing,
}

impl From<[u8; BYTES]> for Pin {
    fn from(hash: [u8; BYTES]) -> Self {
        Self(hash)
    }
}

impl FromStr for Pin {
    type Err = PinError;

    /// Reads base64, perhaps behind the `sha256//` of curl, or hex, perhaps with colons.
    fn from_str(text: &str) -> Result<Self, PinError> {
        let text = text.trim();
        let text = text.strip_prefix("sha256//").unwrap_or(text);
        let digits: String = text.chars().filter(|c| *c != ':').collect();
        let mut hash = [0; BYTES];
        match (text.chars().count(), digits.chars().count()) {
            (BASE64, _) => match Base64::decode(text, &mut hash) {
                Ok(bytes) if bytes.len() == BYTES => Ok(Self(hash)),
                _ => Err(PinError::Base64),
            },
            (_, HEX) => match base16ct::mixed::decode(&digits, &mut hash) {
                Ok(_) => Ok(Self(hash)),
                Err(_) => Err(PinError::Hex),
            },
            (length, _) => Err(PinError::Length(length)),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64::encode_string(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[test]
    fn every_way_of_writing_one_hash_is_that_hash() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let pairs: Vec<&str> = (0..32).filter_map(|at| hex.get(2 * at..2 * at + 2)).collect();
        for text in [
            PIN.to_owned(),
            format!("sha256//{PIN}"),
            format!(" {PIN}\n"),
            hex.to_owned(),
            hex.to_uppercase(),
            pairs.join(":"),
        ] {
            assert_eq!(text.parse::<Pin>().map(|pin| pin.to_string()), Ok(PIN.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_hash_is_told_by_what_is_wrong_with_it() {
        let dashes = PIN.replace('+', "-");
        for (text, error) in [
            ("", PinError::Length(0)),
            ("sha256//", PinError::Length(0)),
            (PIN.trim_end_matches('='), PinError::Length(43)),
            (&dashes, PinError::Base64),
            ("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU+", PinError::Base64),
            (&"g".repeat(64), PinError::Hex),
            (&"0".repeat(63), PinError::Length(63)),
        ] {
            assert_eq!(text.parse::<Pin>(), Err(error), "{text}");
        }
    }
}
